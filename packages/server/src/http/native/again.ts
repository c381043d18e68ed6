import type { RerunAnswer } from "@weftwork/sdk";
import type { FastifyInstance, FastifyReply } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import type { RerunTarget, RunAgain } from "../engine.ts";
import { checkMembers, object, text, type MemberRule } from "../members.ts";
import { sendJson, type Surface } from "../surface.ts";
import { submitted } from "./runs.ts";
import { readIdempotencyKey } from "./submission.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const REQUEST: Readonly<Record<string, MemberRule>> = {
  step: { check: text(200), required: true },
  scope: { check: text(1000) },
  inputs: { check: object },
  version: { check: text(200) },
};

const RECOMPUTED_MAX = 200;

/** A run once more, from a step of choice or from the one that failed it. What lies before is taken over. */
export function againRoutes(app: FastifyInstance, surface: Surface): void {
  const { runs } = surface.engine;

  app.post<ById>("/api/runs/:id/rerun", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, REQUEST);
    const { step, ...rest } = body;
    const target = { node: step, ...rest, ...keyOf(request) } as unknown as RerunTarget;
    return sendAgain(reply, request.params.id, await runs.rerun(request.params.id, target));
  });

  app.post<ById>("/api/runs/:id/retry", async (request, reply) => {
    surface.refuseWhileDraining();
    checkMembers(optionalJsonObjectOf(request.body), {});
    return sendAgain(reply, request.params.id, await runs.retry(request.params.id, keyOf(request)));
  });
}

export function keyOf({ headers }: { readonly headers: { readonly [name: string]: string | string[] | undefined } }): {
  readonly idempotencyKey?: string;
} {
  const idempotencyKey = readIdempotencyKey(headers["idempotency-key"]);
  return idempotencyKey === null ? {} : { idempotencyKey };
}

export function sendAgain(reply: FastifyReply, before: string, again: RunAgain): FastifyReply {
  const { run, created, reused, reusedTokens, recomputed } = again;
  reply.header("location", run.links.self);
  if (!created) reply.header("idempotency-replayed", "true");
  const body: RerunAnswer = {
    ...submitted(run),
    rerun_of: before,
    reused,
    reused_tokens: reusedTokens,
    recomputed: recomputed.slice(0, RECOMPUTED_MAX),
  };
  return sendJson(reply, created ? 202 : 200, body);
}
