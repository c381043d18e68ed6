import type { FastifyInstance } from "fastify";
import { jsonObjectOf } from "../body.ts";
import { checkMembers, text, type MemberRule } from "../members.ts";
import { pageOf, PAGING } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ByName {
  readonly Params: { readonly pool: string };
}

const PAUSE: Readonly<Record<string, MemberRule>> = { reason: { check: text(500) } };

/** `/api/pools`: who does which work, what waits for it, and its controls. */
export function poolRoutes(app: FastifyInstance, surface: Surface): void {
  const { pools } = surface.engine;

  app.get("/api/pools", async ({ query }, reply) =>
    sendJson(
      reply,
      200,
      pageOf(await pools.list(), readQuery(query, PAGING), ({ name }) => name),
    ),
  );

  app.get<ByName>("/api/pools/:pool", async ({ params: { pool } }, reply) =>
    sendJson(reply, 200, await pools.get(pool)),
  );

  app.post<ByName>("/api/pools/:pool/pause", async ({ params: { pool }, body }, reply) => {
    const given = body === undefined || body === null ? {} : jsonObjectOf(body);
    checkMembers(given, PAUSE);
    return sendJson(reply, 200, await pools.pause(pool, typeof given["reason"] === "string" ? given["reason"] : null));
  });

  app.post<ByName>("/api/pools/:pool/resume", async ({ params: { pool } }, reply) =>
    sendJson(reply, 200, await pools.resume(pool)),
  );
}
