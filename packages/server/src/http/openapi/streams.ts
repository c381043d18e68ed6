import { header, json, query, type Operation, type Operations } from "./operation.ts";
import { ref, text, whole } from "./schema.ts";

const after = query("after", text, "Goes on behind this message, without gap or repeat.");

const socket = (id: string, summary: string): Operation => ({
  id,
  summary,
  tag: "runs",
  parameters: [after],
  answers: {
    "101": {
      description:
        "Text frames with a RunMessage each. Closes with 1000 when the run has ended, and with 4000 and the status of " +
        "a problem (4404: no such run), its code as the reason.",
    },
  },
  problems: [403, 426, 503],
});

export const STREAM_OPERATIONS: Operations = {
  "GET /api/runs/{id}/events": {
    id: "streamRun",
    summary:
      "What happened in a run and what happens to it until it has ended, as server-sent events or by long polls.",
    tag: "runs",
    parameters: [
      header("Last-Event-ID", text, "Goes on behind this event, without gap or repeat."),
      after,
      query("wait", { type: "number", minimum: 0, maximum: 60 }, "A poll: answers within so many seconds, with JSON."),
      header("Accept", text, "application/json is a poll without a wait."),
    ],
    answers: {
      "200": {
        description: "The events; for a poll, those behind the position.",
        content: { "text/event-stream": { schema: text }, "application/json": { schema: ref("RunMessages") } },
      },
      "204": { description: "The run has ended, and nothing lies behind the position." },
    },
    problems: [400, 404, 503],
  },
  "GET /api/runs/{id}/stream": socket("openRunSocket", "The same by WebSocket."),
  "GET /api/tasks/{id}/stream": socket("openTaskSocket", "The same by WebSocket, under the name of the task."),
  "GET /api/runs/{id}/logs": {
    id: "listRunLogs",
    summary: "The lines that the steps of a run wrote, in the order in which they came.",
    tag: "runs",
    parameters: [
      query("node", text, "Only those of this step."),
      query("limit", { ...whole, minimum: 1, maximum: 1000, default: 200 }, "Lines of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page.", "RunLogPage") },
    problems: [400, 404],
  },
};
