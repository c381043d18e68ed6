/**
 * Array parameters as text. PostgreSQL reads `{1,2,NULL}` at once; the driver's own way checks every element's type.
 */
export function integers(values: readonly (number | null | undefined)[]): string {
  let text = "{";
  for (let at = 0; at < values.length; at++) {
    if (at > 0) text += ",";
    text += values[at] ?? "NULL";
  }
  return text + "}";
}

const NEEDS_ESCAPE = /["\\]/g;

export function texts(values: readonly (string | null | undefined)[]): string {
  let text = "{";
  for (let at = 0; at < values.length; at++) {
    if (at > 0) text += ",";
    const value = values[at];
    if (value === null || value === undefined) text += "NULL";
    else text += `"${value.replaceAll(NEEDS_ESCAPE, String.raw`\$&`)}"`;
  }
  return text + "}";
}

/** Texts as one run of bytes with places into it: nothing is escaped on the way, and the server only cuts. */
export class Bytes {
  private readonly parts: Uint8Array[] = [];
  private size = 0;
  readonly from: number[] = [];
  readonly length: number[] = [];

  /** A missing value has length −1. */
  add(value: string | Uint8Array | null): void {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    this.from.push(this.size + 1);
    this.length.push(bytes ? bytes.length : -1);
    if (!bytes) return;
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  whole(): Buffer {
    return Buffer.concat(this.parts, this.size);
  }
}
