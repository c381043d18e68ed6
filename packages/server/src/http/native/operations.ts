import { isJsonObject, type Json } from "@weftwork/core";
import { OPERATION_ACTIONS, type OperationRequest } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import { checkMembers, object, text, time, type MemberCheck, type MemberRule } from "../members.ts";
import { limit } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";
import { STATUSES } from "./lists.ts";
import { id as runId, readIdempotencyKey } from "./submission.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const LIMIT_DEFAULT = 50;
const IDS_MAX = 10_000;
const RATE_MAX = 500;

const oneOf =
  (known: readonly string[]): MemberCheck =>
  (value) =>
    known.some((one) => one === value) ? null : `must be one of ${known.join(", ")}`;

const flag: MemberCheck = (value) => (typeof value === "boolean" ? null : "must be true or false");

const rate: MemberCheck = (value) =>
  typeof value === "number" && value > 0 && value <= RATE_MAX
    ? null
    : `must be a number of runs a second, up to ${RATE_MAX}`;

const ids: MemberCheck = (value) => {
  const list: readonly Json[] = Array.isArray(value) ? value : [];
  if (list.length === 0 || list.length > IDS_MAX) return `must be a list of 1 to ${IDS_MAX} ids of runs`;
  const wrong = list.find((one) => runId(one) !== null);
  return wrong === undefined ? null : `has an id that ${runId(wrong)}`;
};

const statuses: MemberCheck = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  (value as readonly Json[]).every((one) => STATUSES.some((known) => known === one))
    ? null
    : `must be a list of ${STATUSES.join(", ")}`;

const texts: MemberCheck = (value) =>
  isJsonObject(value) && Object.values(value).every((one) => typeof one === "string")
    ? null
    : "must be an object of texts";

const FILTER: Readonly<Record<string, MemberRule>> = {
  status: { check: statuses },
  workflow: { check: text(200) },
  error_code: { check: text(100) },
  quarantined: { check: flag },
  created_after: { check: time },
  created_before: { check: time },
  metadata: { check: texts },
};

const REQUEST: Readonly<Record<string, MemberRule>> = {
  action: { check: oneOf(OPERATION_ACTIONS), required: true },
  filter: { check: object },
  ids: { check: ids },
  dry_run: { check: flag },
  reason: { check: text(1000) },
  step: { check: text(200) },
  scope: { check: text(1000) },
  inputs: { check: object },
  version: { check: text(200) },
  rate: { check: rate },
};

/** `/api/operations`: what is done to many runs at once. */
export function operationRoutes(app: FastifyInstance, surface: Surface): void {
  const { operations } = surface.engine;

  app.post("/api/operations", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, REQUEST);
    if (isJsonObject(body["filter"])) checkMembers(body["filter"], FILTER);
    const { dry_run, ...asked } = body as unknown as OperationRequest;
    if (dry_run === true) return sendJson(reply, 200, await operations.preview(asked));
    const key = readIdempotencyKey(request.headers["idempotency-key"]);
    const { operation, created } = await operations.begin(asked, key);
    reply.header("location", operation.links.self);
    if (!created) reply.header("idempotency-replayed", "true");
    return sendJson(reply, created ? 202 : 200, operation);
  });

  app.get("/api/operations", async ({ query }, reply) => {
    const given = readQuery(query, { limit: { check: limit }, cursor: { check: text(200) } });
    const page = await operations.list({
      limit: given.limit === undefined ? LIMIT_DEFAULT : Number(given.limit),
      ...(given.cursor === undefined ? {} : { cursor: given.cursor }),
    });
    return sendJson(reply, 200, page);
  });

  app.get<ById>("/api/operations/:id", async ({ params: { id }, query }, reply) => {
    readQuery(query, {});
    return sendJson(reply, 200, await operations.get(id));
  });

  app.post<ById>("/api/operations/:id/abort", async (request, reply) => {
    checkMembers(optionalJsonObjectOf(request.body), {});
    return sendJson(reply, 202, await operations.abort(request.params.id));
  });
}
