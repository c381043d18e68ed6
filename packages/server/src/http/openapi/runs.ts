import { header, json, jsonBody, query, type Operations } from "./operation.ts";
import { anything, anyObject, choice, ref, shape, text, time, whole } from "./schema.ts";

const target = { step: text, scope: text };

export const RUN_OPERATIONS: Operations = {
  "POST /api/runs": {
    id: "startRun",
    summary: "Submits a run. It is durable when this is answered.",
    tag: "runs",
    parameters: [
      header("Prefer", text, "wait=30 answers with the run when it ends within so many seconds (RFC 7240)."),
      header("Idempotency-Key", text, "Makes a repeat the same run for 24 hours."),
    ],
    body: jsonBody(ref("RunSubmission")),
    answers: {
      "200": json("A repeat of an earlier submission; or, with Prefer: wait, the run that has ended.", "SubmittedRun"),
      "202": json("Submitted.", "SubmittedRun"),
    },
    problems: [400, 404, 409, 415, 422, 503],
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
    parameters: [query("include", choice("steps"), "Adds the steps of the root and of every open scope (RunDetail).")],
    answers: {
      "200": {
        description: "The run.",
        content: { "application/json": { schema: { anyOf: [ref("Run"), ref("RunDetail")] } } },
      },
    },
    problems: [400, 404],
  },
  "GET /api/tasks/{id}": {
    id: "getTask",
    summary: "A run as one task with its steps, in the shape for polling.",
    tag: "runs",
    answers: { "200": json("The task.", "TaskProgress") },
    problems: [404],
  },
  "GET /api/runs/{id}/events": {
    id: "streamRun",
    summary: "What happened in a run and what happens to it until it has ended, as server-sent events.",
    tag: "runs",
    parameters: [
      header("Last-Event-ID", text, "Goes on behind this event, without gap or repeat."),
      query("after", text, "The same, for a first connection."),
    ],
    answers: {
      "200": { description: "The events.", content: { "text/event-stream": { schema: text } } },
      "204": { description: "The run has ended, and nothing lies behind the position." },
    },
    problems: [404, 503],
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
    body: jsonBody(shape(target, ["scope"])),
    answers: { "202": json("The new run, and what it reuses.", "RerunAnswer") },
    problems: [400, 404, 503],
  },
  "POST /api/runs/{id}/retry": {
    id: "retryRun",
    summary: "The same, at the step that failed the run.",
    tag: "runs",
    body: jsonBody(anyObject, false),
    answers: { "202": json("The new run, and what it reuses.", "RerunAnswer") },
    problems: [404, 409, 503],
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
    body: jsonBody(shape({ ...target, by: text, form: anyObject }, ["scope", "by", "form"])),
    answers: { "202": json("Recorded.", "SubmittedRun") },
    problems: [400, 404, 409],
  },
  "POST /api/runs/{id}/reject": {
    id: "rejectStep",
    summary: "Rejects a step that waits for a person.",
    tag: "runs",
    body: jsonBody(shape({ ...target, by: text, form: anyObject }, ["scope", "by", "form"])),
    answers: { "202": json("Recorded.", "SubmittedRun") },
    problems: [400, 404, 409],
  },
};
