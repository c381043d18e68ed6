import { validateHeaderName, validateHeaderValue } from "node:http";
import { AppError, type Json } from "@weftwork/core";

/** Headers that say how a message is carried. A step that sets them could make two servers read it in two ways. */
const OWN_REFUSED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a header says how a message is carried, which the sender decides. */
export function isCarrierHeader(name: string): boolean {
  return OWN_REFUSED.has(name.toLowerCase());
}

/** Headers that go along to another origin. All others may be credentials under any name, and stay behind. */
const KEPT_ACROSS_ORIGINS: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "content-type",
  "idempotency-key",
  "user-agent",
]);

/** Headers of one request by lower-case name. */
export type RequestHeaders = Map<string, string>;

/** The headers an author gave, checked. Null values are left out, so that a header can be optional. */
export function requestHeaders(given: { readonly [name: string]: Json }): RequestHeaders {
  const headers: RequestHeaders = new Map();
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue;
    if (typeof value === "object") throw refused(`headers.${name} must be text, a number, true or false`);
    setHeader(headers, name, String(value));
  }
  return headers;
}

/** Sets a header that came from outside; nothing in it can begin another header or change how the body is read. */
export function setHeader(headers: RequestHeaders, name: string, value: string): void {
  const key = name.toLowerCase();
  try {
    validateHeaderName(key);
  } catch {
    throw refused(`${JSON.stringify(name)} is not the name of a header`);
  }
  if (OWN_REFUSED.has(key)) throw refused(`the header ${name} is set by the server itself`);
  try {
    validateHeaderValue(key, value);
  } catch {
    throw refused(`the value of the header ${name} holds characters that a header cannot have`);
  }
  headers.set(key, value);
}

export interface Auth {
  readonly bearer?: string | undefined;
  readonly basic?: { readonly username: string; readonly password: string } | undefined;
  readonly header?: string | undefined;
  readonly value?: string | undefined;
}

export function setAuth(headers: RequestHeaders, auth: Auth): void {
  if (auth.bearer !== undefined) setHeader(headers, "authorization", `Bearer ${auth.bearer}`);
  if (auth.basic !== undefined) {
    const { username, password } = auth.basic;
    if (username.includes(":")) throw refused("auth.basic.username must not hold a colon");
    setHeader(headers, "authorization", `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`);
  }
  if (auth.header !== undefined && auth.value !== undefined) setHeader(headers, auth.header, auth.value);
}

/** What of the headers may be sent to another origin than the one they were written for. */
export function withoutCredentials(headers: RequestHeaders): RequestHeaders {
  return new Map([...headers].filter(([name]) => KEPT_ACROSS_ORIGINS.has(name)));
}

/** The headers of an answer as data: one text each, repeated ones joined; cookies always a list. */
export function responseHeaders(headers: { readonly [name: string]: string | string[] | undefined }): {
  [name: string]: string | string[];
} {
  const members = Object.entries(headers).map(([name, value]): [string, string | string[]] => {
    const list = Array.isArray(value) ? value : [value ?? ""];
    return [name, name === "set-cookie" ? list : list.join(", ")];
  });
  return Object.fromEntries(members);
}

function refused(reason: string): AppError {
  return new AppError("STEP_FAILED", { reason });
}
