import { createHmac, timingSafeEqual } from "node:crypto";

/** How far the clock of a sender may be off, and how long a call may be on its way. */
export const SIGNATURE_MS = 5 * 60_000;
/** Signatures looked at: one for each secret while its sender changes it. */
const SIGNATURES_MAX = 10;
const PREFIX = "whsec_";
/** A shorter key could be found by trying. */
export const KEY_BYTES_MIN = 16;

/** What is signed of a call. Header names are in lower case. */
export interface SignedCall {
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came, byte for byte. */
  readonly body: Uint8Array;
}

/**
 * Whether a call is signed as Standard Webhooks 1.0 has it: HMAC-SHA256 of `id.timestamp.body`, in Base64 behind `v1,`, with
 * a time at most five minutes from `now` (milliseconds). Takes as long for a wrong signature as for a right one.
 */
export function isSigned({ headers, body }: SignedCall, key: Buffer, now: number): boolean {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (id === undefined || timestamp === undefined || signatures === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(Number(timestamp) * 1000 - now) > SIGNATURE_MS) return false;
  const hmac = createHmac("sha256", key);
  const wanted = hmac.update(`${id}.${timestamp}.`, "utf8").update(body).digest();
  let isRight = false;
  for (const signature of signatures.split(" ").slice(0, SIGNATURES_MAX)) {
    const [version, text = ""] = signature.split(",", 2);
    const given = Buffer.from(text, "base64");
    if (version === "v1" && given.length === wanted.length && timingSafeEqual(given, wanted)) isRight = true;
  }
  return isRight;
}

/**
 * The key that a secret stands for: Base64 behind `whsec_`, as the standard writes it, or else the text itself. Null when
 * it is shorter than 16 bytes, or no Base64.
 */
export function signingKey(secret: string): Buffer | null {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : null;
  if (encoded !== null && !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const key = encoded === null ? Buffer.from(secret, "utf8") : Buffer.from(encoded, "base64");
  return key.length >= KEY_BYTES_MIN ? key : null;
}
