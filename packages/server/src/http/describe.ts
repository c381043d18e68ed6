import type { FastifyInstance } from "fastify";
import { openApiDocument } from "./openapi/document.ts";

/** `GET /openapi.json`: the API described for programs. Written once, at the first question. */
export function describeRoutes(app: FastifyInstance): void {
  let text: string | null = null;
  app.get("/openapi.json", (_request, reply) =>
    reply.header("content-type", "application/json; charset=utf-8").send((text ??= JSON.stringify(openApiDocument()))),
  );
}
