import { header, json, jsonBody, query, type Operations } from "./operation.ts";
import { anyObject, flag, ref, shape, text, time, whole } from "./schema.ts";

const PAGE = [
  query("limit", { ...whole, minimum: 1, maximum: 200, default: 50 }, "Entries of a page."),
  query("cursor", text, "The next_cursor of the page before."),
];
const REPEATABLE = header("Idempotency-Key", text, "Makes a repeat the same.");

export const INTERVENTION_OPERATIONS: Operations = {
  "GET /api/dead-letters": {
    id: "listDeadLetters",
    summary:
      "Runs that failed and that nobody has settled, newest first. A page may be short although there is a next one.",
    tag: "operations",
    parameters: [
      query("workflow", text, "Only runs of this workflow."),
      query("error_code", text, "Only those that failed with this code, in any case."),
      query("quarantined", flag, "Only those that were set aside after crashes, or only the others."),
      query("created_after", time, "Submitted after this time."),
      query("created_before", time, "Submitted before this time."),
      ...PAGE,
    ],
    answers: { "200": json("A page.", "DeadLetterPage") },
    problems: [400],
  },
  "GET /api/dead-letters/{id}": {
    id: "getDeadLetter",
    summary: "One with its inputs, its error, the step that failed and the tries of that.",
    tag: "operations",
    answers: { "200": json("It.", "DeadLetterDetail") },
    problems: [400, 404],
  },
  "POST /api/dead-letters/{id}/retry": {
    id: "retryDeadLetter",
    summary: "Begins a run that takes over, at the step that failed. What it does not change is taken over.",
    tag: "operations",
    parameters: [REPEATABLE],
    body: jsonBody(
      shape({ inputs: anyObject, step: text, scope: text, version: text }, ["inputs", "step", "scope", "version"]),
      false,
    ),
    answers: {
      "200": json("A repeat: the run that has taken over.", "RerunAnswer"),
      "202": json("The new run, and what it reuses.", "RerunAnswer"),
    },
    problems: [400, 404, 409, 422, 503],
  },
  "POST /api/dead-letters/{id}/discard": {
    id: "discardDeadLetter",
    summary: "Takes it from the list for good. The run itself stays as it is.",
    tag: "operations",
    body: jsonBody(shape({ reason: text }, ["reason"]), false),
    answers: { "200": json("It.", "DeadLetter") },
    problems: [400, 404, 503],
  },
  "POST /api/operations": {
    id: "startOperation",
    summary: "Does something to many runs in the background; with dry_run only counts them.",
    tag: "operations",
    parameters: [REPEATABLE],
    body: jsonBody(ref("OperationRequest")),
    answers: {
      "200": {
        description: "With dry_run: how many it would be for. Otherwise a repeat with the same key.",
        content: { "application/json": { schema: { anyOf: [ref("OperationPreview"), ref("Operation")] } } },
      },
      "202": json("It has begun, and goes on by itself.", "Operation"),
    },
    problems: [400, 415, 503],
  },
  "GET /api/operations": {
    id: "listOperations",
    summary: "Operations, newest first.",
    tag: "operations",
    parameters: PAGE,
    answers: { "200": json("A page.", "OperationPage") },
    problems: [400],
  },
  "GET /api/operations/{id}": {
    id: "getOperation",
    summary: "An operation with how far it has come.",
    tag: "operations",
    answers: { "200": json("It.", "Operation") },
    problems: [400, 404],
  },
  "POST /api/operations/{id}/abort": {
    id: "abortOperation",
    summary: "Stops it. What it has done stays done.",
    tag: "operations",
    body: jsonBody(anyObject, false),
    answers: { "202": json("It, being stopped or ended.", "Operation") },
    problems: [400, 404],
  },
};
