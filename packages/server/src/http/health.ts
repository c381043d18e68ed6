import type { FastifyInstance } from "fastify";
import { sendJson, type Surface } from "./surface.ts";

/** `/livez`: the process answers. `/readyz`: it takes work; 503 with the reasons while it does not. */
export function healthRoutes(app: FastifyInstance, surface: Surface): void {
  app.get("/livez", (_request, reply) => sendJson(reply, 200, { status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const { ready, reasons } = await surface.engine.ready();
    const all = surface.isDraining ? ["the server is shutting down", ...reasons] : reasons;
    const isReady = ready && !surface.isDraining;
    return sendJson(reply, isReady ? 200 : 503, { ready: isReady, reasons: all });
  });
}
