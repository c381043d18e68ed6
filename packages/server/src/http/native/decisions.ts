import type { FastifyInstance } from "fastify";
import { jsonObjectOf } from "../body.ts";
import { anything, checkMembers, object, text, type MemberRule } from "../members.ts";
import { sendJson, type Surface } from "../surface.ts";
import { found, submitted } from "./runs.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const SIGNAL: Readonly<Record<string, MemberRule>> = {
  name: { check: text(200), required: true },
  payload: { check: anything },
  id: { check: text(200) },
};

const DECISION: Readonly<Record<string, MemberRule>> = {
  step: { check: text(200), required: true },
  scope: { check: text(1000) },
  by: { check: text(200) },
  form: { check: object },
  action: { check: text(100) },
};

/** What people and other systems tell a run that waits for them. Answered once it is recorded. */
export function decisionRoutes(app: FastifyInstance, surface: Surface): void {
  const { runs } = surface.engine;

  app.post<ById>("/api/runs/:id/signals", async (request, reply) => {
    const body = jsonObjectOf(request.body);
    checkMembers(body, SIGNAL);
    const { name, payload = null, id } = body;
    await runs.signal(request.params.id, {
      name: name as string,
      payload,
      ...(id === undefined ? {} : { inputId: id as string }),
    });
    return sendJson(reply, 202, submitted(await found(surface, request)));
  });

  for (const verb of ["approve", "reject"] as const) {
    app.post<ById>(`/api/runs/:id/${verb}`, async (request, reply) => {
      const body = jsonObjectOf(request.body);
      checkMembers(body, DECISION);
      const { step, scope, by, form, action } = body;
      await runs.decide(request.params.id, {
        step: step as string,
        approved: verb === "approve",
        ...(scope === undefined ? {} : { scope: scope as string }),
        ...(by === undefined ? {} : { by: by as string }),
        ...(form === undefined ? {} : { form }),
        ...(action === undefined ? {} : { action: action as string }),
      });
      return sendJson(reply, 202, submitted(await found(surface, request)));
    });
  }
}
