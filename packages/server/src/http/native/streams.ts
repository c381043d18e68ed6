import { AppError } from "@weftwork/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { pollRun } from "../poll.ts";
import { readQuery } from "../query.ts";
import { text, type MemberCheck } from "../members.ts";
import { streamRun } from "../stream.ts";
import { sendJson, type Surface } from "../surface.ts";
import { found } from "./runs.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const LOGS_DEFAULT = 200;
const LOGS_MAX = 1000;
const WAIT_SECONDS_MAX = 60;

const wait: MemberCheck = (value) =>
  /^\d{1,3}(?:\.\d{1,3})?$/.test(String(value)) && Number(value) <= WAIT_SECONDS_MAX
    ? null
    : `must be seconds from 0 to ${WAIT_SECONDS_MAX}`;

const limit: MemberCheck = (value) =>
  /^\d{1,4}$/.test(String(value)) && Number(value) >= 1 && Number(value) <= LOGS_MAX
    ? null
    : `must be a number from 1 to ${LOGS_MAX}`;

const FOLLOW = { after: { check: text(100) }, wait: { check: wait } };
const LOGS = { node: { check: text(200) }, cursor: { check: text(100) }, limit: { check: limit } };

/** What happens in a run, for those who follow it: as server-sent events, by long polls, by WebSocket; and its logs. */
export function streamRoutes(app: FastifyInstance, surface: Surface): void {
  app.get<ById>("/api/runs/:id/events", { exposeHeadRoute: false }, async (request, reply) => {
    const given = readQuery(request.query, FOLLOW);
    const run = await found(surface, request);
    if (given.wait === undefined && !wantsJson(request)) return streamRun(surface, request, reply, run);
    return sendJson(reply, 200, await pollRun(surface, reply, run, given.after, Number(given.wait ?? 0) * 1000));
  });

  app.get<ById>("/api/runs/:id/logs", async (request, reply) => {
    const given = readQuery(request.query, LOGS);
    const page = await surface.engine.runs.logs(request.params.id, {
      limit: given.limit === undefined ? LOGS_DEFAULT : Number(given.limit),
      ...(given.node === undefined ? {} : { node: given.node }),
      ...(given.cursor === undefined ? {} : { cursor: given.cursor }),
    });
    return sendJson(reply, 200, page);
  });

  // A handshake never comes here: it is taken from the server before (`web-socket.ts`).
  for (const path of ["/api/runs/:id/stream", "/api/tasks/:id/stream"] as const) {
    app.get(path, { exposeHeadRoute: false }, (_request, reply) => {
      reply.header("upgrade", "websocket");
      throw new AppError("UPGRADE_REQUIRED");
    });
  }
}

function wantsJson(request: FastifyRequest): boolean {
  const accept = request.headers.accept ?? "";
  return accept.includes("application/json") && !accept.includes("text/event-stream");
}
