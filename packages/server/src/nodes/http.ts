import { AppError, failure, type Json } from "@weftwork/core";
import { Agent, request, type Dispatcher } from "undici";
import { z } from "zod";
import { defineNode, failedAs } from "./define-node.ts";
import { appendPairs, decodeBody, encodeBody, ENCODINGS_ACCEPTED, excerptOf, readBody } from "./http-body.ts";
import { tooLarge, UnreadableBody } from "./http-body.ts";
import { httpGuard, type HttpGuard, type HttpGuardOptions } from "./http-guard.ts";
import { requestHeaders, responseHeaders, setAuth, withoutCredentials, type RequestHeaders } from "./http-headers.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";

export interface HttpOptions extends HttpGuardOptions {
  readonly requestBytesMax?: number;
  /** Bytes of an answer, before and after decompression. */
  readonly responseBytesMax?: number;
}

const REDIRECTS_MAX = 3;
const EXCERPT_LENGTH = 1000;
const RETRY_AFTER_MS_MAX = 3_600_000;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const config = z.object({
  method: z
    .string()
    .transform((method) => method.toUpperCase())
    .pipe(z.enum(METHODS))
    .nullish(),
  url: z.string().min(1),
  headers: z.record(z.string(), scalar).nullish(),
  query: z.record(z.string(), z.union([scalar, z.array(scalar)])).nullish(),
  body: z.unknown().optional(),
  auth: z
    .union(
      [
        z.strictObject({ bearer: z.string().min(1) }),
        z.strictObject({ basic: z.strictObject({ username: z.string(), password: z.string() }) }),
        z.strictObject({ header: z.string().min(1), value: z.string() }),
      ],
      "give {bearer}, {basic: {username, password}} or {header, value}",
    )
    .nullish(),
  response: z.enum(["auto", "json", "text", "bytes"]).nullish(),
});
type Config = z.output<typeof config>;

/** One request as it goes out. A redirect makes another one of it. */
interface Sending {
  readonly method: Dispatcher.HttpMethod;
  readonly url: URL;
  readonly headers: RequestHeaders;
  readonly body: Buffer | null;
}

/**
 * `http {method url headers query body auth response}` → `{status, headers, body}`. Statuses from 400 fail the step.
 *
 * No time is counted here besides the one for connecting: the step's timeout fires the signal, and the signal closes
 * the connection. Errors name the origin only; paths and queries may hold secrets.
 */
export function httpNode(options: HttpOptions = {}): NodeExecutor {
  const { requestBytesMax = 16_000_000, responseBytesMax = 10_000_000 } = options;
  const guard = httpGuard(options);
  const agent = new Agent({
    connect: guard.connect,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: responseBytesMax,
  });
  return defineNode({
    type: "http",
    effect: "effect",
    timeoutMs: 60_000,
    config,
    async execute(fields, task) {
      const first = firstSending(fields, task, requestBytesMax);
      const { response, url } = await follow(first, agent, guard, task.signal);
      try {
        const status = response.statusCode;
        const encoding = single(response.headers["content-encoding"]);
        if (status >= 400) {
          const bytes = await readBody(response.body, { encoding, limit: EXCERPT_LENGTH * 4, cut: true }).catch(() =>
            Buffer.alloc(0),
          );
          return statusFailure(url, response, excerptOf(bytes, EXCERPT_LENGTH));
        }
        const length = Number(response.headers["content-length"] ?? 0);
        if (length > responseBytesMax && first.method !== "HEAD") throw tooLarge(length, responseBytesMax);
        const bytes = await readBody(response.body, {
          encoding: first.method === "HEAD" ? null : encoding,
          limit: responseBytesMax,
        });
        const body = decodeBody(bytes, single(response.headers["content-type"]), fields.response ?? "auto");
        return { status, headers: responseHeaders(response.headers), body };
      } catch (error) {
        discard(response);
        if (task.signal.aborted) throw error;
        throw requestError(error, url, responseBytesMax);
      }
    },
  });
}

function firstSending(fields: Config, task: NodeTask, bytesMax: number): Sending {
  const method = fields.method ?? "GET";
  const url = URL.parse(fields.url);
  if (url === null)
    throw new AppError("STEP_FAILED", { reason: "url is not an absolute URL such as https://host/path" });
  appendPairs(url.searchParams, fields.query ?? {});
  const headers = requestHeaders(fields.headers ?? {});
  if (fields.auth) setAuth(headers, fields.auth);
  const body = bodyOf(fields.body as Json | undefined, headers, bytesMax);
  if (body !== null && method === "HEAD") throw new AppError("STEP_FAILED", { reason: "HEAD cannot carry a body" });
  if (method !== "GET" && method !== "HEAD") setDefault(headers, "idempotency-key", task.key);
  setDefault(headers, "user-agent", "weftwork");
  setDefault(headers, "accept", "*/*");
  // Answers are decompressed here, so what may be asked for is decided here.
  headers.set("accept-encoding", ENCODINGS_ACCEPTED);
  return { method, url, headers, body };
}

function bodyOf(body: Json | undefined, headers: RequestHeaders, bytesMax: number): Buffer | null {
  if (body === undefined || body === null) return null;
  const { bytes, contentType } = encodeBody(body, headers.get("content-type") ?? null);
  if (bytes.length > bytesMax) {
    const what = "the body of the request";
    const setting = "the request limit of http steps";
    throw new AppError("PAYLOAD_TOO_LARGE", { what, size: bytes.length, limit: bytesMax, setting });
  }
  setDefault(headers, "content-type", contentType);
  return bytes;
}

function setDefault(headers: RequestHeaders, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}

/** Sends, and goes where the answers point, each place checked like the first. */
async function follow(
  first: Sending,
  agent: Agent,
  guard: HttpGuard,
  signal: AbortSignal,
): Promise<{ response: Dispatcher.ResponseData; url: URL }> {
  let sending = first;
  for (let redirects = 0; ; redirects++) {
    const response = await send(sending, agent, guard, signal);
    const next = redirectOf(sending, response);
    if (next === null) return { response, url: sending.url };
    discard(response);
    if (redirects === REDIRECTS_MAX) {
      const reason = `it redirects more than ${REDIRECTS_MAX} times`;
      throw new FinalRequestError("REQUEST_FAILED", { target: sending.url.origin, reason });
    }
    sending = next;
  }
}

async function send(
  sending: Sending,
  agent: Agent,
  guard: HttpGuard,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  const { method, url, headers, body } = sending;
  guard.check(url);
  try {
    return await request(url, { dispatcher: agent, method, headers: Object.fromEntries(headers), body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw requestError(error, url, 0);
  }
}

/** The request that a redirect asks for, as browsers make it; null when the answer is none. */
function redirectOf(sending: Sending, response: Dispatcher.ResponseData): Sending | null {
  const location = single(response.headers["location"]);
  const status = response.statusCode;
  if (location === null || ![301, 302, 303, 307, 308].includes(status)) return null;
  const url = URL.parse(location, sending.url);
  if (url === null) {
    const reason = "it redirects to something that is not a URL";
    throw new FinalRequestError("REQUEST_FAILED", { target: sending.url.origin, reason });
  }
  let { method, headers, body } = sending;
  if (url.origin !== sending.url.origin) headers = withoutCredentials(headers);
  if ((status === 303 && method !== "HEAD") || (status <= 302 && method === "POST")) {
    [method, body] = ["GET", null];
    headers = new Map([...headers].filter(([name]) => name !== "content-type" && name !== "idempotency-key"));
  }
  return { method, url, headers, body };
}

function statusFailure(url: URL, response: Dispatcher.ResponseData, body: string): ReturnType<typeof failedAs> {
  const status = response.statusCode;
  const retryable = status >= 500 || status === 408 || status === 425 || status === 429;
  const reason = { ...failure("REQUEST_STATUS", { target: url.origin, status, body }), retryable };
  return failedAs(reason, retryable ? retryAfter(single(response.headers["retry-after"])) : undefined);
}

/** `Retry-After` in milliseconds: seconds or a date, at most an hour. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}

/** A failed request that would fail the same way again. */
class FinalRequestError extends AppError {
  override get retryable(): boolean {
    return false;
  }
}

function requestError(error: unknown, url: URL, limit: number): AppError {
  if (error instanceof AppError) return error;
  const target = url.origin;
  if (error instanceof UnreadableBody)
    return new FinalRequestError("REQUEST_FAILED", { target, reason: error.message });
  if (codeOf(error) === "UND_ERR_RES_EXCEEDED_MAX_SIZE") return tooLarge(limit, limit);
  return new AppError("REQUEST_FAILED", { target, reason: reasonOf(error) }, { cause: error });
}

/** Words for an error of the network. Node leaves the message empty when several addresses failed. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || codeOf(error) || error.name;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Lets go of an answer that nobody will read; its connection is closed. */
function discard(response: Dispatcher.ResponseData): void {
  response.body.on("error", () => {}).destroy();
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value.join(", ") : value) ?? null;
}
