import { Readable } from "node:stream";
import { AppError, parseDuration } from "@weftwork/core";
import type { FileLink, FileResource } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import type { KeptFile } from "../engine.ts";
import { checkOwnPage } from "../loopback.ts";
import { text, type MemberCheck } from "../members.ts";
import { takeFiles } from "../multipart.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const MULTIPART = "multipart/form-data";

const duration: MemberCheck = (value) =>
  (parseDuration(value) ?? 0) > 0 ? null : "must be a duration such as 30m or 7d";
const UPLOAD = { expires_in: { check: duration } };
const PROOF = { expires: { check: text(20) }, signature: { check: text(100) } };

/** `/api/files`: upload files, look at them, read and remove them. */
export function fileRoutes(app: FastifyInstance, surface: Surface): void {
  const { files } = surface.engine;

  // A scope of its own: here a body is multipart and nothing else, and elsewhere multipart is nothing.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(MULTIPART, (_request, body, done) => done(null, body));
    scope.addContentTypeParser("*", (request, _body, done) => done(notMultipart(request.headers["content-type"])));

    scope.post("/api/files", async (request, reply) => {
      surface.refuseWhileDraining();
      checkOwnPage(request.headers);
      const { expires_in: keep } = readQuery(request.query, UPLOAD);
      if (!(request.body instanceof Readable)) throw notMultipart(request.headers["content-type"]);
      const kept: KeptFile[] = [];
      try {
        await takeFiles(request.body, request.headers["content-type"]!, async ({ name, mimeType, bytes }) => {
          const keepMs = keep === undefined ? {} : { keepMs: parseDuration(keep)! };
          kept.push(await files.put({ name, mimeType, ...keepMs }, bytes));
        });
        if (kept.length === 0)
          throw new AppError("INVALID_REQUEST", { reason: "the multipart body has no file in it" });
      } catch (error) {
        // All files of a request or none: its sender will send them all again.
        await Promise.all(kept.map(({ value }) => files.remove(value.id)));
        throw error;
      }
      return sendJson(reply, 201, { data: kept.map(resource) });
    });
  });

  app.get<ById>("/api/files/:id", async ({ params: { id } }, reply) =>
    sendJson(reply, 200, resource((await files.find(id)) ?? notFound(id))),
  );

  app.get<ById>("/api/files/:id/link", async ({ params: { id } }, reply) => {
    const { expires, signature } = (await files.link(id)) ?? notFound(id);
    const link: FileLink = {
      url: `/api/files/${id}/content?expires=${expires}&signature=${signature}`,
      expires_at: new Date(expires * 1000).toISOString(),
    };
    return sendJson(reply, 200, link);
  });

  app.get<ById>("/api/files/:id/content", async ({ params: { id }, query }, reply) => {
    const { expires, signature } = readQuery(query, PROOF);
    // A link that is shown must be good, whoever shows it.
    if (expires !== undefined || signature !== undefined) {
      const proof = { expires: Number(expires), signature: signature ?? "" };
      if (!(await files.holds(id, proof))) throw new AppError("FILE_LINK_INVALID", { file: id.slice(0, 100) });
    }
    const { value, bytes } = await files.open(id);
    return reply
      .header("content-type", value.mime_type)
      .header("content-length", value.size)
      .header("content-disposition", attachment(value.name))
      .header("content-security-policy", "sandbox; default-src 'none'")
      .header("etag", `"${value.sha256}"`)
      .send(Readable.from(bytes, { objectMode: false }));
  });

  app.delete<ById>("/api/files/:id", async ({ params: { id } }, reply) => {
    if (!(await files.remove(id))) notFound(id);
    return reply.code(204).send();
  });
}

function notMultipart(type: string | undefined): AppError {
  return new AppError("UNSUPPORTED_MEDIA_TYPE", { type: type ?? "(none)", accepted: `the files as ${MULTIPART}` });
}

function notFound(id: string): never {
  throw new AppError("FILE_NOT_FOUND", { file: id.slice(0, 100) });
}

function resource({ value, createdAt, expiresAt }: KeptFile): FileResource {
  return {
    ...value,
    created_at: new Date(createdAt).toISOString(),
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    links: { self: `/api/files/${value.id}`, content: `/api/files/${value.id}/content` },
  };
}

/** Saved and never shown by a browser; the name in its plain and its encoded form (RFC 6266). */
function attachment(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7E]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*!]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
