import { AppError } from "./errors.ts";
import { deepFreeze, encodeJson, type Json } from "./json.ts";

/** How events and snapshots hold a payload. */
export type EncodedPayload =
  | { readonly json: Json }
  | { readonly hash: string; readonly size: number }
  /** Stored bytes that are themselves the encoded elements of a list. */
  | { readonly index: string; readonly size: number }
  | { readonly list: readonly EncodedPayload[] }
  | { readonly concat: readonly EncodedPayload[] };

type Stored = { readonly hash: string; readonly size: number };

/** A text of the payload store. Payloads that were given the same one have one value, which is parsed once. */
export class StoredText {
  readonly text: string;
  private parsed: Json | undefined = undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** Frozen. */
  get value(): Json {
    return (this.parsed ??= deepFreeze(JSON.parse(this.text) as Json));
  }
}

/**
 * One immutable value of a run: an input, an output, a list of items.
 *
 * What it is never changes; where its bytes are does. Small ones travel inside the events (inline). The process that
 * records them moves larger ones to the payload store and leaves the hash behind (`storedAs`). A list may be held by
 * its elements, and a long one as pages put together (`concat`), so that nobody ever has to hold it whole.
 *
 * P1. `value` is frozen: it can be handed to executors without a copy.
 * P2. A stored payload may forget its value (`release`) and get it back (`load`); an inline one always has it.
 */
export class Payload {
  private json: string | null = null;
  private parsed: Json | undefined = undefined;
  private stored: Stored | null = null;
  /** What `json` was taken from. */
  private source: StoredText | null = null;
  private readonly kind: "plain" | "list" | "concat";
  /** Of a list or concatenation; null while a stored list is not loaded. */
  private members: readonly Payload[] | null = null;

  private constructor(kind: "plain" | "list" | "concat") {
    this.kind = kind;
  }

  /** Checks and takes over any value; what is not JSON data is refused with `INVALID_JSON`. */
  static of(value: unknown): Payload {
    return Payload.ofJson(encodeJson(value));
  }

  /** JSON text that is known to be well-formed, and just as `JSON.stringify` writes it. */
  static ofJson(json: string): Payload {
    const payload = new Payload("plain");
    payload.json = json;
    return payload;
  }

  /** A reference to stored bytes that are not loaded yet. */
  static ofStored(hash: string, size: number): Payload {
    const payload = new Payload("plain");
    payload.stored = { hash, size };
    return payload;
  }

  /** The list of these values. */
  static ofList(elements: readonly Payload[]): Payload {
    if (elements.every((element) => element.inline))
      return Payload.ofJson("[" + elements.map((element) => element.text).join(",") + "]");
    return Payload.composed("list", elements);
  }

  /** The list that these lists make, one after the other. */
  static ofPages(pages: readonly Payload[]): Payload {
    return pages.length === 1 ? pages[0]! : Payload.composed("concat", pages);
  }

  static readonly null = Payload.ofJson("null");

  private static composed(kind: "list" | "concat", members: readonly Payload[] | null): Payload {
    const payload = new Payload(kind);
    payload.members = members;
    return payload;
  }

  /** Whether the whole value stands in the events themselves. */
  get inline(): boolean {
    return this.kind === "plain" && this.stored === null;
  }

  /** The reference, once the payload was moved to the store. */
  get reference(): Stored | null {
    return this.stored;
  }

  /** Whether `value` can be read now. */
  get loaded(): boolean {
    if (this.kind === "plain") return this.json !== null || this.parsed !== undefined;
    return this.members !== null && this.members.every((member) => member.loaded);
  }

  /** The value, frozen. Reading one that is not loaded is a mistake of the caller and throws. */
  get value(): Json {
    if (this.parsed !== undefined) return this.parsed;
    if (this.kind === "plain") {
      if (this.json === null) throw this.notLoaded();
      this.parsed = this.source ? this.source.value : deepFreeze(JSON.parse(this.json) as Json);
      return this.parsed;
    }
    if (this.members === null) throw this.notLoaded();
    const values = this.members.map((member) => member.value);
    // Kept, for each item of a `for_each` may read the list.
    this.parsed = Object.freeze(this.kind === "list" ? values : (values as (readonly Json[])[]).flat());
    return this.parsed;
  }

  /** The value as JSON text. */
  get text(): string {
    if (this.kind !== "plain") return encodeJson(this.value);
    return (this.json ??= encodeJson(this.value));
  }

  /** Length of the value's JSON text: characters while inline, bytes once stored. */
  get size(): number {
    if (this.stored) return this.stored.size;
    if (this.members) return this.members.reduce((sum, member) => sum + member.size, 0);
    return this.text.length;
  }

  /** What would be put into the store: the value's text, or the encoded elements of a list. */
  storable(): string {
    return this.kind === "list" ? `[${this.members!.map((member) => member.encode()).join(",")}]` : this.text;
  }

  /** From now on the payload is kept in the store under this hash; the value stays until `release`. */
  storedAs(hash: string, size: number): void {
    this.stored = { hash, size };
  }

  /** Gives a stored payload its text back. A list may then have elements that are to be loaded themselves. */
  load(source: string | StoredText): void {
    const stored = typeof source === "string" ? new StoredText(source) : source;
    if (this.kind === "plain") [this.json, this.source] = [stored.text, stored];
    else this.members = (JSON.parse(stored.text) as EncodedPayload[]).map((member) => Payload.decode(member));
  }

  /** Lets go of values that can be had from the store again. */
  release(): void {
    if (this.kind !== "plain") this.parsed = undefined;
    if (this.members) for (const member of this.members) member.release();
    if (!this.stored) return;
    this.json = null;
    this.source = null;
    this.parsed = undefined;
    if (this.kind === "list") this.members = null;
  }

  /** The payloads that still have to be loaded before `value` can be read; for a stored list, first the list itself. */
  missing(): readonly Payload[] {
    if (this.loaded) return [];
    return this.members === null ? [this] : this.members.flatMap((member) => member.missing());
  }

  /** The stored or storable payloads this one consists of, itself included. */
  pieces(): readonly Payload[] {
    if (this.kind === "plain" || this.members === null) return [this];
    const inner = this.members.flatMap((member) => member.pieces());
    return this.kind === "list" ? [...inner, this] : inner;
  }

  encode(): string {
    if (this.stored)
      return `{"${this.kind === "list" ? "index" : "hash"}":"${this.stored.hash}","size":${this.stored.size}}`;
    if (this.members) return `{"${this.kind}":[${this.members.map((member) => member.encode()).join(",")}]}`;
    return `{"json":${this.text}}`;
  }

  /** The reverse of `encode`, from its parsed form. */
  static decode(data: EncodedPayload): Payload {
    if ("json" in data) {
      const payload = new Payload("plain");
      payload.parsed = deepFreeze(data.json);
      return payload;
    }
    if ("hash" in data) return Payload.ofStored(data.hash, data.size);
    if ("index" in data) {
      const payload = Payload.composed("list", null);
      payload.stored = { hash: data.index, size: data.size };
      return payload;
    }
    if ("list" in data)
      return Payload.composed(
        "list",
        data.list.map((member) => Payload.decode(member)),
      );
    return Payload.composed(
      "concat",
      data.concat.map((member) => Payload.decode(member)),
    );
  }

  private notLoaded(): AppError {
    return new AppError("INTERNAL", {
      reason: `the payload ${this.stored?.hash ?? "?"} was read before it was loaded`,
    });
  }
}
