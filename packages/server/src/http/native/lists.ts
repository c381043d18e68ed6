import type { RunStatus } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import type { RunListQuery } from "../engine.ts";
import { text, time, type MemberCheck } from "../members.ts";
import { limit } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

export const STATUSES: readonly RunStatus[] = ["pending", "running", "waiting", "succeeded", "failed", "cancelled"];
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
  cursor: { check: text(500) },
  error_code: { check: text(100) },
  q: { check: text(500) },
};
/** The name of a filter on a member of the metadata. */
const METADATA = "metadata.";

/** `GET /api/runs`, newest first in pages, and `GET /api/stats`. */
export function listRoutes(app: FastifyInstance, surface: Surface): void {
  const { runs } = surface.engine;
  app.get("/api/runs", async (request, reply) => sendJson(reply, 200, await runs.list(readFilter(request.query))));
  app.get("/api/stats", async (_request, reply) => sendJson(reply, 200, await runs.stats()));
}

function readFilter(query: unknown): RunListQuery {
  const { plain, metadata } = withoutMetadata(query);
  const given = readQuery(plain, FILTER);
  return {
    ...(given.error_code === undefined ? {} : { errorCode: given.error_code }),
    ...(metadata === null ? {} : { metadata }),
    limit: given.limit === undefined ? LIMIT_DEFAULT : Number(given.limit),
    ...(given.status === undefined ? {} : { status: given.status.split(",") as RunStatus[] }),
    ...(given.workflow === undefined ? {} : { workflow: given.workflow }),
    ...(given.created_after === undefined ? {} : { createdAfter: Date.parse(given.created_after) }),
    ...(given.created_before === undefined ? {} : { createdBefore: Date.parse(given.created_before) }),
    ...(given.q === undefined ? {} : { q: given.q }),
    ...(given.cursor === undefined ? {} : { cursor: given.cursor }),
  };
}

/** Filters on members of the metadata bear the name of the member, so no table of parameters has them. */
function withoutMetadata(query: unknown): {
  readonly plain: object;
  readonly metadata: Readonly<Record<string, string>> | null;
} {
  const all = Object.entries((query ?? {}) as Readonly<Record<string, string | readonly string[]>>);
  const isFilter = ([name]: readonly [string, unknown]): boolean => name.startsWith(METADATA);
  const filters = all.filter(isFilter).map(([name, value]) => [name.slice(METADATA.length), String(value)] as const);
  return {
    plain: Object.fromEntries(all.filter((one) => !isFilter(one))),
    metadata: filters.length === 0 ? null : Object.fromEntries(filters),
  };
}
