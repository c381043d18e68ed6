import { AppError } from "./errors.ts";
import { deepFreeze, encodeJson, type Json } from "./json.ts";

/**
 * One immutable value of a run: an input, an output, a list of items.
 *
 * What it is never changes; where its bytes are does. Small ones travel inside the events (inline). The process that
 * records them moves larger ones to the payload store and leaves the hash behind (`storedAs`). A long list may consist
 * of parts, each a payload of its own, so that nobody ever holds it whole.
 *
 * P1. `value` is frozen: it can be handed to executors without a copy.
 * P2. A stored payload may forget its value (`release`) and get it back (`load`); an inline one always has it.
 */
export class Payload {
  private json: string | null;
  private parsed: Json | undefined;
  private stored: { readonly hash: string; readonly size: number } | null;
  private readonly listParts: readonly Payload[] | null;

  private constructor(
    json: string | null,
    parsed: Json | undefined,
    stored: { hash: string; size: number } | null,
    parts: readonly Payload[] | null,
  ) {
    this.json = json;
    this.parsed = parsed;
    this.stored = stored;
    this.listParts = parts;
  }

  /** Checks and takes over any value; what is not JSON data is refused with `INVALID_JSON`. */
  static of(value: unknown): Payload {
    return new Payload(encodeJson(value), undefined, null, null);
  }

  /** JSON text that is known to be well-formed. */
  static ofJson(json: string): Payload {
    return new Payload(json, undefined, null, null);
  }

  /** A reference to stored bytes that are not loaded yet. */
  static ofStored(hash: string, size: number): Payload {
    return new Payload(null, undefined, { hash, size }, null);
  }

  /** The list that the lists of these payloads make, one after the other. */
  static ofParts(parts: readonly Payload[]): Payload {
    return new Payload(null, undefined, null, parts);
  }

  static readonly null = Payload.ofJson("null");

  get parts(): readonly Payload[] | null {
    return this.listParts;
  }

  /** The reference, once the payload was moved to the store. */
  get reference(): { readonly hash: string; readonly size: number } | null {
    return this.stored;
  }

  /** Whether `value` can be read now. */
  get loaded(): boolean {
    if (this.listParts) return this.listParts.every((part) => part.loaded);
    return this.json !== null || this.parsed !== undefined;
  }

  /** The value, frozen. Reading one that is not loaded is a mistake of the caller and throws. */
  get value(): Json {
    if (this.parsed !== undefined) return this.parsed;
    if (this.listParts) return deepFreeze(this.listParts.flatMap((part) => part.value as readonly Json[]));
    if (this.json === null)
      throw new AppError("INTERNAL", {
        reason: `the payload ${this.stored?.hash ?? "?"} was read before it was loaded`,
      });
    this.parsed = deepFreeze(JSON.parse(this.json) as Json);
    return this.parsed;
  }

  /** The value as JSON text. */
  get text(): string {
    if (this.json !== null) return this.json;
    if (this.listParts)
      return (
        "[" +
        this.listParts
          .map((part) => part.text.slice(1, -1))
          .filter((text) => text !== "")
          .join(",") +
        "]"
      );
    return encodeJson(this.value);
  }

  /** Characters of the value's JSON text if it is inline, bytes if it is stored. */
  get size(): number {
    if (this.listParts) return this.listParts.reduce((sum, part) => sum + part.size, 0);
    return this.stored?.size ?? (this.json ??= encodeJson(this.parsed!)).length;
  }

  /** From now on the payload is kept in the store under this hash; the value stays until `release`. */
  storedAs(hash: string, size: number): void {
    this.stored = { hash, size };
  }

  /** Gives a stored payload its bytes back. */
  load(json: string): void {
    this.json = json;
  }

  /** Lets go of the value of a stored payload; of an inline one nothing happens. */
  release(): void {
    if (this.listParts) {
      for (const part of this.listParts) part.release();
    } else if (this.stored) {
      this.json = null;
      this.parsed = undefined;
    }
  }

  /** How events and snapshots hold it: `{"json":…}`, `{"hash":…,"size":…}` or `{"parts":[…]}`. */
  encode(): string {
    if (this.stored) return `{"hash":"${this.stored.hash}","size":${this.stored.size}}`;
    if (this.listParts) return `{"parts":[${this.listParts.map((part) => part.encode()).join(",")}]}`;
    return `{"json":${this.text}}`;
  }

  /** The reverse of `encode`, from its parsed form. */
  static decode(data: EncodedPayload): Payload {
    if ("parts" in data) return Payload.ofParts(data.parts.map((part) => Payload.decode(part)));
    if ("hash" in data) return Payload.ofStored(data.hash, data.size);
    return new Payload(null, deepFreeze(data.json), null, null);
  }

  /** This payload, or its parts, all of them in order. */
  leaves(): readonly Payload[] {
    return this.listParts ? this.listParts.flatMap((part) => part.leaves()) : [this];
  }
}

export type EncodedPayload =
  | { readonly json: Json }
  | { readonly hash: string; readonly size: number }
  | { readonly parts: readonly EncodedPayload[] };
