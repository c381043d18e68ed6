export * from "./base/json.ts";
export * from "./base/errors.ts";
export * from "./base/duration.ts";
export * from "./base/fence.ts";
export * from "./base/payload.ts";
export * from "./base/file.ts";
export * from "./expression/scope.ts";
export * from "./expression/parse.ts";
export * from "./expression/template.ts";
export {
  evaluate,
  evaluateCondition,
  renderTemplate,
  type Dialect,
  type EvaluateOptions,
} from "./expression/evaluate.ts";
export * from "./schema/json-schema.ts";
export * from "./workflow/workflow.ts";
export * from "./workflow/parse.ts";
export { validateWorkflow } from "./workflow/validate.ts";
export { readYaml, type YamlDocument } from "./workflow/yaml-document.ts";
export * from "./workflow/dify-steps.ts";
export * from "./dify/import.ts";
export * from "./dify/export.ts";
export * from "./dify/report.ts";
export * from "./dify/support.ts";
export * from "./dify/start-inputs.ts";
export { formOf, ROOT_INPUT, rootsOf } from "./dify/roots.ts";
export { checkWebhookHead, mediaType, webhookInputs, webhookResponse, type WebhookBody } from "./dify/webhook.ts";
export { operateOnList } from "./dify/list-operator.ts";
export * from "./dify/code-outputs.ts";
export { difyFile, difyFiles, storedFile, storedId } from "./dify/file-value.ts";
export * from "./dify/context.ts";
export { renderValue, pythonType, type Form } from "./dify/render.ts";
export * from "./plan/plan.ts";
export * from "./plan/compile.ts";
export { nestedKey } from "./plan/node.ts";
export { isSecretName, SECRET_NAME_RULE, type SecretNeeds } from "./plan/secrets.ts";
export * from "./engine/event.ts";
export * from "./engine/input.ts";
export * from "./engine/command.ts";
export {
  initialState,
  isFinal,
  type RunState,
  type ScopeState,
  type TaskState,
  type TaskStatus,
} from "./engine/state.ts";
export { evolve, foldRow, keepUndecided, nodeOf } from "./engine/evolve.ts";
export { decide, start } from "./engine/decide.ts";
export * from "./engine/outstanding.ts";
export * from "./engine/scope-view.ts";
export { defaultInput } from "./engine/default-input.ts";
export * from "./engine/snapshot.ts";
export { encodeTask, encodeTaskBriefly, readTask, type EncodedTask } from "./engine/task-text.ts";
export * from "./engine/rerun.ts";
export { bodyOf } from "./engine/way.ts";
export * from "./engine/waiting-for.ts";
export { ResponseOrder, type ResponseChunk } from "./engine/dify-response.ts";
export { ResponseFollower } from "./engine/dify-follow.ts";
export { difyStatus, exceptionsCount, fileSecret, type DifyStatus } from "./engine/dify-view.ts";
export { hash32 } from "./engine/retry.ts";
export { scopeOutput } from "./engine/output.ts";
