import type { Json } from "@weftwork/core";
import type { SecretUpdate } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import { anyText, checkMembers, type MemberRule } from "../members.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ByName {
  readonly Params: { readonly name: string };
}

/** Generous: what a secret may be is decided by its keeper. */
const VALUE_CHARACTERS_MAX = 100_000;

const UPDATE: Readonly<Record<string, MemberRule>> = {
  value: { check: anyText(VALUE_CHARACTERS_MAX), required: true },
  hosts: { check: hosts },
};

/** `/api/secrets`: their values go in, and no answer holds one. */
export function secretRoutes(app: FastifyInstance, surface: Surface): void {
  const { secrets } = surface.engine;

  app.get("/api/secrets", async (_request, reply) =>
    sendJson(reply, 200, { data: await secrets.list(), next_cursor: null }),
  );

  app.put<ByName>("/api/secrets/:name", async (request, reply) => {
    const body = jsonObjectOf(request.body);
    checkMembers(body, UPDATE);
    return sendJson(reply, 200, await secrets.set(request.params.name, body as unknown as SecretUpdate));
  });

  app.delete<ByName>("/api/secrets/:name", async (request, reply) => {
    await secrets.remove(request.params.name);
    return reply.code(204).send();
  });

  app.post("/api/secrets/rotate-key", async (request, reply) => {
    checkMembers(optionalJsonObjectOf(request.body), {});
    return sendJson(reply, 200, await secrets.rotateKey());
  });
}

function hosts(value: Json): string | null {
  const isList = Array.isArray(value) && (value as readonly Json[]).every((host) => typeof host === "string");
  return isList ? null : "must be a list of texts";
}
