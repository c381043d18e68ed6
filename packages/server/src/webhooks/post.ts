import { AppError } from "@weftwork/core";
import { Agent, request, type Dispatcher } from "undici";
import type { HttpGuard } from "../nodes/http-guard.ts";

/** Bytes of an answer that are read; the log shows fewer. */
const ANSWER_BYTES_MAX = 4096;
/** From connecting to the last byte that is read. */
const TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 10_000;
const NO_ANSWER = { answer: "", isCut: false } as const;
const RETRY_AFTER_MS_MAX = 24 * 3_600_000;

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** What came back. The text may hold anything, secrets that were sent included. */
export interface PostReply {
  /** Null: no answer came, and `error` says why. */
  readonly status: number | null;
  readonly error: string | null;
  readonly retryAfterMs: number | null;
  readonly answer: string;
  /** There is more of it that was not read. */
  readonly isCut: boolean;
}

/** Sends one message. Never throws. */
export interface Post {
  send(request: PostRequest): Promise<PostReply>;
  close(): Promise<void>;
}

/**
 * Sends over HTTP behind the guard that http steps have: a name is resolved once, all of its addresses are checked, and
 * the connection goes to one of these. Redirects are not followed, and of an answer only the beginning is read.
 */
export function httpPost(guard: HttpGuard, timeoutMs = TIMEOUT_MS): Post {
  const agent = new Agent({
    connect: guard.connect,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
  return {
    async send({ url: text, headers, body, signal }) {
      const late = AbortSignal.timeout(timeoutMs);
      try {
        const url = new URL(text);
        guard.check(url);
        const either = AbortSignal.any([signal, late]);
        const response = await request(url, { dispatcher: agent, method: "POST", headers, body, signal: either });
        return {
          status: response.statusCode,
          error: null,
          retryAfterMs: retryAfterMs(response.headers["retry-after"]),
          // The status says what became of the message, whatever happens to the rest of the answer.
          ...(await beginningOf(response.body).catch(() => NO_ANSWER)),
        };
      } catch (error) {
        const reason = late.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error);
        return { status: null, error: reason, retryAfterMs: null, ...NO_ANSWER };
      }
    },
    close: () => agent.destroy(),
  };
}

async function beginningOf(body: Dispatcher.ResponseData["body"]): Promise<Pick<PostReply, "answer" | "isCut">> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size >= ANSWER_BYTES_MAX) break;
    }
  } finally {
    // Leaving early closes the connection.
    body.on("error", () => {}).destroy();
  }
  const answer = Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX).toString("utf8");
  return { answer, isCut: size >= ANSWER_BYTES_MAX };
}

/** `Retry-After` in milliseconds: seconds or a date, at most a day. Null where there is none that can be read. */
export function retryAfterMs(value: string | string[] | undefined, now = Date.now()): number | null {
  if (typeof value !== "string") return null;
  const ms = /^\s*\d{1,10}\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}

/** Words for what went wrong. Node leaves the message empty where several addresses failed. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (error instanceof AppError || (error instanceof Error && error.message !== "")) return error.message;
  return error instanceof Error ? error.name : String(error);
}
