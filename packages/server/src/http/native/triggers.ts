import type { Json } from "@weftwork/core";
import type { TriggerRotation } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { jsonObjectOf } from "../body.ts";
import { checkMembers, text, type MemberRule } from "../members.ts";
import { pageOf, PAGING } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ByNode {
  readonly Params: { readonly workflow: string; readonly node: string };
}

const secretName = text(100);

const ROTATION: Readonly<Record<string, MemberRule>> = {
  workflow: { check: text(200), required: true },
  node: { check: text(200), required: true },
  secret: { check: (value: Json) => (value === null ? null : secretName(value)) },
};

/** `/api/triggers`: which there are, and the addresses of webhooks, each told once. */
export function triggerRoutes(app: FastifyInstance, surface: Surface): void {
  const { triggers } = surface.engine;

  app.get("/api/triggers", async ({ query }, reply) =>
    sendJson(
      reply,
      200,
      pageOf(await triggers.list(), readQuery(query, PAGING), ({ workflow, node }) => `${workflow}/${node}`),
    ),
  );

  app.post("/api/triggers", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, ROTATION);
    return sendJson(reply, 201, await triggers.rotate(body as unknown as TriggerRotation));
  });

  app.delete<ByNode>("/api/triggers/:workflow/:node", async ({ params: { workflow, node } }, reply) => {
    await triggers.remove(workflow, node);
    return reply.code(204).send();
  });
}
