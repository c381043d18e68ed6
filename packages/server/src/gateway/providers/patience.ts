import { AppError } from "@weftwork/core";

/** How long one call may wait, in milliseconds. */
export interface ModelTimeouts {
  readonly connectMs: number;
  readonly firstTokenMs: number;
  readonly betweenTokensMs: number;
  readonly totalMs: number;
}

export const MODEL_TIMEOUTS: ModelTimeouts = {
  connectMs: 5000,
  firstTokenMs: 30_000,
  betweenTokensMs: 30_000,
  totalMs: 600_000,
};

/**
 * The clock of one call: ends it when the caller leaves or a time is over, and knows afterwards which it was.
 *
 * P1. Tokens are waited for, not bytes: a server that sends comments or single bytes does not gain time.
 * P2. While the reader works on what it has, the time between tokens stands still; the time in all does not.
 */
export class Patience {
  readonly signal: AbortSignal;
  private readonly controller = new AbortController();
  private readonly model: string;
  private readonly caller: AbortSignal;
  private readonly timeouts: ModelTimeouts;
  private readonly total: NodeJS.Timeout;
  private waiting: NodeJS.Timeout | null = null;
  private expired: AppError | null = null;

  constructor(model: string, caller: AbortSignal, timeouts: ModelTimeouts) {
    this.signal = this.controller.signal;
    this.model = model;
    this.caller = caller;
    this.timeouts = timeouts;
    caller.addEventListener("abort", this.leave);
    this.total = this.expireAfter(timeouts.totalMs, "whole answer");
  }

  /** The first token is waited for. An answer that comes as a whole has only the time in all. */
  awaitFirst(): void {
    this.hold();
    this.waiting = this.expireAfter(this.timeouts.firstTokenMs, "first token");
  }

  awaitNext(): void {
    this.hold();
    this.waiting = this.expireAfter(this.timeouts.betweenTokensMs, "further token");
  }

  /** Nothing is waited for at present. */
  hold(): void {
    if (this.waiting) clearTimeout(this.waiting);
    this.waiting = null;
  }

  /** Throws why the call is over, if it is: the caller's reason first, then the time that ran out. */
  check(): void {
    this.caller.throwIfAborted();
    if (this.expired) throw this.expired;
  }

  /** The call is over and nothing more will fire. What is still open is closed, unless the answer came to its end. */
  end(complete: boolean): void {
    this.hold();
    clearTimeout(this.total);
    this.caller.removeEventListener("abort", this.leave);
    if (!complete) this.controller.abort();
  }

  private readonly leave = (): void => this.controller.abort(this.caller.reason);

  private expireAfter(timeoutMs: number, what: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.expired ??= new AppError("MODEL_TIMEOUT", { model: this.model, what, timeoutMs });
      this.controller.abort(this.expired);
    }, timeoutMs);
  }
}
