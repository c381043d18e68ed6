import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { text } from "../members.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ById {
  readonly Params: { readonly id: string };
}
interface ByStep {
  readonly Params: { readonly id: string; readonly step: string };
}

/** What is recorded of a run beyond its resource: a step whole, and all of it as one document. */
export function recordRoutes(app: FastifyInstance, surface: Surface): void {
  const { runs } = surface.engine;

  app.get<ByStep>("/api/runs/:id/steps/:step", async ({ params: { id, step }, query }, reply) => {
    const { scope } = readQuery(query, { scope: { check: text(1000) } });
    return sendJson(reply, 200, await runs.step(id, step, scope === undefined ? {} : { scope }));
  });

  app.get<ByStep>(
    "/api/runs/:id/steps/:step/output",
    { exposeHeadRoute: false },
    async ({ params: { id, step }, query }, reply) => {
      const { scope } = readQuery(query, { scope: { check: text(1000) } });
      const { size, bytes } = await runs.output(id, step, scope === undefined ? {} : { scope });
      return reply
        .header("content-type", "application/json; charset=utf-8")
        .header("content-length", size)
        .send(Readable.from(bytes, { objectMode: false }));
    },
  );

  app.get<ById>("/api/runs/:id/export", { exposeHeadRoute: false }, async ({ params: { id }, query }, reply) => {
    readQuery(query, {});
    const document = await runs.export(id);
    return reply
      .header("content-type", "application/json; charset=utf-8")
      .header("content-disposition", `attachment; filename="${fileName(id)}"`)
      .send(Readable.from(document, { objectMode: false }));
  });
}

/** An id as part of a file name: what some system takes for a path, or cannot write, is replaced. */
function fileName(id: string): string {
  return `${id
    .replaceAll(/[^\w.-]/g, "_")
    .replace(/^\.+/, "_")
    .slice(0, 100)}.run.json`;
}
