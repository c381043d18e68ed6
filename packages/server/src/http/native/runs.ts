import { AppError } from "@weftwork/core";
import type { Run, SubmittedRun } from "@weftwork/sdk";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import { checkMembers, text, type MemberCheck } from "../members.ts";
import { readPrefer } from "../prefer.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";
import { readIdempotencyKey, readSubmission } from "./submission.ts";

interface ById {
  readonly Params: { readonly id: string };
}

/** `/api/runs` and `/api/tasks`: submit, look, follow, cancel. */
export function runRoutes(app: FastifyInstance, surface: Surface): void {
  const { engine } = surface;

  // Refused before the body is read, where nobody at all is let in: refusing must cost little.
  const onRequest = (_request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    done(engine.admission.shut() ?? undefined);
  };

  app.post("/api/runs", { onRequest }, async (request, reply) => {
    surface.refuseWhileDraining();
    const submission = readSubmission(jsonObjectOf(request.body));
    const idempotencyKey = readIdempotencyKey(request.headers["idempotency-key"]);
    const prefer = readPrefer(request.headers["prefer"]);
    const place = await engine.admission.enter(submission.priority ?? "normal");
    const { run, created } = await engine.runs
      .start(idempotencyKey === null ? submission : { ...submission, idempotencyKey })
      .finally(() => place.leave());
    reply.header("location", run.links.self);
    if (!created) reply.header("idempotency-replayed", "true");
    if (prefer.applied !== null) reply.header("preference-applied", prefer.applied);
    if (prefer.waitMs > 0) {
      const ended = await waitForEnd(surface, reply, run.id, prefer.waitMs);
      if (ended !== null) return sendJson(reply, 200, ended);
    }
    return sendJson(reply, created ? 202 : 200, submitted(run));
  });

  app.get<ById>("/api/runs/:id", async (request, reply) => {
    const { include, scope } = readQuery(request.query, DETAIL);
    if (scope !== undefined && include === undefined) throw new AppError("INVALID_REQUEST", { reason: SCOPE_ALONE });
    const waited = await waitAsPreferred(surface, request, reply);
    if (include === undefined) return sendJson(reply, 200, waited ?? (await found(surface, request)));
    const run = await engine.runs.detail(request.params.id, scope === undefined ? {} : { scope });
    if (run === null) throw notFound(request.params.id);
    return sendJson(reply, 200, run);
  });

  app.get<ById>("/api/tasks/:id", async (request, reply) => {
    await waitAsPreferred(surface, request, reply);
    const task = await engine.runs.task(request.params.id);
    if (task === null) throw notFound(request.params.id);
    return sendJson(reply, 200, task);
  });

  app.post<ById>("/api/runs/:id/cancel", async (request, reply) => {
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, { reason: { check: text(1000) } });
    const run = await engine.runs.cancel(request.params.id, String(body["reason"] ?? "cancelled by a request"));
    return sendJson(reply, isFinal(run) ? 200 : 202, run);
  });
}

const SCOPE_ALONE = "scope says which steps to include; send include=steps with it";

/** Waits for the end of the run as `Prefer: wait=N` asks; the run when it has ended within that time. */
async function waitAsPreferred(
  surface: Surface,
  request: FastifyRequest<ById>,
  reply: FastifyReply,
): Promise<Run | null> {
  const { waitMs, applied } = readPrefer(request.headers["prefer"]);
  if (applied !== null) reply.header("preference-applied", applied);
  return waitMs > 0 ? waitForEnd(surface, reply, request.params.id, waitMs) : null;
}

const includable: MemberCheck = (value) => (value === "steps" ? null : "must be steps");

const DETAIL = { include: { check: includable }, scope: { check: text(1000) } };

export function submitted({ id, status, links }: Run): SubmittedRun {
  return { id, task_id: id, status, links };
}

export async function found(surface: Surface, request: FastifyRequest<ById>): Promise<Run> {
  const run = await surface.engine.runs.get(request.params.id);
  if (run === null) throw notFound(request.params.id);
  return run;
}

function notFound(id: string): AppError {
  return new AppError("RUN_NOT_FOUND", { run: id.slice(0, 200) });
}

export function isFinal({ status }: Run): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

/** The run once it has ended; null when it has not within the time, the caller went away, or the server is draining. */
export async function waitForEnd(
  surface: Surface,
  reply: FastifyReply,
  id: string,
  timeoutMs: number,
): Promise<Run | null> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  const forget = surface.onDrain(abort);
  surface.hold(reply.raw);
  reply.raw.once("close", abort);
  try {
    const run = await surface.engine.runs.wait(id, { timeoutMs, signal: stop.signal });
    return run !== null && isFinal(run) ? run : null;
  } catch (error) {
    if (stop.signal.aborted) return null;
    throw error;
  } finally {
    forget();
    reply.raw.off("close", abort);
  }
}
