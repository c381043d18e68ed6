import type { AppError } from "@weftwork/core";

/** Lines a second that tell of refused requests at most. */
const EVERY_MS = 1000;

/** Headers of an answer that refuses for load or quota (RFC 9110; RateLimit is a draft of the IETF). */
export function refusalHeaders(error: AppError): Readonly<Record<string, string>> {
  const { limit, retryAfter } = error.details;
  if (error.code !== "BACKLOG_FULL") return {};
  return {
    "ratelimit-policy": `"open-runs";q=${Number(limit)};qu="concurrent-requests"`,
    ratelimit: `"open-runs";r=0;t=${Number(retryAfter)}`,
  };
}

/**
 * Which of many refusals are logged: one a second, with the number of those before it that were not. A server that
 * refuses thousands a second must not be busy with telling so.
 */
export class RefusalLog {
  private readonly now: () => number;
  private toldAt = Number.NEGATIVE_INFINITY;
  private untold = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  /** Null: this one is not told. */
  next(): { readonly refused_before: number } | null {
    const now = this.now();
    if (now - this.toldAt < EVERY_MS) {
      this.untold += 1;
      return null;
    }
    this.toldAt = now;
    const told = { refused_before: this.untold };
    this.untold = 0;
    return told;
  }
}
