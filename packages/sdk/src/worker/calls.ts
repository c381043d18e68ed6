import type { Api } from "../api.ts";
import { WeftError } from "../problem.ts";
import {
  WORKER_TOKEN_HEADER,
  type OwnHeartbeatAnswer,
  type OwnTask,
  type OwnTaskPart,
  type OwnTaskResult,
  type OwnTasks,
  type OwnWorkerJoin,
  type OwnWorkerJoined,
} from "./wire.ts";

/** A call that a server does not answer is given up after this; a long poll has its wait besides. */
const ANSWER_MS = 20_000;

/** Registers a worker. The calls of the session are those of that worker. */
export async function joinServer(api: Api, join: OwnWorkerJoin, signal: AbortSignal): Promise<WorkerCalls> {
  const response = await send(api, "POST", "/api/workers", { body: join, signal, token: null, waitMs: 0 });
  return new WorkerCalls(api, (await response.json()) as OwnWorkerJoined);
}

/** What a registered worker asks of its server. Errors are `WeftError`s, or what `fetch` throws. */
export class WorkerCalls {
  readonly joined: OwnWorkerJoined;
  private readonly api: Api;

  constructor(api: Api, joined: OwnWorkerJoined) {
    this.api = api;
    this.joined = joined;
  }

  async take(limit: number, wait: number, signal: AbortSignal): Promise<readonly OwnTask[]> {
    const response = await this.call("POST", "/tasks", { limit, wait }, { signal, waitMs: wait * 1000 });
    return ((await response.json()) as OwnTasks).data;
  }

  /** Given up after `ms`, in time for another one before the lease ends. */
  async heartbeat(tasks: readonly string[], ms: number): Promise<OwnHeartbeatAnswer> {
    const signal = AbortSignal.timeout(Math.ceil(ms));
    return (await (await this.call("POST", "/heartbeat", { tasks }, { signal })).json()) as OwnHeartbeatAnswer;
  }

  async progress(task: string, parts: readonly OwnTaskPart[]): Promise<void> {
    await this.call("POST", `/tasks/${encodeURIComponent(task)}/progress`, { parts });
  }

  async result(task: string, result: OwnTaskResult): Promise<void> {
    // A large result takes its time.
    await this.call("POST", `/tasks/${encodeURIComponent(task)}/result`, result, { waitMs: 600_000 });
  }

  async leave(): Promise<void> {
    await this.call("DELETE", "");
  }

  private async call(
    method: string,
    path: string,
    body?: object,
    { signal, waitMs = 0 }: { readonly signal?: AbortSignal; readonly waitMs?: number } = {},
  ): Promise<Response> {
    const { id, token } = this.joined;
    return send(this.api, method, `/api/workers/${id}${path}`, { body, signal, token, waitMs });
  }
}

function send(
  api: Api,
  method: string,
  path: string,
  {
    body,
    signal,
    token,
    waitMs,
  }: {
    readonly body?: object | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly token: string | null;
    readonly waitMs: number;
  },
): Promise<Response> {
  const timeout = AbortSignal.timeout(ANSWER_MS + waitMs);
  return api.send(method, path, {
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    ...(body ? { body } : {}),
    ...(token === null ? {} : { headers: { [WORKER_TOKEN_HEADER]: token } }),
  });
}

/** The server knows the worker no more: it joins again. */
export function isForgotten(error: unknown): boolean {
  return error instanceof WeftError && error.code === "worker_not_found";
}

/** Of the caller's key, or of the moment: the same may be taken later. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/** Asking again would change nothing: the server has understood, and refused. */
export function isRefused(error: unknown): boolean {
  return error instanceof WeftError && error.status >= 400 && error.status < 500 && !PASSING.has(error.status);
}
