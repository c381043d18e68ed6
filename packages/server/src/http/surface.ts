import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { AppError } from "@weftwork/core";
import type { FastifyReply } from "fastify";
import type { Engine } from "./engine.ts";

/** Where a surface writes what its operator should know; pino fits. */
export interface HttpLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const LET_GO_MS = 3000;

/** What the routes of a surface share: the engine, and the state of the server around them. */
export class Surface {
  readonly engine: Engine;
  readonly heartbeatMs: number;
  /** Event streams that are open. */
  streamCount = 0;
  private draining = false;
  private readonly drainListeners = new Set<() => void>();
  /** Answers that wait for a run. */
  private readonly held = new Set<ServerResponse>();

  constructor(engine: Engine, heartbeatMs: number) {
    this.engine = engine;
    this.heartbeatMs = heartbeatMs;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /**
   * Takes no new work, and lets waits and streams go, whose callers come back to whoever serves next. Resolves when all
   * of them have had their answer, or after a few seconds without it.
   */
  async drain(): Promise<void> {
    this.draining = true;
    for (const listener of this.drainListeners) listener();
    const patience = AbortSignal.timeout(LET_GO_MS);
    await Promise.all([...this.held].map((raw) => once(raw, "close", { signal: patience }).catch(() => undefined)));
  }

  /** Counts an answer among those that draining lets go. */
  hold(raw: ServerResponse): void {
    this.held.add(raw);
    raw.once("close", () => this.held.delete(raw));
  }

  refuseWhileDraining(): void {
    if (this.draining) throw new AppError("SHUTTING_DOWN");
  }

  /** Calls back when the server begins to drain (at once if it does already); the answer takes that back. */
  onDrain(listener: () => void): () => void {
    if (this.draining) listener();
    this.drainListeners.add(listener);
    return () => this.drainListeners.delete(listener);
  }
}

/** Answers with a value that is JSON already, so that no schema has to be walked. */
export function sendJson(reply: FastifyReply, status: number, value: object): FastifyReply {
  return reply.code(status).header("content-type", "application/json; charset=utf-8").send(JSON.stringify(value));
}
