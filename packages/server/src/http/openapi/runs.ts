import { header, json, jsonBody, query, type Operations } from "./operation.ts";
import { anything, anyObject, choice, ref, shape, text, time, whole } from "./schema.ts";

const target = { step: text, scope: text };

const WAIT = header(
  "Prefer",
  text,
  "wait=30 answers when the run has ended, or after so many seconds as it stands then.",
);
const REPEATABLE = header("Idempotency-Key", text, "Makes a repeat the same run for 24 hours.");

export const RUN_OPERATIONS: Operations = {
  "POST /api/runs": {
    id: "startRun",
    summary: "Submits a run. It is durable when this is answered.",
    tag: "runs",
    parameters: [
      header("Prefer", text, "wait=30 answers with the run when it ends within so many seconds (RFC 7240)."),
      REPEATABLE,
    ],
    body: jsonBody(ref("RunSubmission")),
    answers: {
      "200": json("A repeat of an earlier submission; or, with Prefer: wait, the run that has ended.", "SubmittedRun"),
      "202": json("Submitted.", "SubmittedRun"),
    },
    problems: [400, 404, 409, 415, 422, 429, 503],
  },
  "GET /api/runs": {
    id: "listRuns",
    summary: "Runs, newest first.",
    tag: "runs",
    parameters: [
      query("status", text, "One or several, with commas between."),
      query("workflow", text, "Only runs of this workflow."),
      query("created_after", time, "Submitted after this time."),
      query("created_before", time, "Submitted before this time."),
      query("error_code", text, "Only runs that failed with this code, in any case. A page may be short, then."),
      query(
        "metadata.NAME",
        text,
        "Only runs with this member in their metadata; what is no text is compared as JSON. A page may be short, then.",
      ),
      query("q", text, "Words that all stand in the inputs, outputs or error of the run, in any order and case."),
      query("limit", { ...whole, minimum: 1, maximum: 200, default: 50 }, "Runs of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page.", "RunPage") },
    problems: [400],
  },
  "GET /api/runs/{id}": {
    id: "getRun",
    summary: "A run as it is recorded.",
    tag: "runs",
    parameters: [
      query("include", choice("steps"), "Adds the steps of the root and of every open scope (RunDetail)."),
      query("scope", text, "With include=steps: the steps of this scope, open or ended, and no others."),
      WAIT,
    ],
    answers: {
      "200": {
        description: "The run.",
        content: { "application/json": { schema: { anyOf: [ref("Run"), ref("RunDetail")] } } },
      },
    },
    problems: [400, 404],
  },
  "GET /api/runs/{id}/steps/{step}": {
    id: "getStep",
    summary: "One step of a run with its values whole.",
    tag: "runs",
    parameters: [query("scope", text, "Left out: the root.")],
    answers: { "200": json("The step.", "RunStep") },
    problems: [400, 404],
  },
  "GET /api/runs/{id}/steps/{step}/output": {
    id: "getStepOutput",
    summary: "The value of a step alone, as it is stored. One of any size comes as a stream.",
    tag: "runs",
    parameters: [query("scope", text, "Left out: the root.")],
    answers: { "200": { description: "The value.", content: { "application/json": { schema: {} } } } },
    problems: [400, 404, 503],
  },
  "GET /api/runs/{id}/export": {
    id: "exportRun",
    summary: "Everything recorded of a run, as one document that needs nothing else.",
    tag: "runs",
    answers: { "200": json("The document. Values of up to 256 MB stand in it.", "RunExport") },
    problems: [400, 404, 413],
  },
  "GET /api/tasks/{id}": {
    id: "getTask",
    summary: "A run as one task with its steps, in the shape for polling.",
    tag: "runs",
    parameters: [WAIT],
    answers: { "200": json("The task.", "TaskProgress") },
    problems: [404],
  },
  "POST /api/runs/{id}/cancel": {
    id: "cancelRun",
    summary: "Ends a run where it stands.",
    tag: "runs",
    body: jsonBody(shape({ reason: text }, ["reason"]), false),
    answers: { "200": json("The run has ended.", "Run"), "202": json("It is being cancelled.", "Run") },
    problems: [400, 404],
  },
  "POST /api/runs/{id}/rerun": {
    id: "rerunRun",
    summary: "Begins a new run at a step of this one. What does not follow from the step is taken over.",
    tag: "runs",
    parameters: [REPEATABLE],
    body: jsonBody({
      ...shape({ ...target, inputs: anyObject, version: text }, ["scope", "inputs", "version"]),
      description:
        "inputs: those to be replaced; a step that reads one of them is computed again, with all that follows. version: what is the same in both is taken over.",
    }),
    answers: {
      "200": json("A repeat with the same key: the run it began.", "RerunAnswer"),
      "202": json("The new run, and what it reuses.", "RerunAnswer"),
    },
    problems: [400, 404, 422, 429, 503],
  },
  "POST /api/runs/{id}/retry": {
    id: "retryRun",
    summary: "The same, at the step that failed the run.",
    tag: "runs",
    parameters: [REPEATABLE],
    body: jsonBody(anyObject, false),
    answers: {
      "200": json("A repeat with the same key: the run it began.", "RerunAnswer"),
      "202": json("The new run, and what it reuses.", "RerunAnswer"),
    },
    problems: [404, 409, 422, 429, 503],
  },
  "POST /api/runs/{id}/signals": {
    id: "signalRun",
    summary: "Gives a run a signal. It is kept until a step waits for it.",
    tag: "runs",
    body: jsonBody(shape({ name: text, payload: anything, id: text }, ["payload", "id"])),
    answers: { "202": json("Recorded.", "SubmittedRun") },
    problems: [400, 404, 409],
  },
  "POST /api/runs/{id}/approve": {
    id: "approveStep",
    summary: "Approves a step that waits for a person.",
    tag: "runs",
    body: jsonBody(shape({ ...target, by: text, form: anyObject, action: text }, ["scope", "by", "form", "action"])),
    answers: { "202": json("Recorded.", "SubmittedRun") },
    problems: [400, 404, 409],
  },
  "POST /api/runs/{id}/reject": {
    id: "rejectStep",
    summary: "Rejects a step that waits for a person.",
    tag: "runs",
    body: jsonBody(shape({ ...target, by: text, form: anyObject, action: text }, ["scope", "by", "form", "action"])),
    answers: { "202": json("Recorded.", "SubmittedRun") },
    problems: [400, 404, 409],
  },
};
