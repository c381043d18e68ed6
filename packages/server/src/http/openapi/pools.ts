import type { JsonObject } from "@weftwork/core";
import { json, jsonBody, query, type Operations } from "./operation.ts";
import { choice, described, list, nullable, ref, shape, text, time, whole } from "./schema.ts";

const POOL = json("The pool.", "Pool");

export const POOL_OPERATIONS: Operations = {
  "GET /api/pools": {
    id: "listPools",
    summary: "The pools of all processes on the store: slots, what is done, what waits and since when.",
    tag: "pools",
    parameters: [
      query("limit", { ...whole, minimum: 1, maximum: 200, default: 200 }, "Entries of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page of them.", "PoolPage") },
    problems: [400, 503],
  },
  "GET /api/pools/{pool}": {
    id: "getPool",
    summary: "One pool.",
    tag: "pools",
    answers: { "200": POOL },
    problems: [404, 503],
  },
  "POST /api/pools/{pool}/pause": {
    id: "pausePool",
    summary: "Begins nothing more of the pool in any process. Tasks under way go on; draining says that some are left.",
    tag: "pools",
    body: jsonBody(shape({ reason: described(text, "Shown to whoever looks.") }, ["reason"]), false),
    answers: { "200": POOL },
    problems: [400, 404, 503],
  },
  "POST /api/pools/{pool}/resume": {
    id: "resumePool",
    summary: "Lets the pool go on.",
    tag: "pools",
    answers: { "200": POOL },
    problems: [404, 503],
  },
};

const share: Readonly<Record<string, JsonObject>> = {
  slots: described(whole, "Tasks done at the same time at most."),
  active: described(whole, "Tasks being done."),
  waiting: described(whole, "Tasks that wait."),
};

export const POOL_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  Pool: shape({
    name: text,
    status: described(choice("active", "draining", "paused"), "draining: paused, and some tasks are still being done."),
    paused_at: nullable(time),
    reason: nullable(text),
    ...share,
    waiting_since: described(nullable(time), "Since when the oldest that no worker has taken waits."),
    workers: list(
      shape({ name: text, pid: whole, ...share, load: described(whole, "How busy the process is, in percent.") }),
    ),
  }),
  PoolPage: shape({ data: list(ref("Pool")), next_cursor: nullable(text) }),
};
