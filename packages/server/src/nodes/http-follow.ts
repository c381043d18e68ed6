import { request as ask, type Agent, type Dispatcher } from "undici";
import { finalError, requestError } from "./http-errors.ts";
import { withoutCredentials } from "./http-headers.ts";
import { sendable, type HttpRequest, type RequestContext } from "./http-request.ts";

const REDIRECTS_MAX = 3;

export interface FollowContext extends RequestContext {
  readonly agent: Agent;
  readonly signal: AbortSignal;
  /** The longest silence of the one who is asked, in milliseconds. Left out: as long as the step may take. */
  readonly idleMs?: number;
}

/** An answer, and the request that brought it: the last one, where there were redirects. */
export interface Answered {
  readonly request: HttpRequest;
  readonly response: Dispatcher.ResponseData;
  /** Where it came from. May hold secrets: errors name its origin only. */
  readonly url: URL;
  /** Whether `url` holds a secret, or may repeat one that was sent. */
  readonly isSecret: boolean;
  readonly bodyHasSecret: boolean;
}

/** Sends, and goes where the answers point, each place checked like the first. */
export async function follow(first: HttpRequest, context: FollowContext): Promise<Answered> {
  let request = first;
  let isSecret = false;
  for (let redirects = 0; ; redirects++) {
    const sent = await send(request, context);
    isSecret ||= sent.isSecret;
    const answered = { ...sent, isSecret };
    const next = redirectOf(answered);
    if (next === null) return answered;
    discard(answered.response);
    if (redirects === REDIRECTS_MAX) throw finalError(answered.url, `it redirects more than ${REDIRECTS_MAX} times`);
    request = next;
  }
}

async function send(request: HttpRequest, context: FollowContext): Promise<Answered> {
  const { agent, signal, idleMs } = context;
  const { url, headers, content, hasSecret } = await sendable(request, context);
  try {
    const response = await ask(url, {
      dispatcher: agent,
      method: request.method,
      headers: Object.fromEntries(headers),
      body: content,
      signal,
      ...(idleMs === undefined ? {} : { headersTimeout: idleMs, bodyTimeout: idleMs }),
    });
    return { request, response, url, isSecret: hasSecret.url, bodyHasSecret: hasSecret.body };
  } catch (error) {
    // A body that was not read to its end lets go of its files. After an answer it may still be on its way.
    if (content !== null && !Buffer.isBuffer(content)) content.on("error", () => {}).destroy();
    if (signal.aborted) throw error;
    throw requestError(error, url);
  }
}

/** The request that a redirect asks for, as browsers make it; null when the answer is none. */
function redirectOf(answered: Answered): HttpRequest | null {
  const { request, response, url } = answered;
  const location = single(response.headers["location"]);
  const status = response.statusCode;
  if (location === null || ![301, 302, 303, 307, 308].includes(status)) return null;
  const target = URL.parse(location, url);
  if (target === null) {
    discard(response);
    throw finalError(url, "it redirects to something that is not a URL");
  }
  const { method } = request;
  if ((status === 303 && method !== "HEAD") || (status <= 302 && method === "POST")) {
    const headers = new Map(
      [...request.headers].filter(([name]) => name !== "content-type" && name !== "idempotency-key"),
    );
    return requestAt({ ...request, method: "GET", headers, body: null }, answered, target);
  }
  return requestAt(request, answered, target);
}

/**
 * The same request to a place that an answer has named. At another origin it carries no credential under any name, and
 * a body with a secret does not go there at all.
 */
export function requestAt(request: HttpRequest, { url, response, bodyHasSecret }: Answered, target: URL): HttpRequest {
  const moved = { ...request, url: target.href, query: [] };
  if (target.origin === url.origin) return moved;
  if (bodyHasSecret && request.body !== null) {
    discard(response);
    throw finalError(url, "it points to another host, and the body holds a secret that is not for it");
  }
  return { ...moved, headers: withoutCredentials(request.headers), auth: null };
}

/** Lets go of an answer that nobody will read; its connection is closed. */
export function discard(response: Dispatcher.ResponseData): void {
  response.body.on("error", () => {}).destroy();
}

/** A header of an answer as one text; null where it is not there. */
export function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value.join(", ") : value) ?? null;
}
