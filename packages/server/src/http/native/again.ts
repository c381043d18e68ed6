import type { RerunAnswer } from "@weftwork/sdk";
import type { FastifyInstance, FastifyReply } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import type { RunAgain } from "../engine.ts";
import { checkMembers, text, type MemberRule } from "../members.ts";
import { sendJson, type Surface } from "../surface.ts";
import { submitted } from "./runs.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const TARGET: Readonly<Record<string, MemberRule>> = {
  step: { check: text(200), required: true },
  scope: { check: text(1000) },
};

/** A run once more, from a step of choice or from the one that failed it. What lies before is taken over. */
export function againRoutes(app: FastifyInstance, surface: Surface): void {
  const { runs } = surface.engine;

  app.post<ById>("/api/runs/:id/rerun", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, TARGET);
    const { step, scope } = body;
    const target = { node: step as string, ...(scope === undefined ? {} : { scope: scope as string }) };
    return answer(reply, request.params.id, await runs.rerun(request.params.id, target));
  });

  app.post<ById>("/api/runs/:id/retry", async (request, reply) => {
    surface.refuseWhileDraining();
    checkMembers(optionalJsonObjectOf(request.body), {});
    return answer(reply, request.params.id, await runs.retry(request.params.id));
  });
}

function answer(reply: FastifyReply, before: string, { run, reused, reusedTokens }: RunAgain): FastifyReply {
  reply.header("location", run.links.self);
  const body: RerunAnswer = { ...submitted(run), rerun_of: before, reused, reused_tokens: reusedTokens };
  return sendJson(reply, 202, body);
}
