import fastify, { type FastifyInstance } from "fastify";
import type { Engine } from "./engine.ts";
import { healthRoutes } from "./health.ts";
import { checkCaller } from "./loopback.ts";
import { metricsRoutes } from "./metrics.ts";
import { errorOf, problemBody, PROBLEM_TYPE } from "./problem.ts";
import { Surface, type HttpLogger } from "./surface.ts";

/** A server for `/metrics` alone, so that who may read the numbers need not reach the rest. */
export function metricsServer(logger: HttpLogger): FastifyInstance {
  const server = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 1024 });
  server.removeAllContentTypeParsers();
  server.addHook("onRequest", async (request) => checkCaller(request.headers));
  server.setErrorHandler((thrown, request, reply) => {
    const error = errorOf(thrown, { contentType: undefined, contentLength: undefined, bodyLimit: 1024 });
    if (error.status >= 500) logger.error({ code: error.code, err: thrown }, error.message);
    return reply
      .code(error.status)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problemBody(error, request.id)));
  });
  return server;
}

/** What a process without an API answers: whether it lives, whether it works, and what it has done. Listens on loopback. */
export async function operationsServer(
  weft: Engine,
  port: number,
  logger: HttpLogger,
): Promise<{ drain(): Promise<void>; close(): Promise<void> }> {
  const server = metricsServer(logger);
  const surface = new Surface(weft, 15_000);
  metricsRoutes(server, surface);
  healthRoutes(server, surface);
  await server.listen({ host: "127.0.0.1", port });
  return { drain: () => surface.drain(), close: () => server.close() };
}
