import { createHmac, timingSafeEqual } from "node:crypto";

/** How long a link may be valid. */
export const LINK_MS_MAX = 5 * 60_000;

/** What stands in a link besides the file's id. */
export interface LinkProof {
  /** Seconds since 1970. */
  readonly expires: number;
  readonly signature: string;
}

interface LinkTarget {
  readonly tenant: string;
  readonly id: string;
}

/** A proof that whoever shows it may read this one file until then: HMAC-SHA-256 over tenant, id and time. */
export function signLink(key: Buffer, { tenant, id }: LinkTarget, expiresAt: number): LinkProof {
  const expires = Math.floor(expiresAt / 1000);
  return { expires, signature: signatureOf(key, tenant, id, expires) };
}

/** Whether the proof was made with this key for this file, and its time is not over. */
export function holdsLink(key: Buffer, { tenant, id }: LinkTarget, proof: LinkProof, now: number): boolean {
  const { expires, signature } = proof;
  if (!Number.isSafeInteger(expires) || expires * 1000 <= now || expires * 1000 > now + LINK_MS_MAX) return false;
  const right = Buffer.from(signatureOf(key, tenant, id, expires));
  const given = Buffer.from(signature);
  return given.length === right.length && timingSafeEqual(given, right);
}

function signatureOf(key: Buffer, tenant: string, id: string, expires: number): string {
  return createHmac("sha256", key)
    .update(JSON.stringify(["file", tenant, id, expires]))
    .digest("base64url");
}
