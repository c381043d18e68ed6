import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "@weftwork/core";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { addBodyParsers } from "./body.ts";
import { answerAndCut, Connections, HTTP_LIMITS, type HttpLimits } from "./connections.ts";
import { describeRoutes } from "./describe.ts";
import { docsRoutes } from "./docs/page.ts";
import type { Engine } from "./engine.ts";
import { readLanguage } from "./language.ts";
import { checkCaller } from "./loopback.ts";
import { healthRoutes } from "./health.ts";
import { metricsRoutes } from "./metrics.ts";
import { conversationRoutes } from "./native/conversations.ts";
import { decisionRoutes } from "./native/decisions.ts";
import { againRoutes } from "./native/again.ts";
import { deadLetterRoutes } from "./native/dead-letters.ts";
import { fileRoutes } from "./native/files.ts";
import { listRoutes } from "./native/lists.ts";
import { operationRoutes } from "./native/operations.ts";
import { poolRoutes } from "./native/pools.ts";
import { recordRoutes } from "./native/record.ts";
import { runRoutes } from "./native/runs.ts";
import { streamRoutes } from "./native/streams.ts";
import { scheduleRoutes } from "./native/schedules.ts";
import { secretRoutes } from "./native/secrets.ts";
import { triggerRoutes } from "./native/triggers.ts";
import { outgoingWebhookRoutes } from "./native/webhooks.ts";
import { workerRoutes } from "./native/workers.ts";
import { workflowRoutes } from "./native/workflows.ts";
import { errorOf, problemBody, PROBLEM_TYPE, retryAfterOf } from "./problem.ts";
import { asksForWebSocket, webSockets } from "./web-socket.ts";
import { metricsServer } from "./operations-server.ts";
import { RefusalLog, refusalHeaders } from "./refusals.ts";
import { Surface, type HttpLogger } from "./surface.ts";
import { shownUrl, webhookRoutes } from "./webhook.ts";

export interface AppOptions {
  readonly weft: Engine;
  readonly config: {
    readonly host: string;
    readonly port: number;
    readonly bodyLimit: number;
    /** A port of its own for `/metrics`; left out or null: it is with the rest. */
    readonly metricsPort?: number | null;
  };
  /** What one caller may take; those left out keep their default. */
  readonly limits?: Partial<HttpLimits>;
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

/** Routes whose answers stay open for as long as their run takes. */
const STREAMS = /\/(?:events|stream)$/;

/**
 * The native surface on Fastify. `POST /api/runs` is the hot path: nothing is logged for a request that succeeds, no
 * schema walks its body, and its answer is one `JSON.stringify` of four members.
 */
export function createApp(options: AppOptions): HttpApp {
  const { config, logger } = options;
  const limits: HttpLimits = { ...HTTP_LIMITS, ...options.limits };
  const surface = new Surface(options.weft, options.heartbeatMs ?? 15_000);
  const app = fastify({
    logger: false,
    bodyLimit: config.bodyLimit,
    requestTimeout: limits.requestMs,
    requestIdHeader: false,
    genReqId: requestIds(),
    return503OnClosing: false,
    forceCloseConnections: true,
    http: {
      headersTimeout: limits.headersMs,
      maxHeaderSize: limits.headerBytesMax,
      connectionsCheckingInterval: Math.min(1000, limits.headersMs),
      requireHostHeader: true,
      shouldUpgradeCallback: asksForWebSocket,
    },
    routerOptions: { maxParamLength: 2000 },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, limits),
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
  });
  // All of them are read, so that none is passed over in silence; too many are refused below.
  app.server.maxHeadersCount = 0;
  const refusals = new RefusalLog(() => performance.now());
  const connections = new Connections(app.server, limits);
  addBodyParsers(app);

  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    reply.header("cache-control", "no-store");
    reply.header("x-content-type-options", "nosniff");
    reply.header("x-frame-options", "DENY");
    if (surface.isDraining) reply.header("connection", "close");
    try {
      checkCaller(request.headers);
      checkHead(request.raw.rawHeaders, limits.headersMax, reply);
      if (STREAMS.test(request.routeOptions.url ?? ""))
        reply.raw.once("close", connections.carriesStream(request.raw.socket));
      done();
    } catch (error) {
      done(error as Error);
    }
  });

  /** What was thrown as an error of the table; what concerns the operator is logged. */
  function problemOf(thrown: unknown, request: FastifyRequest): AppError {
    const error = errorOf(thrown, {
      contentType: request.headers["content-type"],
      contentLength: request.headers["content-length"],
      bodyLimit: config.bodyLimit,
    });
    const refusal = error.code === "OVERLOADED" ? refusals.next() : {};
    if (error.status >= 500 && refusal) {
      const fields = {
        ...refusal,
        request_id: request.id,
        code: error.code,
        method: request.method,
        url: shownUrl(request.url),
        err: thrown,
      };
      if (error.status === 500) logger.error(fields, error.message);
      else logger.warn(fields, error.message);
    }
    return error;
  }

  function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = problemOf(thrown, request);
    const retryAfter = retryAfterOf(error);
    if (retryAfter !== null) reply.header("retry-after", retryAfter).headers(refusalHeaders(error));
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
  const metrics = config.metricsPort == null ? null : metricsServer(logger);
  metricsRoutes(app, surface, metrics ?? app);
  describeRoutes(app);
  docsRoutes(app);
  healthRoutes(app, surface);
  workflowRoutes(app, surface);
  listRoutes(app, surface);
  runRoutes(app, surface);
  streamRoutes(app, surface);
  recordRoutes(app, surface);
  againRoutes(app, surface);
  decisionRoutes(app, surface);
  deadLetterRoutes(app, surface);
  operationRoutes(app, surface);
  conversationRoutes(app, surface);
  fileRoutes(app, surface);
  secretRoutes(app, surface);
  triggerRoutes(app, surface);
  poolRoutes(app, surface);
  outgoingWebhookRoutes(app, surface);
  scheduleRoutes(app, surface);
  workerRoutes(app, surface);
  webhookRoutes(app, surface, problemOf);

  const sockets = webSockets(app, surface, connections);

  return {
    fastify: app,
    routes,
    async listen() {
      await metrics?.listen({ host: config.host, port: config.metricsPort! });
      return app.listen({ host: config.host, port: config.port, backlog: 2048 });
    },
    drain: () => surface.drain(),
    async close() {
      await surface.drain();
      sockets.close();
      await Promise.all([app.close(), metrics?.close()]);
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

/** Refuses heads that the parser lets pass: two names for this server, and more headers than anybody needs. */
function checkHead(rawHeaders: readonly string[], headersMax: number, reply: FastifyReply): void {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  const isLong = rawHeaders.length > headersMax * 2;
  if (hosts < 2 && !isLong) return;
  reply.header("connection", "close");
  const reason = isLong ? `it has more than ${headersMax} headers` : "it has two Host headers";
  throw new AppError("INVALID_REQUEST", { reason });
}

/** What is not HTTP, or too slow, or has too large a head, is answered on the bare socket and cut off. */
function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Socket, limits: HttpLimits): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const [status, phrase] = isSlow ? [408, "Request Timeout"] : [400, "Bad Request"];
  const reason = isSlow
    ? `it did not arrive whole in time (headers ${limits.headersMs / 1000} s, all ${limits.requestMs / 1000} s)`
    : error.code === "HPE_HEADER_OVERFLOW"
      ? `its headers have more than ${limits.headerBytesMax} bytes`
      : error.message;
  answerAndCut(socket, status as number, phrase as string, new AppError("INVALID_REQUEST", { reason }));
}
