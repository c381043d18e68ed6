import type { Json, JsonObject } from "@weftwork/core";
import type { OwnTask, OwnTaskError, OwnTaskPart, OwnTaskResult } from "./wire.ts";

/** What a handler gets: one attempt at one step, with everything resolved. */
export interface WorkerTask {
  readonly runId: string;
  readonly step: string;
  readonly scope: string;
  /** From 1. */
  readonly attempt: number;
  /** Same whenever this attempt is done again, by whomever: send it along as an idempotency key. */
  readonly key: string;
  readonly pool: string;
  readonly handler: string;
  readonly input: Json;
  readonly config: JsonObject;
  /** When the step's timeout ends; null: it has none. */
  readonly deadline: Date | null;
  /** Aborts when the result is no longer wanted: end soon then. */
  readonly signal: AbortSignal;
  /** Text for those who watch the run as it is written. No part of the result. */
  write(text: string): void;
  /** A line in the log of the run. */
  log(message: string, level?: "info" | "warn" | "error"): void;
}

/** Does one task. What it returns becomes the output of the step; what it throws fails the attempt. */
export type WorkerHandler = (task: WorkerTask) => unknown;

/** Fails an attempt with a code of its own, and says whether another one may succeed. */
export class TaskError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  readonly details: JsonObject | null;

  constructor(
    code: string,
    message: string,
    options: { readonly retryable?: boolean; readonly retryAfterMs?: number; readonly details?: JsonObject } = {},
  ) {
    super(message);
    this.name = "TaskError";
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.details = options.details ?? null;
  }
}

const MESSAGE_MAX = 10_000;

/** What a handler threw, as a result. A boolean `retryable` of any error is taken; left out it is not tried again. */
export function failedResult(thrown: unknown): OwnTaskResult {
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, MESSAGE_MAX) || "it failed";
  if (!(thrown instanceof TaskError)) {
    const retryable = (thrown as { retryable?: unknown } | null)?.retryable === true;
    return { status: "failed", error: { message, retryable } };
  }
  const { code, retryable, details, retryAfterMs } = thrown;
  const error: OwnTaskError = details ? { code, message, retryable, details } : { code, message, retryable };
  return retryAfterMs === null
    ? { status: "failed", error }
    : { status: "failed", error, retry_after_ms: retryAfterMs };
}

/** A task under way: its signal, its time limit, and what it says. */
export class RunningTask {
  readonly given: OwnTask;
  /** Its result is on its way: it is still held, and nothing stops it any more. */
  isDone = false;
  private readonly controller = new AbortController();
  private readonly timer: ReturnType<typeof setTimeout> | null;
  private readonly tell: (parts: readonly OwnTaskPart[]) => void;
  private parts: OwnTaskPart[] = [];
  private telling: ReturnType<typeof setTimeout> | null = null;

  constructor(given: OwnTask, tell: (parts: readonly OwnTaskPart[]) => void) {
    this.given = given;
    this.tell = tell;
    const { timeout_ms: ms } = given;
    this.timer = ms === null ? null : setTimeout(() => this.abort(new TimedOut(ms)), Math.min(ms, DELAY_MS_MAX));
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(reason: Error): void {
    this.controller.abort(reason);
  }

  /** What the handler sees. */
  view(): WorkerTask {
    const { given, signal } = this;
    return {
      runId: given.run_id,
      step: given.step,
      scope: given.scope,
      attempt: given.attempt,
      key: given.key,
      pool: given.pool,
      handler: given.handler,
      input: given.input,
      config: given.config,
      deadline: given.deadline === null ? null : new Date(given.deadline),
      signal,
      write: (text) => this.say({ type: "text_delta", text }),
      log: (message, level = "info") => this.say({ type: "log", level, message }),
    };
  }

  /** Nothing more is said, and no time runs. */
  end(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.flush();
  }

  private say(part: OwnTaskPart): void {
    if (this.isDone || this.signal.aborted) return;
    this.parts.push(part);
    if (this.parts.length >= PARTS_MAX) this.flush();
    else this.telling ??= setTimeout(() => this.flush(), PARTS_MS);
  }

  private flush(): void {
    if (this.telling !== null) clearTimeout(this.telling);
    this.telling = null;
    const { parts } = this;
    this.parts = [];
    if (parts.length > 0) this.tell(parts);
  }
}

/** Longest delay of a timer of the platforms. */
const DELAY_MS_MAX = 2 ** 31 - 1;
const PARTS_MS = 100;
const PARTS_MAX = 100;

/** The step's timeout has ended. */
export class TimedOut extends TaskError {
  constructor(ms: number) {
    super("STEP_TIMEOUT", `The step took longer than its timeout of ${ms} ms.`, { retryable: true });
  }
}
