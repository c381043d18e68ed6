import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "@weftwork/core";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { addBodyParsers } from "./body.ts";
import { describeRoutes } from "./describe.ts";
import type { Engine } from "./engine.ts";
import { readLanguage } from "./language.ts";
import { checkCaller } from "./loopback.ts";
import { healthRoutes } from "./health.ts";
import { metricsRoutes } from "./metrics.ts";
import { decisionRoutes } from "./native/decisions.ts";
import { againRoutes } from "./native/again.ts";
import { listRoutes } from "./native/lists.ts";
import { runRoutes } from "./native/runs.ts";
import { workflowRoutes } from "./native/workflows.ts";
import { errorOf, problemBody, PROBLEM_TYPE, retryAfterOf } from "./problem.ts";
import { Surface, type HttpLogger } from "./surface.ts";

export interface AppOptions {
  readonly weft: Engine;
  readonly config: { readonly host: string; readonly port: number; readonly bodyLimit: number };
  readonly logger: HttpLogger;
  /** Pause between the comments that keep an event stream open. */
  readonly heartbeatMs?: number;
}

/** The HTTP server: built, not yet listening. */
export interface HttpApp {
  readonly fastify: FastifyInstance;
  /** What it answers, as `METHOD /path/:parameter`. */
  readonly routes: readonly string[];
  /** Resolves with the address it listens at. */
  listen(): Promise<string>;
  /** Refuses new work, answers `/readyz` with 503, and lets waits and streams go. Still answers questions. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 20_000;

/**
 * The native surface on Fastify. `POST /api/runs` is the hot path: nothing is logged for a request that succeeds, no
 * schema walks its body, and its answer is one `JSON.stringify` of four members.
 */
export function createApp(options: AppOptions): HttpApp {
  const { config, logger } = options;
  const surface = new Surface(options.weft, options.heartbeatMs ?? 15_000);
  const app = fastify({
    logger: false,
    bodyLimit: config.bodyLimit,
    requestTimeout: REQUEST_MS,
    requestIdHeader: false,
    genReqId: requestIds(),
    return503OnClosing: false,
    forceCloseConnections: true,
    http: { headersTimeout: HEADERS_MS, maxHeaderSize: HEADER_BYTES_MAX, connectionsCheckingInterval: 1000 },
    routerOptions: { maxParamLength: 500 },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  addBodyParsers(app);

  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    reply.header("cache-control", "no-store");
    reply.header("x-content-type-options", "nosniff");
    reply.header("x-frame-options", "DENY");
    if (surface.isDraining) reply.header("connection", "close");
    try {
      checkCaller(request.headers);
      done();
    } catch (error) {
      done(error as Error);
    }
  });

  function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = errorOf(thrown, {
      contentType: request.headers["content-type"],
      contentLength: request.headers["content-length"],
      bodyLimit: config.bodyLimit,
    });
    if (error.status >= 500) {
      const fields = {
        request_id: request.id,
        code: error.code,
        method: request.method,
        url: request.url,
        err: thrown,
      };
      if (error.status === 500) logger.error(fields, error.message);
      else logger.warn(fields, error.message);
    }
    const retryAfter = retryAfterOf(error);
    if (retryAfter !== null) reply.header("retry-after", retryAfter);
    // A body that was refused unread is not worth reading to its end.
    if (error.status === 413) reply.header("connection", "close");
    const language = readLanguage(request.headers["accept-language"]);
    return reply
      .code(error.status)
      .header("content-type", PROBLEM_TYPE)
      .header("content-language", language)
      .send(JSON.stringify(problemBody(error, request.id, { language })));
  }

  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request) => {
    throw new AppError("ROUTE_NOT_FOUND", { method: request.method, path: request.url.split("?")[0]!.slice(0, 200) });
  });

  const routes: string[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) if (one !== "HEAD") routes.push(`${one} ${url}`);
  });
  metricsRoutes(app, surface);
  describeRoutes(app);
  healthRoutes(app, surface);
  workflowRoutes(app, surface);
  listRoutes(app, surface);
  runRoutes(app, surface);
  againRoutes(app, surface);
  decisionRoutes(app, surface);

  return {
    fastify: app,
    routes,
    listen: () => app.listen({ host: config.host, port: config.port, backlog: 2048 }),
    drain: () => surface.drain(),
    async close() {
      await surface.drain();
      await app.close();
    },
  };
}

/** The caller's own id where it can stand in a header and a log; otherwise one of ours, unique over processes. */
function requestIds(): (request: { readonly headers: IncomingMessage["headers"] }) => string {
  const prefix = `req_${randomBytes(6).toString("hex")}_`;
  let count = 0;
  return ({ headers }) => {
    const given = headers["x-request-id"];
    return typeof given === "string" && /^[\w.:/+=-]{1,128}$/.test(given) ? given : prefix + (count++).toString(36);
  };
}

/** What is not HTTP, or too slow, or has too large a head, is answered on the bare socket and cut off. */
function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, problem] = brokenRequest(error);
  const body = JSON.stringify(problemBody(problem, "none", { status }));
  const head = [
    `HTTP/1.1 ${status} ${status === 408 ? "Request Timeout" : "Bad Request"}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function brokenRequest({ code, message }: { readonly code?: string; readonly message: string }): [number, AppError] {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    const reason = `it did not arrive whole in time (headers ${HEADERS_MS / 1000} s, all ${REQUEST_MS / 1000} s)`;
    return [408, new AppError("INVALID_REQUEST", { reason })];
  }
  const reason = code === "HPE_HEADER_OVERFLOW" ? `its headers have more than ${HEADER_BYTES_MAX} bytes` : message;
  return [400, new AppError("INVALID_REQUEST", { reason })];
}
