import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Bytes of a key of AES-256. */
export const KEY_BYTES = 32;
/** As NIST SP 800-38D recommends for GCM; random, and far below the number of seals at which two may be equal. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

/**
 * Encrypts bytes so that they open only with the same key and the same bound data: AES-256-GCM, as base64 of nonce,
 * tag, and ciphertext.
 */
export function seal(key: Buffer, plain: Buffer, bound: readonly (string | number)[]): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad(bound));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64");
}

/** The reverse; null when it was sealed with another key, for another place, or was changed. */
export function unseal(key: Buffer, text: string, bound: readonly (string | number)[]): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(aad(bound))
    .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const head = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([head, decipher.final()]);
  } catch {
    // The tag does not fit; GCM tells no more than that.
    return null;
  }
}

/** JSON, since texts put together by hand could be read in two ways. */
function aad(bound: readonly (string | number)[]): Buffer {
  return Buffer.from(JSON.stringify(bound), "utf8");
}
