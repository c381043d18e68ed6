import { isJsonObject, type Json } from "@weftwork/core";
import {
  WORKER_TOKEN_HEADER,
  type OwnHeartbeat,
  type OwnTaskPart,
  type OwnTaskResult,
  type OwnTaskTake,
  type OwnWorkerJoin,
} from "@weftwork/sdk";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import type { OwnCaller } from "../engine.ts";
import { anything, anyText, checkMembers, object, text, type MemberCheck, type MemberRule } from "../members.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ById {
  readonly Params: { readonly id: string };
}
interface ByTask {
  readonly Params: { readonly id: string; readonly task: string };
}

/** Room for the largest result of a step, and for what stands around it. */
const RESULT_BODY_MAX = 101 * 1024 * 1024;
const POOLS_MAX = 32;
const TASKS_MAX = 1000;
const PARTS_MAX = 100;
const WAIT_SECONDS = 30;

const number =
  (least: number, most: number): MemberCheck =>
  (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? null
      : `must be a whole number from ${least} to ${most}`;

/** A name that can stand in a list, a log and a queue. */
const plainName: MemberCheck = (value) => {
  const problem = text(100)(value);
  if (problem !== null) return problem;
  return /[\p{Cc}\p{Cs}]/u.test(value as string) ? "must have no control characters" : null;
};

const listOf =
  (most: number, longest: number): MemberCheck =>
  (value) => {
    const texts = Array.isArray(value) ? (value as readonly Json[]) : null;
    return texts && texts.length <= most && texts.every((one) => text(longest)(one) === null)
      ? null
      : `must be a list of at most ${most} texts of 1 to ${longest} characters`;
  };

const pools: MemberCheck = (value) => {
  const names = Array.isArray(value) ? (value as readonly Json[]) : [];
  if (names.length === 0) return "must name at least one pool";
  if (names.length > POOLS_MAX) return `must name at most ${POOLS_MAX} pools`;
  const problem = names.map((one) => plainName(one)).find((one) => one !== null);
  return problem === undefined ? null : `has a pool that ${problem}`;
};

const status: MemberCheck = (value) =>
  value === "completed" || value === "failed" || value === "given_back"
    ? null
    : "must be completed, failed or given_back";

const error: MemberCheck = (value) => {
  if (!isJsonObject(value)) return object(value);
  for (const [name, rule] of Object.entries(ERROR)) {
    const given = value[name];
    const problem = given === undefined ? (rule.required ? "is missing" : null) : rule.check(given);
    if (problem !== null) return `has a member ${name} that ${problem}`;
  }
  return null;
};

const flag: MemberCheck = (value) => (typeof value === "boolean" ? null : "must be true or false");
const code: MemberCheck = (value) =>
  typeof value === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(value)
    ? null
    : "must be a code such as QUOTA_USED_UP: A to Z, 0 to 9 and _, at most 64 characters";

const part = (value: Json): boolean =>
  isJsonObject(value) &&
  (value["type"] === "text_delta"
    ? typeof value["text"] === "string"
    : value["type"] === "log" &&
      typeof value["message"] === "string" &&
      ["info", "warn", "error"].includes(String(value["level"])));

const parts: MemberCheck = (value) =>
  Array.isArray(value) && value.length <= PARTS_MAX && (value as readonly Json[]).every(part)
    ? null
    : `must be a list of at most ${PARTS_MAX} parts: {type: text_delta, text} or {type: log, level, message}`;

type Rules = Readonly<Record<string, MemberRule>>;
const JOIN: Rules = {
  name: { check: plainName },
  pools: { check: pools, required: true },
  lease_ms: { check: number(5000, 300_000) },
};
const TAKE: Rules = { limit: { check: number(1, 100) }, wait: { check: number(0, WAIT_SECONDS) } };
const HEARTBEAT: Rules = { tasks: { check: listOf(TASKS_MAX, 2000) } };
const PROGRESS: Rules = { parts: { check: parts, required: true } };
const ERROR: Rules = {
  message: { check: anyText(10_000), required: true },
  code: { check: code },
  retryable: { check: flag },
  details: { check: object },
};
const RESULT: Rules = {
  status: { check: status, required: true },
  output: { check: anything },
  error: { check: error },
  retry_after_ms: { check: number(0, 86_400_000) },
};
/** What belongs to each status, and must be there. */
const BY_STATUS: Readonly<Record<string, Rules>> = {
  completed: { ...only("status"), output: { check: anything, required: true } },
  failed: { ...only("status", "retry_after_ms"), error: { check: error, required: true } },
  given_back: only("status"),
};

function only(...names: readonly string[]): Rules {
  return Object.fromEntries(names.map((name) => [name, RESULT[name]!]));
}

/** `/api/workers`: processes of users' own, which do `worker` steps. */
export function workerRoutes(app: FastifyInstance, surface: Surface): void {
  const { ownWorkers } = surface.engine;

  app.post("/api/workers", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, JOIN);
    return sendJson(reply, 201, await ownWorkers.join(body as unknown as OwnWorkerJoin));
  });

  app.get("/api/workers", async (_request, reply) =>
    sendJson(reply, 200, { data: await ownWorkers.list(), next_cursor: null }),
  );

  app.delete<ById>("/api/workers/:id", async (request, reply) => {
    await ownWorkers.leave(callerOf(request));
    return reply.code(204).send();
  });

  app.post<ById>("/api/workers/:id/heartbeat", async (request, reply) => {
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, HEARTBEAT);
    return sendJson(reply, 200, await ownWorkers.heartbeat(callerOf(request), body as OwnHeartbeat));
  });

  app.post<ById>("/api/workers/:id/tasks", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, TAKE);
    return takeTasks(surface, reply, callerOf(request), body);
  });

  app.post<ByTask>("/api/workers/:id/tasks/:task/progress", async (request, reply) => {
    const body = jsonObjectOf(request.body);
    checkMembers(body, PROGRESS);
    await ownWorkers.progress(
      callerOf(request),
      request.params.task,
      body["parts"] as unknown as readonly OwnTaskPart[],
    );
    return reply.code(204).send();
  });

  app.post<ByTask>("/api/workers/:id/tasks/:task/result", { bodyLimit: RESULT_BODY_MAX }, async (request, reply) => {
    const body = jsonObjectOf(request.body);
    checkMembers(body, RESULT);
    checkMembers(body, BY_STATUS[body["status"] as string]!);
    await ownWorkers.result(callerOf(request), request.params.task, body as unknown as OwnTaskResult);
    return reply.code(204).send();
  });
}

/** Waits for tasks for as long as the caller is there. What the caller did not get goes back. */
async function takeTasks(
  surface: Surface,
  reply: FastifyReply,
  caller: OwnCaller,
  { limit = 1, wait = WAIT_SECONDS }: OwnTaskTake,
): Promise<FastifyReply> {
  const { ownWorkers } = surface.engine;
  const gone = new AbortController();
  const stop = (): void => gone.abort();
  const offDrain = surface.onDrain(stop);
  surface.hold(reply.raw);
  reply.raw.once("close", stop);
  try {
    const tasks = await ownWorkers.take(caller, { limit, waitMs: wait * 1000, signal: gone.signal });
    if (tasks.length > 0) {
      reply.raw.once("close", () => {
        if (reply.raw.writableFinished) ownWorkers.delivered(caller, tasks);
        // Where the store does not answer either, the worker's next heartbeats do not name them.
        else void ownWorkers.undelivered(caller, tasks).catch(() => undefined);
      });
    }
    return sendJson(reply, 200, { data: tasks });
  } finally {
    offDrain();
    reply.raw.off("close", stop);
  }
}

function callerOf(request: FastifyRequest<ById>): OwnCaller {
  const token = request.headers[WORKER_TOKEN_HEADER];
  return { id: request.params.id, token: typeof token === "string" ? token : "" };
}
