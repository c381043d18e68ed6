export { openWeft, readExport, type ExportReading, type Weft, type WeftOptions } from "./weft.ts";
export { completed, defineNode, failed, parked } from "./nodes/define-node.ts";
export type { Effect, NodeExecutor, NodeTask, Outcome, TaskPart, Usage } from "./nodes/node.ts";
export { AppError, type Failure, type Json, type JsonObject, type Problem } from "@weftwork/core";
export type { Run, RunMessage, RunSubmission, TaskProgress, WorkflowVersion } from "@weftwork/sdk";
export { testWorkflow, type CaseResult, type TestReport, type TestWorkflowOptions } from "./testkit/run-cases.ts";
export type {
  CaseSource,
  ExpectSource,
  HttpAnswerSource,
  ModelAnswerSource,
  PromptSource,
  StepSource,
} from "./testkit/case.ts";
export type { Difference } from "./testkit/difference.ts";
export { recordCase, withCase, type Recording } from "./testkit/record-case.ts";
