import { randomBytes } from "node:crypto";

const PREFIX = "whsec_";
/** Within the 24 to 64 that the standard asks for. */
const KEY_BYTES = 32;
/** The one in use, and the one before it. */
const SECRETS_MAX = 2;

/** Seals texts of the tables here with the data key of their tenant. */
export interface Sealer {
  seal(tenant: string, text: string, place: readonly (string | number)[]): Promise<string>;
  /** Throws `SECRET_UNREADABLE` and `MASTER_KEY_WRONG`. */
  unseal(tenant: string, sealed: string, place: readonly (string | number)[]): Promise<string>;
}

/** A secret that messages are signed with. */
export interface SigningSecret {
  /** `whsec_` and Base64. */
  readonly text: string;
  /** It signs until then; null: it is the present one. */
  readonly until: number | null;
}

export function newSecret(): SigningSecret {
  return { text: PREFIX + randomBytes(KEY_BYTES).toString("base64"), until: null };
}

/** A new secret in front; the one before signs as well for the overlap (milliseconds), so that receivers can change. */
export function rotated(secrets: readonly SigningSecret[], now: number, overlapMs: number): readonly SigningSecret[] {
  const [present] = secrets;
  const before = present === undefined || overlapMs === 0 ? [] : [{ ...present, until: now + overlapMs }];
  return [newSecret(), ...before].slice(0, SECRETS_MAX);
}

/** Those that sign now. */
export function valid(secrets: readonly SigningSecret[], now: number): readonly SigningSecret[] {
  return secrets.filter(({ until }) => until === null || until > now);
}

export function keyOf({ text }: SigningSecret): Buffer {
  return Buffer.from(text.slice(PREFIX.length), "base64");
}

/** The part of a secret that could be shown by itself. */
export function bareOf({ text }: SigningSecret): string {
  return text.slice(PREFIX.length);
}
