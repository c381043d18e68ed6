import type { Readable } from "node:stream";
import type { Json } from "@weftwork/core";
import type { Dispatcher } from "undici";
import { encodeBody, opener, pairsOf, type EncodedBody, type RequestBody } from "./http-body.ts";
import { ENCODINGS_ACCEPTED } from "./http-decode.ts";
import type { Files } from "../files/files.ts";
import { fieldsRefused, type HttpAuth, type HttpFields } from "./http-fields.ts";
import type { HttpGuard } from "./http-guard.ts";
import { requestHeaders, setAuth, setHeader, type RequestHeaders } from "./http-headers.ts";
import type { SecretTexts } from "./node.ts";

/**
 * A request as it stands before it is sent: secrets are marks, files are ids. Redirects and further pages make others
 * of it. Only `sendable` puts secrets in, and what it makes is not kept.
 */
export interface HttpRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly url: string;
  /** Pairs to be added to the query of the URL. */
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: RequestHeaders;
  readonly auth: HttpAuth | null;
  readonly body: RequestBody | null;
}

/** What requests of one task need besides themselves. */
export interface RequestContext {
  readonly guard: HttpGuard;
  readonly secrets: SecretTexts;
  readonly files: Files | null;
  readonly tenant: string;
  readonly requestBytesMax: number;
}

/** A request with its secrets, for this moment. */
export interface Sendable {
  readonly url: URL;
  readonly headers: RequestHeaders;
  readonly content: Buffer | Readable | null;
  /** Whether there is a secret in the URL or its query, and whether there is one in the body. */
  readonly hasSecret: { readonly url: boolean; readonly body: boolean };
}

/** The first request of a step. `key` makes a repeat of it recognisable to the one who is asked. */
export function firstRequest(fields: HttpFields, key: string): HttpRequest {
  const method = fields.method ?? "GET";
  const headers = requestHeaders(fields.headers ?? {});
  const body = bodyOf(fields);
  if (body !== null && method === "HEAD") throw fieldsRefused("HEAD cannot carry a body");
  if (method !== "GET" && method !== "HEAD") setDefault(headers, "idempotency-key", key);
  setDefault(headers, "user-agent", "weftwork");
  setDefault(headers, "accept", "*/*");
  // Answers are decompressed here, so what may be asked for is decided here.
  headers.set("accept-encoding", ENCODINGS_ACCEPTED);
  return { method, url: fields.url, query: [...pairsOf(fields.query ?? {})], headers, auth: fields.auth ?? null, body };
}

function bodyOf({ body, form, multipart, file }: HttpFields): RequestBody | null {
  const given: RequestBody[] = [];
  if (body !== undefined && body !== null) given.push({ kind: "value", value: body });
  if (form) given.push({ kind: "form", fields: form });
  if (multipart) given.push({ kind: "multipart", fields: multipart });
  if (file !== undefined && file !== null) given.push({ kind: "file", file: file as Json });
  if (given.length > 1) throw fieldsRefused("give one of body, form, multipart and file");
  return given[0] ?? null;
}

/**
 * Puts the secrets in and opens the files. The URL is checked by the guard before a secret is asked for, and again with
 * the secret in it.
 */
export async function sendable(request: HttpRequest, context: RequestContext): Promise<Sendable> {
  const { guard, secrets } = context;
  const written = URL.parse(request.url);
  if (written === null) throw fieldsRefused("url is not an absolute URL such as https://host/path");
  guard.check(written);
  const shown = { url: false, body: false };
  const revealFor = (part: "url" | "body" | null) => (text: string) => {
    const revealed = secrets.reveal(text, written);
    if (part !== null && revealed !== text) shown[part] = true;
    return revealed;
  };
  const url = urlWithSecrets(request, written, revealFor("url"));
  guard.check(url);
  const headers: RequestHeaders = new Map();
  for (const [name, value] of request.headers) setHeader(headers, name, revealFor(null)(value));
  if (request.auth) setAuth(headers, revealedAuth(request.auth, revealFor(null)));
  if (request.body === null) return { url, headers, content: null, hasSecret: shown };
  const encoded = await encodeBody(request.body, {
    contentType: headers.get("content-type") ?? null,
    reveal: revealFor("body"),
    open: opener(context.files, context.tenant),
    bytesMax: context.requestBytesMax,
  });
  setContent(headers, encoded);
  return { url, headers, content: encoded.content, hasSecret: shown };
}

function urlWithSecrets({ url: text, query, auth }: HttpRequest, written: URL, reveal: (text: string) => string): URL {
  const url = URL.parse(reveal(text));
  if (url === null || url.origin !== written.origin) throw fieldsRefused("a secret in url must not change its host");
  for (const [name, value] of query) url.searchParams.append(name, reveal(value));
  if (auth && "query" in auth) url.searchParams.set(auth.query, reveal(auth.value));
  return url;
}

function revealedAuth(auth: HttpAuth, reveal: (text: string) => string): Parameters<typeof setAuth>[1] {
  if ("bearer" in auth) return { bearer: reveal(auth.bearer) };
  if ("header" in auth) return { header: auth.header, value: reveal(auth.value) };
  if ("query" in auth) return {};
  return { basic: { username: reveal(auth.basic.username), password: reveal(auth.basic.password) } };
}

/** The length is known of every body, so none goes in chunks that some servers do not take. */
function setContent(headers: RequestHeaders, { length, contentType, isOwnType }: EncodedBody): void {
  if (isOwnType) headers.set("content-type", contentType);
  else setDefault(headers, "content-type", contentType);
  headers.set("content-length", String(length));
}

function setDefault(headers: RequestHeaders, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}
