import type { JsonObject } from "@weftwork/core";

/** The error body of the native API (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Stable, lower case: `run_not_found`. */
  readonly code: string;
  readonly request_id: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly errors?: readonly JsonObject[];
}

/** An answer of the server that is an error. */
export class WeftError extends Error {
  readonly problem: Problem;
  /** Milliseconds the server asks to wait before the next try; null when it does not say. */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, retryAfterMs: number | null) {
    super(problem.detail);
    this.name = "WeftError";
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** The error that a response stands for, whoever wrote it: a proxy's page becomes a problem as well. */
export async function errorOf(response: Response): Promise<WeftError> {
  const text = await response.text();
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null;
  if (response.headers.get("content-type")?.includes("json") === true) {
    try {
      const body = JSON.parse(text) as Partial<Problem>;
      if (typeof body.code === "string" && typeof body.detail === "string")
        return new WeftError(body as Problem, retryAfterMs);
    } catch {
      // Said to be JSON and is not: told below as what it is.
    }
  }
  const problem: Problem = {
    type: "about:blank",
    title: response.statusText,
    status: response.status,
    detail: `the server answered ${response.status} ${response.statusText}: ${text.slice(0, 200)}`,
    code: "unexpected_answer",
    request_id: response.headers.get("x-request-id") ?? "",
    retryable: response.status >= 500,
  };
  return new WeftError(problem, retryAfterMs);
}
