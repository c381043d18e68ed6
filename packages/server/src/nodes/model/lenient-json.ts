import { parseJson, withoutFence, type Json } from "@weftwork/core";
import { withoutThoughts } from "./thoughts.ts";

const DEPTH_MAX = 100;
/** Openings that are tried: a text full of braces must not cost its square. */
const STARTS_MAX = 20;

/**
 * The JSON value in what a model has said: bare, in a code block, or among words; undefined when there is none. Beyond
 * JSON it reads what models write by mistake: commas too many, single quotes, bare names, comments, Python's words. A
 * value that does not end is none: half an answer must not pass for a whole one.
 */
export function lenientJson(said: string): Json | undefined {
  const text = withoutThoughts(said);
  const block = /```(?:json)?[^\S\n]*\n([\s\S]*?)```/i.exec(text)?.[1];
  for (const candidate of [withoutFence(text), ...(block === undefined ? [] : [block])]) {
    const value = parsed(candidate.trim());
    if (value !== undefined) return value;
  }
  let from = 0;
  for (let tries = 0; tries < STARTS_MAX; tries++) {
    const start = text.slice(from).search(/[{[]/);
    if (start < 0) return undefined;
    const reader = new LenientReader(text, from + start);
    const value = reader.read();
    if (value !== undefined) return value;
    from += start + 1;
  }
  return undefined;
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

const WORDS: Readonly<Record<string, Json>> = {
  true: true,
  false: false,
  null: null,
  True: true,
  False: false,
  None: null,
};
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
/** No digit can belong to two of its parts, so a long text of digits costs its length. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const NO_VALUE = Symbol("no value");

/** Reads one object or list, by recursive descent. */
class LenientReader {
  private at: number;
  private readonly text: string;

  constructor(text: string, at: number) {
    this.text = text;
    this.at = at;
  }

  read(): Json | undefined {
    const value = this.value(0);
    // The checks of the product's own reader hold here too.
    return value === NO_VALUE ? undefined : parsed(JSON.stringify(value));
  }

  private value(depth: number): Json | typeof NO_VALUE {
    this.blanks();
    const head = this.text[this.at];
    if (head === undefined || depth > DEPTH_MAX) return NO_VALUE;
    if (head === "{") return this.object(depth);
    if (head === "[") return this.list(depth);
    if (head === '"' || head === "'") return this.quoted(head);
    const word = /[^\s,:{}[\]"']*/y;
    word.lastIndex = this.at;
    const found = word.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    if (Object.hasOwn(WORDS, found)) return WORDS[found]!;
    const number = NUMBER.test(found) ? Number(found) : Number.NaN;
    return Number.isFinite(number) ? number : NO_VALUE;
  }

  private object(depth: number): Json | typeof NO_VALUE {
    const members: [string, Json][] = [];
    this.at++;
    for (;;) {
      const head = this.next();
      if (head === undefined) return NO_VALUE;
      if (head === "}") return Object.fromEntries(members);
      const name = this.name(head);
      if (name === NO_VALUE || this.next() !== ":") return NO_VALUE;
      this.at++;
      const value = this.value(depth + 1);
      if (value === NO_VALUE) return NO_VALUE;
      members.push([name, value]);
      if (!this.separated("}")) return NO_VALUE;
    }
  }

  private list(depth: number): Json | typeof NO_VALUE {
    const items: Json[] = [];
    this.at++;
    for (;;) {
      const head = this.next();
      if (head === undefined) return NO_VALUE;
      if (head === "]") return items;
      const value = this.value(depth + 1);
      if (value === NO_VALUE) return NO_VALUE;
      items.push(value);
      if (!this.separated("]")) return NO_VALUE;
    }
  }

  /** The next character that is no blank; a closing one, or a comma, is passed over. */
  private next(): string | undefined {
    this.blanks();
    const head = this.text[this.at];
    if (head === "}" || head === "]") this.at++;
    return head;
  }

  /** Whether a comma or the end follows. The end stays where it is. */
  private separated(end: string): boolean {
    this.blanks();
    if (this.text[this.at] === ",") {
      this.at++;
      return true;
    }
    return this.text[this.at] === end;
  }

  private name(head: string): string | typeof NO_VALUE {
    if (head === '"' || head === "'") return this.quoted(head);
    const bare = /[\p{L}_$][\p{L}\p{N}_$-]*/uy;
    bare.lastIndex = this.at;
    const found = bare.exec(this.text)?.[0];
    if (found === undefined) return NO_VALUE;
    this.at += found.length;
    return found;
  }

  /** A text between quotes; line breaks may stand in it as they are. */
  private quoted(quote: string): string | typeof NO_VALUE {
    let value = "";
    for (this.at++; this.at < this.text.length; this.at++) {
      const character = this.text[this.at]!;
      if (character === quote) {
        this.at++;
        return value;
      }
      if (character !== "\\") {
        value += character;
        continue;
      }
      const escaped = this.text[++this.at] ?? "";
      const code = escaped === "u" ? /^[0-9a-f]{4}/i.exec(this.text.slice(this.at + 1, this.at + 5))?.[0] : undefined;
      value += code === undefined ? (ESCAPES[escaped] ?? escaped) : String.fromCharCode(Number.parseInt(code, 16));
      if (code !== undefined) this.at += 4;
    }
    return NO_VALUE;
  }

  /** Passes over blanks and comments, one at a time: a repetition of all of them would need a stack. */
  private blanks(): void {
    for (;;) {
      const skip = /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
      skip.lastIndex = this.at;
      const length = skip.exec(this.text)?.[0].length ?? 0;
      if (length === 0) return;
      this.at += length;
    }
  }
}
