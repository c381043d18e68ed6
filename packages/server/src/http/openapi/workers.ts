import { WORKER_TOKEN_HEADER } from "@weftwork/sdk";
import { header, json, jsonBody, type Operations } from "./operation.ts";
import {
  anyObject,
  anything,
  choice,
  described,
  flag,
  list,
  nullable,
  ref,
  shape,
  text,
  time,
  whole,
} from "./schema.ts";

const TOKEN = { ...header(WORKER_TOKEN_HEADER, text, "The token that joining answered."), required: true };

/** Users' own workers. */
export const WORKER_OPERATIONS: Operations = {
  "POST /api/workers": {
    id: "joinWorker",
    summary: "Registers a process of your own that does worker steps, and starts its lease.",
    tag: "workers",
    body: jsonBody(ref("WorkerJoin")),
    answers: { "201": json("Registered. The only answer with the token.", "WorkerJoined") },
    problems: [400, 415, 503],
  },
  "GET /api/workers": {
    id: "listWorkers",
    summary: "Own workers whose lease holds.",
    tag: "workers",
    answers: { "200": json("All of them.", "WorkerPage") },
  },
  "DELETE /api/workers/{id}": {
    id: "leaveWorker",
    summary: "Ends a worker in order. Others can take its tasks at once.",
    tag: "workers",
    parameters: [TOKEN],
    answers: { "204": { description: "Ended." } },
    problems: [404, 503],
  },
  "POST /api/workers/{id}/heartbeat": {
    id: "workerHeartbeat",
    summary: "Starts the lease anew, and tells which tasks are to be stopped.",
    tag: "workers",
    parameters: [TOKEN],
    body: jsonBody(ref("WorkerHeartbeat"), false),
    answers: { "200": json("The lease holds.", "WorkerHeartbeatAnswer") },
    problems: [400, 404, 503],
  },
  "POST /api/workers/{id}/tasks": {
    id: "takeWorkerTasks",
    summary: "Takes tasks of the worker's pools; waits for up to 30 seconds while there are none.",
    tag: "workers",
    parameters: [TOKEN],
    body: jsonBody(ref("WorkerTake"), false),
    answers: { "200": json("Tasks to do; none when the time is over.", "WorkerTasks") },
    problems: [400, 404, 503],
  },
  "POST /api/workers/{id}/tasks/{task}/progress": {
    id: "reportWorkerProgress",
    summary: "Text and log lines for those who watch the run. Best effort, and no part of the result.",
    tag: "workers",
    parameters: [TOKEN],
    body: jsonBody(ref("WorkerProgress")),
    answers: { "204": { description: "Passed on." } },
    problems: [400, 404, 409, 413, 503],
  },
  "POST /api/workers/{id}/tasks/{task}/result": {
    id: "reportWorkerResult",
    summary: "What became of a task. Taken from its present holder only; the same again is answered alike.",
    tag: "workers",
    parameters: [TOKEN],
    body: jsonBody(ref("WorkerResult")),
    answers: { "204": { description: "Recorded: it is durable." } },
    problems: [400, 404, 409, 413, 503],
  },
};

export const WORKER_SCHEMAS = {
  WorkerJoin: shape({ name: text, pools: list(text), lease_ms: whole }, ["name", "lease_ms"]),
  WorkerJoined: shape({ id: text, token: text, lease_ms: whole, heartbeat_ms: whole }),
  OwnWorker: shape({ id: text, name: text, pools: list(text), joined_at: time, lease_until: time }),
  WorkerPage: shape({ data: list(ref("OwnWorker")), next_cursor: nullable(text) }),
  WorkerTake: shape({ limit: whole, wait: described(whole, "Seconds, 0 to 30.") }, ["limit", "wait"]),
  WorkerTask: shape({
    id: described(text, "Names the task in later calls."),
    run_id: text,
    step: text,
    scope: text,
    attempt: whole,
    key: described(text, "Same whenever this attempt is done again: an idempotency key."),
    pool: text,
    handler: text,
    input: anything,
    config: anyObject,
    deadline: nullable(time),
    timeout_ms: nullable(whole),
  }),
  WorkerTasks: shape({ data: list(ref("WorkerTask")) }),
  WorkerHeartbeat: shape({ tasks: described(list(text), "All tasks that the worker has in hand.") }, ["tasks"]),
  WorkerHeartbeatAnswer: shape({ lease_ms: whole, unwanted: described(list(text), "Tasks to stop.") }),
  WorkerProgress: shape({
    parts: list(
      shape({ type: choice("text_delta", "log"), text, level: choice("info", "warn", "error"), message: text }, [
        "text",
        "level",
        "message",
      ]),
    ),
  }),
  WorkerResult: shape(
    {
      status: choice("completed", "failed", "given_back"),
      output: described(anything, "With completed."),
      error: shape({ message: text, code: text, retryable: flag, details: anyObject }, [
        "code",
        "retryable",
        "details",
      ]),
      retry_after_ms: whole,
    },
    ["output", "error", "retry_after_ms"],
  ),
} as const;
