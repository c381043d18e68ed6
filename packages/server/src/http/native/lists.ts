import type { RunStatus } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import type { RunListQuery } from "../engine.ts";
import { text, time, type MemberCheck } from "../members.ts";
import { limit } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

const STATUSES: readonly RunStatus[] = ["pending", "running", "waiting", "succeeded", "failed", "cancelled"];
const LIMIT_DEFAULT = 50;

const statuses: MemberCheck = (value) =>
  String(value)
    .split(",")
    .every((one) => STATUSES.some((known) => known === one))
    ? null
    : `must be one or several of ${STATUSES.join(", ")}, with commas between`;

const FILTER = {
  status: { check: statuses },
  workflow: { check: text(200) },
  created_after: { check: time },
  created_before: { check: time },
  limit: { check: limit },
  cursor: { check: text(200) },
  q: { check: text(500) },
};

/** `GET /api/runs`, newest first in pages, and `GET /api/stats`. */
export function listRoutes(app: FastifyInstance, surface: Surface): void {
  const { runs } = surface.engine;
  app.get("/api/runs", async (request, reply) => sendJson(reply, 200, await runs.list(readFilter(request.query))));
  app.get("/api/stats", async (_request, reply) => sendJson(reply, 200, await runs.stats()));
}

function readFilter(query: unknown): RunListQuery {
  const given = readQuery(query, FILTER);
  return {
    limit: given.limit === undefined ? LIMIT_DEFAULT : Number(given.limit),
    ...(given.status === undefined ? {} : { status: given.status.split(",") as RunStatus[] }),
    ...(given.workflow === undefined ? {} : { workflow: given.workflow }),
    ...(given.created_after === undefined ? {} : { createdAfter: Date.parse(given.created_after) }),
    ...(given.created_before === undefined ? {} : { createdBefore: Date.parse(given.created_before) }),
    ...(given.q === undefined ? {} : { q: given.q }),
    ...(given.cursor === undefined ? {} : { cursor: given.cursor }),
  };
}
