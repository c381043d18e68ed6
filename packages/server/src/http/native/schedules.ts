import type { Json, JsonObject } from "@weftwork/core";
import type { NewSchedule, ScheduleChange, SchedulePreviewRequest } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import { checkMembers, object, text, time, type MemberCheck, type MemberRule } from "../members.ts";
import { PAGING } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";
import { priority, readIdempotencyKey } from "./submission.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const orNull =
  (check: MemberCheck): MemberCheck =>
  (value) =>
    value === null ? null : check(value);

const oneOf =
  (...known: readonly string[]): MemberCheck =>
  (value) =>
    known.includes(value as string) ? null : `must be one of ${known.join(", ")}`;

const duration: MemberCheck = (value) =>
  typeof value === "number" || typeof value === "string" ? null : 'must be a duration such as "60s"';

const count: MemberCheck = (value) =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 100
    ? null
    : "must be a whole number from 1 to 100";

/** What a rule, a zone or a duration may be is decided where schedules are kept. */
const CHANGE: Readonly<Record<string, MemberRule>> = {
  name: { check: text(200) },
  workflow: { check: text(200) },
  version: { check: orNull(text(200)) },
  root: { check: orNull(text(200)) },
  inputs: { check: object },
  cron: { check: text(200) },
  zone: { check: text(100) },
  catch_up: { check: oneOf("skip", "last", "all") },
  overlap: { check: oneOf("allow", "skip") },
  jitter: { check: duration },
  priority: { check: orNull(priority) },
  metadata: { check: object },
  starts_at: { check: orNull(time) },
  ends_at: { check: orNull(time) },
};
const NEW: Readonly<Record<string, MemberRule>> = {
  ...CHANGE,
  name: { check: text(200), required: true },
  workflow: { check: text(200), required: true },
};
const PREVIEW: Readonly<Record<string, MemberRule>> = {
  cron: { check: text(200), required: true },
  zone: { check: text(100) },
  after: { check: time },
  count: { check: count },
};

/** `/api/schedules`: when runs begin by themselves. `{id}` is an id or a name. */
export function scheduleRoutes(app: FastifyInstance, surface: Surface): void {
  const { schedules } = surface.engine;

  app.get("/api/schedules", async ({ query }, reply) => {
    const { limit, ...asked } = readQuery(query, PAGING);
    return sendJson(reply, 200, await schedules.list(limit === undefined ? asked : { ...asked, limit: Number(limit) }));
  });

  app.post("/api/schedules", async (request, reply) => {
    surface.refuseWhileDraining();
    const made = await schedules.create(checked<NewSchedule>(request.body, NEW));
    return sendJson(reply.header("location", made.links.self), 201, made);
  });

  app.post("/api/schedules/preview", async (request, reply) =>
    sendJson(reply, 200, await schedules.preview(checked<SchedulePreviewRequest>(request.body, PREVIEW))),
  );

  app.get<ById>("/api/schedules/:id", async ({ params }, reply) =>
    sendJson(reply, 200, await schedules.find(params.id)),
  );

  app.patch<ById>("/api/schedules/:id", async (request, reply) =>
    sendJson(reply, 200, await schedules.update(request.params.id, checked<ScheduleChange>(request.body, CHANGE))),
  );

  app.delete<ById>("/api/schedules/:id", async ({ params }, reply) => {
    await schedules.remove(params.id);
    return reply.code(204).send();
  });

  for (const verb of ["pause", "resume"] as const) {
    app.post<ById>(`/api/schedules/:id/${verb}`, async (request, reply) => {
      checkMembers(optionalJsonObjectOf(request.body), {});
      return sendJson(reply, 200, await schedules[verb](request.params.id));
    });
  }

  app.post<ById>("/api/schedules/:id/trigger", async (request, reply) => {
    surface.refuseWhileDraining();
    checkMembers(optionalJsonObjectOf(request.body), {});
    const key = readIdempotencyKey(request.headers["idempotency-key"]);
    const begun = await schedules.trigger(request.params.id, key === null ? {} : { idempotencyKey: key });
    if (!begun.created) reply.header("idempotency-replayed", "true");
    return sendJson(reply.header("location", `/api/runs/${encodeURIComponent(begun.run)}`), 202, begun);
  });
}

function checked<Body>(body: unknown, rules: Readonly<Record<string, MemberRule>>): Body {
  const given: JsonObject = jsonObjectOf(body as Json);
  checkMembers(given, rules);
  return given as unknown as Body;
}
