import type { WebhookMessage } from "./webhook.ts";

/** How far the time of a message may be from now, in seconds. */
const TOLERANCE_SECONDS = 300;
const SIGNATURES_MAX = 10;
const PREFIX = "whsec_";

/** Headers of a request as most servers have them. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined };

/** A message that was not made with the secret, or is too old: it must not be believed. */
export class WebhookVerificationError extends Error {
  constructor(reason: string) {
    super(`The webhook cannot be believed: ${reason}.`);
    this.name = "WebhookVerificationError";
  }
}

/**
 * Checks that a webhook was signed with the secret (Standard Webhooks 1.0), and answers with what it says. `body` is the
 * request's body as it came, byte for byte; a body that was parsed and written again does not fit its signature. Throws
 * `WebhookVerificationError`. A message may come more than once: its `webhook-id` is then the same.
 *
 * ```ts
 * const message = await verifyWebhook(await request.text(), request.headers, process.env.WEBHOOK_SECRET);
 * if (message.type === "run.succeeded") …
 * ```
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string,
  options: { /** Milliseconds since 1970. */ readonly now?: number } = {},
): Promise<WebhookMessage> {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    headerOf(headers, name),
  ) as [string, string, string];
  if (!/^\d{1,12}$/.test(timestamp)) throw new WebhookVerificationError("webhook-timestamp is no number of seconds");
  const off = Math.abs((options.now ?? Date.now()) / 1000 - Number(timestamp));
  if (off > TOLERANCE_SECONDS) throw new WebhookVerificationError("its time is more than five minutes from now");
  const encoder = new TextEncoder();
  const content = typeof body === "string" ? encoder.encode(body) : body;
  const head = encoder.encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + content.length);
  signed.set(head);
  signed.set(content, head.length);
  const key = await crypto.subtle.importKey("raw", keyOf(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  for (const signature of signatures.split(" ").slice(0, SIGNATURES_MAX)) {
    const [version, text = ""] = signature.split(",", 2);
    const bytes = version === "v1" ? bytesOf(text) : null;
    // The platform compares in constant time.
    if (bytes && (await crypto.subtle.verify("HMAC", key, bytes, signed))) {
      return JSON.parse(new TextDecoder().decode(content)) as WebhookMessage;
    }
  }
  throw new WebhookVerificationError("no signature fits the secret");
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = isHeaders(headers) ? headers.get(name) : ownHeader(headers, name);
  if (value === null || value === undefined || value === "")
    throw new WebhookVerificationError(`the header ${name} is missing`);
  return typeof value === "string" ? value : value.join(" ");
}

function isHeaders(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers["get"] === "function";
}

function ownHeader(
  headers: { readonly [name: string]: string | readonly string[] | undefined },
  name: string,
): string | readonly string[] | undefined {
  return Object.entries(headers).find(([one]) => one.toLowerCase() === name)?.[1];
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  const key = secret.startsWith(PREFIX) ? bytesOf(secret.slice(PREFIX.length)) : new TextEncoder().encode(secret);
  if (key === null || key.length === 0) throw new WebhookVerificationError("the secret is no whsec_ and Base64");
  return key;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    // No Base64.
    return null;
  }
}
