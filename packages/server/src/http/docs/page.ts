import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@weftwork/core";
import type { FastifyInstance, FastifyReply } from "fastify";

const FILES: Readonly<Record<string, string>> = {
  "page.css": "text/css; charset=utf-8",
  "page.js": "text/javascript; charset=utf-8",
  "model.js": "text/javascript; charset=utf-8",
};

/** Only what this server itself serves is loaded, run or asked; no page may hold this one in a frame. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `GET /docs`: the API as a page that is drawn from /openapi.json. It needs no other machine. */
export function docsRoutes(app: FastifyInstance): void {
  const read = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");
  const page = read("page.html");
  const files = new Map(Object.keys(FILES).map((name) => [name, read(name)]));

  const send = (reply: FastifyReply, type: string, text: string): FastifyReply =>
    reply
      .header("content-type", type)
      .header("content-security-policy", POLICY)
      .header("referrer-policy", "no-referrer")
      .send(text);

  app.get("/docs", (_request, reply) => send(reply, "text/html; charset=utf-8", page));
  app.get<{ Params: { file: string } }>("/docs/:file", (request, reply) => {
    const { file } = request.params;
    const text = files.get(file);
    if (text === undefined) throw new AppError("ROUTE_NOT_FOUND", { method: "GET", path: request.url.slice(0, 200) });
    return send(reply, FILES[file]!, text);
  });
}
