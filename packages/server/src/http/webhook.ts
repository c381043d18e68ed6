import { STATUS_CODES, type IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import type { AppError, Json } from "@weftwork/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { readLanguage } from "./language.ts";
import { checkOwnPage } from "./loopback.ts";
import { readIdempotencyKey } from "./native/submission.ts";
import { problemBody, retryAfterOf } from "./problem.ts";
import { sendJson, type Surface } from "./surface.ts";
import { firstOf, readBytes, takeApart, tooLarge, type WebhookFile } from "./webhook-body.ts";

interface ByToken {
  readonly Params: { readonly token: string };
}

const BODY_BYTES_MAX = 10 * 1024 * 1024;

/**
 * `/triggers/webhook/{token}`: calls from outside that begin runs. Errors have the shape that Dify's callers know. The
 * token is in the path: it must reach no log, no other site (`Referer`), and nothing that is stored.
 */
export function webhookRoutes(
  app: FastifyInstance,
  surface: Surface,
  errorOf: (thrown: unknown, request: FastifyRequest) => AppError,
): void {
  const { triggers, files } = surface.engine;

  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // A body is read when it is known that somebody wants it.
    scope.addContentTypeParser("*", (_request, body, done) => done(null, body));
    scope.setErrorHandler((thrown, request, reply) => {
      const error = errorOf(thrown, request);
      const retryAfter = retryAfterOf(error);
      if (retryAfter !== null) reply.header("retry-after", retryAfter);
      reply.header("connection", "close").header("referrer-policy", "no-referrer");
      return sendJson(reply, error.status, refusal(error, request));
    });

    scope.route<ByToken>({
      method: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
      url: "/triggers/webhook/:token",
      async handler(request, reply) {
        surface.refuseWhileDraining();
        checkOwnPage(request.headers);
        reply.header("referrer-policy", "no-referrer");
        const { method } = request;
        const headers = oneEach(request.headers);
        const webhook = await triggers.open(request.params.token, { method, headers });
        const id = readIdempotencyKey(headers["webhook-id"] ?? request.headers["idempotency-key"]);
        if (Number(headers["content-length"] ?? 0) > BODY_BYTES_MAX)
          throw tooLarge(headers["content-length"]!, BODY_BYTES_MAX);
        const bytes =
          request.body instanceof Readable ? await readBytes(request.body, BODY_BYTES_MAX) : Buffer.alloc(0);
        const kept: string[] = [];
        const store = async ({ name, mimeType, bytes: content }: WebhookFile): Promise<Json> => {
          const { value } = await files.put({ name, mimeType }, Readable.from([content]));
          kept.push(value.id);
          return { ...value };
        };
        let isTaken = false;
        try {
          const answer = await webhook.receive({
            method,
            headers,
            params: firstOf(new URLSearchParams(request.url.split("?", 2)[1] ?? "")),
            bytes,
            id,
            body: () => takeApart(bytes, headers["content-type"] ?? null, store),
          });
          isTaken = answer.created;
          if (!isTaken) reply.header("idempotency-replayed", "true");
          const isEmpty = answer.status === 204 || answer.status === 304;
          return isEmpty ? reply.code(answer.status).send() : sendJson(reply, answer.status, answer.body as object);
        } finally {
          // No run has the files of a call that began none.
          if (!isTaken) await Promise.all(kept.map((file) => files.remove(file)));
        }
      },
    });
  });
}

/** An address as a log may have it: the token of a webhook is left out. */
export function shownUrl(url: string): string {
  return url.replace(/(\/triggers\/webhook\/).*/is, "$1***");
}

function refusal(error: AppError, request: FastifyRequest): { readonly error: string; readonly message: string } {
  const { title, detail } = problemBody(error, request.id, {
    language: readLanguage(request.headers["accept-language"]),
  });
  // The reason alone is what these callers know; it stands in English everywhere.
  const message = error.code === "WEBHOOK_REFUSED" ? String(error.details["reason"]) : detail;
  return { error: error.code === "WEBHOOK_REFUSED" ? STATUS_CODES[error.status]! : title, message };
}

/** One text for each header; one that came several times is joined as HTTP says. */
function oneEach(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, typeof value === "string" ? value : value.join(", ")] as const],
  );
  return Object.fromEntries(entries);
}
