import { ERRORS, PRIORITIES, type JsonObject } from "@weftwork/core";
import {
  anyObject,
  anything,
  choice,
  described,
  flag,
  list,
  mapOf,
  nullable,
  ref,
  shape,
  text,
  time,
  whole,
} from "./schema.ts";

const STATUS = ["pending", "running", "waiting", "succeeded", "failed", "cancelled"];

const failure = { code: text, message: text, retryable: flag, details: anyObject };

const heads = {
  id: text,
  workflow: text,
  version: text,
  status: ref("RunStatus"),
  priority: ref("Priority"),
  metadata: anyObject,
  created_at: time,
  started_at: nullable(time),
  finished_at: nullable(time),
  links: ref("RunLinks"),
};

const run = {
  ...heads,
  inputs: anyObject,
  outputs: described(nullable(anyObject), "Null until the run has succeeded."),
  error: nullable(ref("RunError")),
  waiting_for: described(nullable(ref("RunWaiting")), "Why the run does not move."),
  usage: ref("Usage"),
  cost: described(nullable({ type: "number" }), "Null while no prices are configured."),
};

const submitted = { id: text, task_id: text, status: ref("RunStatus"), links: ref("RunLinks") };
const version = { name: text, version: text, hash: text, created_at: time };

/** The resources of the native API, as `@weftwork/sdk` types them. */
export const SCHEMAS: Readonly<Record<string, JsonObject>> = {
  RunStatus: choice(...STATUS),
  Priority: choice(...PRIORITIES),
  Usage: shape({ input_tokens: whole, output_tokens: whole, total_tokens: whole }),
  RunLinks: shape({ self: text, task: text, events: text, cancel: text }),
  Failure: shape(failure, ["details"]),
  RunError: shape({ ...failure, scope: nullable(text), step: nullable(text) }, ["details"]),
  RunWaiting: shape({ code: text, message: text, step: nullable(text), until: nullable(time) }),
  Run: shape(run),
  RunListItem: shape({ ...heads, error_code: nullable(text) }),
  RunStep: shape({
    scope: described(text, "root, each-doc[3], retry-loop#2"),
    id: text,
    type: text,
    status: choice(...STATUS, "skipped"),
    attempt: described(whole, "From 1; 0 for a step that was not reached."),
    output: described(anything, "The value, or {truncated, size} when it is too large to be shown here."),
    error: nullable(ref("Failure")),
    usage: nullable(ref("Usage")),
    started_at: nullable(time),
    finished_at: nullable(time),
    handle: nullable(text),
  }),
  RunDetail: shape({ ...run, steps: list(ref("RunStep")) }),
  RunPage: shape({ data: list(ref("RunListItem")), next_cursor: nullable(text) }),
  RunSubmission: {
    ...shape(
      {
        workflow: text,
        version: text,
        id: described(text, "The caller's own id; submitting it again is the same run."),
        inputs: anyObject,
        priority: ref("Priority"),
        metadata: anyObject,
        run_at: described(time, "The run does not start before it."),
      },
      ["version", "id", "inputs", "priority", "metadata", "run_at"],
    ),
    additionalProperties: false,
  },
  SubmittedRun: shape(submitted),
  RerunAnswer: shape({ ...submitted, rerun_of: text, reused: whole, reused_tokens: whole }),
  TaskProgress: shape({
    task_id: text,
    status: choice("pending", "running", "waiting", "success", "failed", "cancelled"),
    steps: list(shape({ name: text, status: choice("pending", "running", "completed", "failed", "skipped") })),
    partial: described(mapOf(text), "Text so far of steps that stream."),
    result: anything,
    error: nullable(ref("RunError")),
    created_at: time,
    links: ref("RunLinks"),
  }),
  Stats: shape({ runs: shape({ submitted: whole, open: whole, succeeded: whole, failed: whole, cancelled: whole }) }),
  WorkflowVersion: shape(version),
  PublishedWorkflow: shape({ ...version, created: flag, problems: list(anyObject) }),
  WorkflowPage: shape({ data: list(ref("WorkflowVersion")), next_cursor: nullable(text) }),
  WorkflowDetail: shape({
    ...version,
    description: nullable(text),
    inputs: described(nullable(anyObject), "JSON Schema of a run's inputs."),
    step_count: whole,
    nested: list(text),
    source: text,
  }),
  WorkflowFinding: shape({
    severity: choice("error", "warning"),
    code: text,
    message: text,
    suggestion: nullable(text),
    pointer: text,
    line: whole,
    column: whole,
  }),
  WorkflowCheck: shape({
    valid: flag,
    workflow: nullable(text),
    problems: list(ref("WorkflowFinding")),
    unavailable: list(shape({ step: text, type: text, reason: text })),
  }),
  WorkflowGraph: shape({
    name: text,
    version: text,
    hash: text,
    nodes: list(
      shape({
        id: text,
        step: text,
        title: nullable(text),
        type: text,
        kind: text,
        parent: nullable(text),
        when: nullable(text),
        on_error: choice("fail", "continue", "branch", "default"),
        timeout_ms: nullable(whole),
        nested: nullable(text),
      }),
    ),
    edges: list(shape({ from: text, to: text, handle: nullable(text), order_only: flag })),
  }),
  Readiness: shape({ ready: flag, reasons: list(text) }),
  Problem: shape(
    {
      type: text,
      title: text,
      status: whole,
      detail: text,
      code: ref("ErrorCode"),
      request_id: text,
      retryable: flag,
      errors: list(anyObject),
    },
    ["errors"],
  ),
  ErrorCode: choice(...Object.keys(ERRORS).map((code) => code.toLowerCase())),
};
