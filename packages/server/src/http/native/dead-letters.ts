import type { DeadLetterRetry } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { optionalJsonObjectOf } from "../body.ts";
import { checkMembers, object, text, time, type MemberCheck, type MemberRule } from "../members.ts";
import { limit } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";
import { keyOf, sendAgain } from "./again.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const LIMIT_DEFAULT = 50;

const yesOrNo: MemberCheck = (value) => (value === "true" || value === "false" ? null : "must be true or false");

const FILTER = {
  workflow: { check: text(200) },
  error_code: { check: text(100) },
  quarantined: { check: yesOrNo },
  created_after: { check: time },
  created_before: { check: time },
  limit: { check: limit },
  cursor: { check: text(500) },
};

const RETRY: Readonly<Record<string, MemberRule>> = {
  inputs: { check: object },
  step: { check: text(200) },
  scope: { check: text(1000) },
  version: { check: text(200) },
};

/** `/api/dead-letters`: runs that failed, until somebody has settled them. */
export function deadLetterRoutes(app: FastifyInstance, surface: Surface): void {
  const { deadLetters } = surface.engine;

  app.get("/api/dead-letters", async ({ query }, reply) => {
    const given = readQuery(query, FILTER);
    const page = await deadLetters.list({
      limit: given.limit === undefined ? LIMIT_DEFAULT : Number(given.limit),
      ...(given.workflow === undefined ? {} : { workflow: given.workflow }),
      ...(given.error_code === undefined ? {} : { errorCode: given.error_code }),
      ...(given.quarantined === undefined ? {} : { quarantined: given.quarantined === "true" }),
      ...(given.created_after === undefined ? {} : { createdAfter: Date.parse(given.created_after) }),
      ...(given.created_before === undefined ? {} : { createdBefore: Date.parse(given.created_before) }),
      ...(given.cursor === undefined ? {} : { cursor: given.cursor }),
    });
    return sendJson(reply, 200, page);
  });

  app.get<ById>("/api/dead-letters/:id", async ({ params: { id }, query }, reply) => {
    readQuery(query, {});
    return sendJson(reply, 200, await deadLetters.get(id));
  });

  app.post<ById>("/api/dead-letters/:id/retry", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, RETRY);
    const { id } = request.params;
    return sendAgain(reply, id, await deadLetters.retry(id, { ...(body as DeadLetterRetry), ...keyOf(request) }));
  });

  app.post<ById>("/api/dead-letters/:id/discard", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, { reason: { check: text(1000) } });
    const reason = body["reason"];
    const { id } = request.params;
    return sendJson(reply, 200, await deadLetters.discard(id, typeof reason === "string" ? reason : null));
  });
}
