import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { formsOf } from "./forms.ts";
import { SHOWN, type Secret } from "./secret.ts";

/** Half-open: from, to. */
type Span = readonly [number, number];

/**
 * Puts `***` in the place of secrets, in whatever form they show up.
 *
 * M1. Where two of them overlap, both are gone behind one `***`.
 * M2. Texts without any are answered as they are.
 */
export class Mask {
  private readonly forms = new Set<string>();

  constructor(secrets: readonly Secret[] = []) {
    for (const secret of secrets) this.add(secret.reveal());
  }

  /** From now on this text and its encodings are hidden too. */
  add(text: string): void {
    for (const form of formsOf(text)) this.forms.add(form);
  }

  /** Hides a text where it stands as it is. */
  hide(text: string): void {
    this.forms.add(text);
  }

  text(text: string): string {
    const spans = this.spans(text);
    return spans.length === 0 ? text : replaced(text, spans);
  }

  /** Every text in a value, keys and numbers included. */
  value(value: Json): Json {
    if (typeof value === "string") return this.text(value);
    if (typeof value === "number") return this.spans(String(value)).length > 0 ? SHOWN : value;
    if (Array.isArray(value)) return (value as readonly Json[]).map((item) => this.value(item));
    return isJsonObject(value) ? this.object(value) : value;
  }

  object(value: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [this.text(key), this.value(member)]));
  }

  /** Bytes that come in pieces, whatever they are; secrets in them are found as UTF-8. */
  async *bytes(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    // One character a byte: what is no text passes as it is, and a form is found wherever its bytes are.
    const plain = new Mask();
    for (const form of this.forms) plain.hide(Buffer.from(form, "utf8").toString("latin1"));
    const stream = plain.stream();
    for await (const chunk of source) yield Buffer.from(stream.push(chunk.toString("latin1")), "latin1");
    yield Buffer.from(stream.end(), "latin1");
  }

  /** A text that comes in pieces. */
  stream(): MaskedStream {
    return new MaskedStream(this);
  }

  /** Where secrets stand in a text, in order, none overlapping the next. */
  spans(text: string): readonly Span[] {
    const found: [number, number][] = [];
    for (const form of this.forms) {
      for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) found.push([at, at + form.length]);
    }
    if (found.length < 2) return found;
    found.sort(([a], [b]) => a - b);
    const merged = [found[0]!];
    for (const span of found.slice(1)) {
      const last = merged.at(-1)!;
      if (span[0] < last[1]) last[1] = Math.max(last[1], span[1]);
      else merged.push(span);
    }
    return merged;
  }

  /** Where the longest end of a text begins that may be the beginning of a secret; its length when there is none. */
  unfinished(text: string): number {
    let first = text.length;
    for (const form of this.forms) {
      const from = Math.max(0, text.length - form.length + 1);
      for (let at = text.indexOf(form[0]!, from); at !== -1 && at < first; at = text.indexOf(form[0]!, at + 1)) {
        if (form.startsWith(text.slice(at))) first = at;
      }
    }
    return first;
  }
}

/** A text that comes in pieces: what may be the beginning of a secret waits until more is known. */
export class MaskedStream {
  private readonly mask: Mask;
  private held = "";
  /** Characters of `held` that belong to a secret for which `***` has gone out. */
  private told = 0;

  constructor(mask: Mask) {
    this.mask = mask;
  }

  /** What can be shown now; may be empty. */
  push(piece: string): string {
    const text = this.held + piece;
    return this.show(text, this.mask.unfinished(text));
  }

  /** The rest: nothing more comes. */
  end(): string {
    return this.show(this.held, this.held.length);
  }

  private show(text: string, end: number): string {
    let shown = "";
    let at = this.told;
    for (const [from, to] of this.mask.spans(text)) {
      if (from >= end) break;
      // One that overlaps what was told of is the same to whoever watches.
      if (from >= at) shown += text.slice(at, from) + SHOWN;
      at = Math.max(at, to);
    }
    if (at < end) {
      shown += text.slice(at, end);
      at = end;
    }
    this.held = text.slice(end);
    this.told = Math.max(0, at - end);
    return shown;
  }
}

function replaced(text: string, spans: readonly Span[]): string {
  let out = "";
  let at = 0;
  for (const [from, to] of spans) {
    out += text.slice(at, from) + SHOWN;
    at = to;
  }
  return out + text.slice(at);
}

/** The text with every secret in it replaced, in all their forms. */
export function masked(text: string, secrets: readonly Secret[]): string {
  return secrets.length === 0 ? text : new Mask(secrets).text(text);
}
