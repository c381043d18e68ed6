import { type Callable, fixed, open } from "./arguments.ts";
import { decodeBase64, encodeBase64, quoteUrl } from "./bytes.ts";
import { percentFormat } from "./format.ts";
import { wrapped } from "./wrap.ts";
import { regexFindAll, regexReplace, regexSearch } from "./regex.ts";
import { printed } from "./render.ts";
import { failed, type Runtime } from "./runtime.ts";
import {
  capitalized,
  justified,
  lines,
  replaced,
  split,
  stripped,
  textArgument,
  textOf,
  wholeArgument,
} from "./text.ts";
import { characterCount, characters, elements, getOwn, isFlat, isMap, keysOf, setOwn, truthy } from "./values.ts";

/** Filters that make text of text. What is no text is printed first, as in Jinja2. */
export const TEXT_FILTERS: readonly (readonly [string, Callable])[] = [
  ["upper", fixed("", (rt, value) => rt.text(textOf(rt, value).toUpperCase()))],
  ["lower", fixed("", (rt, value) => rt.text(textOf(rt, value).toLowerCase()))],
  ["capitalize", fixed("", (rt, value) => rt.text(capitalized(textOf(rt, value))))],
  ["title", fixed("", (rt, value) => titled(rt, textOf(rt, value)))],
  ["trim", fixed("chars?", (rt, value, [chars]) => stripped(rt, textOf(rt, value), "both", chars))],
  ["string", fixed("", (rt, value) => textOf(rt, value))],
  ["safe", fixed("", (rt, value) => textOf(rt, value))],
  ["escape", fixed("", (rt, value) => escaped(rt, textOf(rt, value)))],
  ["e", fixed("", (rt, value) => escaped(rt, textOf(rt, value)))],
  ["forceescape", fixed("", (rt, value) => escaped(rt, textOf(rt, value)))],
  [
    "replace",
    fixed("old new count?", (rt, value, [from, to, count]) =>
      replaced(rt, textOf(rt, value), textOf(rt, from), textOf(rt, to), wholeArgument(count, "the count", -1)),
    ),
  ],
  [
    "center",
    fixed("width?", (rt, value, [width]) =>
      justified(rt, textOf(rt, value), wholeArgument(width, "the width", 80), "center", " "),
    ),
  ],
  ["indent", fixed("width? first? blank?", (rt, value, args) => indented(rt, textOf(rt, value), args))],
  ["truncate", fixed("length? killwords? end? leeway?", (rt, value, args) => truncated(rt, textOf(rt, value), args))],
  ["wordcount", fixed("", (rt, value) => wordCount(rt, textOf(rt, value)))],
  [
    "wordwrap",
    fixed("width? break_long_words? wrapstring? break_on_hyphens?", (rt, value, args) =>
      wrapped(rt, textOf(rt, value), args),
    ),
  ],
  ["striptags", fixed("", (rt, value) => withoutTags(rt, textOf(rt, value)))],
  [
    "xmlattr",
    fixed("autospace?", (rt, value, [space]) => xmlAttributes(rt, value, space === undefined || truthy(rt, space))),
  ],
  ["urlencode", fixed("", (rt, value) => urlEncoded(rt, value))],
  [
    "format",
    open((rt, value, values, { named }) => {
      if (named !== null && values.length > 0) throw failed("format takes values by place or by name, not both");
      return percentFormat(rt, textOf(rt, value), named === null ? values : mapOf(named));
    }),
  ],
  [
    "split",
    fixed("separator? maxsplit?", (rt, value, [separator, most]) =>
      split(rt, textOf(rt, value), separator, wholeArgument(most, "maxsplit", -1)),
    ),
  ],
  ["splitlines", fixed("", (rt, value) => lines(rt, textOf(rt, value)))],
  ["b64encode", fixed("", (rt, value) => encodeBase64(rt, textOf(rt, value)))],
  ["b64decode", fixed("", (rt, value) => decodeBase64(rt, textOf(rt, value)))],
  [
    "regex_search",
    fixed("pattern ignorecase? multiline?", (rt, value, [pattern, ignoreCase, multiline]) =>
      regexSearch(rt, textOf(rt, value), textArgument(pattern, "the pattern"), {
        ignoreCase: truthy(rt, ignoreCase),
        multiline: truthy(rt, multiline),
      }),
    ),
  ],
  [
    "regex_findall",
    fixed("pattern ignorecase? multiline?", (rt, value, [pattern, ignoreCase, multiline]) =>
      regexFindAll(rt, textOf(rt, value), textArgument(pattern, "the pattern"), {
        ignoreCase: truthy(rt, ignoreCase),
        multiline: truthy(rt, multiline),
      }),
    ),
  ],
  [
    "regex_replace",
    fixed(
      "pattern replacement? ignorecase? multiline? count?",
      (rt, value, [pattern, to, ignoreCase, multiline, count]) =>
        regexReplace(
          rt,
          textOf(rt, value),
          textArgument(pattern, "the pattern"),
          to === undefined ? "" : textOf(rt, to),
          wholeArgument(count, "the count", 0),
          { ignoreCase: truthy(rt, ignoreCase), multiline: truthy(rt, multiline) },
        ),
    ),
  ],
];

function mapOf(named: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (const [key, value] of named) setOwn(map, key, value);
  return map;
}

/** Each word with its first letter in upper case; words end at blanks, hyphens and opening brackets, as in Jinja2. */
function titled(rt: Runtime, text: string): string {
  rt.charge(text.length >> 1);
  const parts = text.split(/([-\s({[<]+)/);
  return rt.text(parts.map((part) => capitalized(part)).join(""));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};

export function escaped(rt: Runtime, text: string): string {
  rt.charge(text.length >> 6);
  if (!/[&<>'"]/.test(text)) return text;
  rt.charge(text.length >> 4);
  return rt.text(text.replaceAll(/[&<>'"]/g, (char) => ENTITIES[char]!));
}

function indented(rt: Runtime, text: string, [width, first, blank]: readonly unknown[]): string {
  const indention = typeof width === "string" ? width : spaces(rt, wholeArgument(width, "the width", 4));
  const all = lines(rt, text + "\n");
  rt.room(text.length + all.length * indention.length);
  const out = all.map((line, at) => (at === 0 || (line === "" && !truthy(rt, blank)) ? line : indention + line));
  return (truthy(rt, first) ? indention : "") + out.join("\n");
}

function spaces(rt: Runtime, count: number): string {
  rt.room(Math.max(0, count));
  return " ".repeat(Math.max(0, count));
}

function truncated(rt: Runtime, text: string, [length, killWords, end, leeway]: readonly unknown[]): string {
  const most = wholeArgument(length, "the length", 255);
  const mark = end === undefined ? "..." : textOf(rt, end);
  const slack = wholeArgument(leeway, "the leeway", 5);
  const count = characterCount(rt, text);
  const room = most - characterCount(rt, mark);
  if (room < 0) throw failed("the end is longer than the length to truncate to");
  if (count <= most + slack) return text;
  const kept = isFlat(text) ? text.slice(0, room) : characters(rt, text).slice(0, room).join("");
  const space = truthy(rt, killWords) ? -1 : kept.lastIndexOf(" ");
  return rt.text((space < 0 ? kept : kept.slice(0, space)) + mark);
}

function wordCount(rt: Runtime, text: string): number {
  rt.charge(text.length >> 3);
  return text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0;
}

function withoutTags(rt: Runtime, text: string): string {
  rt.charge(text.length >> 4);
  const plain = without(rt, without(rt, text, "<!--", "-->"), "<", ">");
  return rt.text(unescaped(split(rt, plain, undefined, -1).join(" ")));
}

/** The text without what stands between two marks, the marks included. One that is never closed stays. */
function without(rt: Runtime, text: string, opening: string, closing: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf(opening, from);
    const end = start < 0 ? -1 : text.indexOf(closing, start);
    if (end < 0) break;
    rt.charge(1);
    pieces.push(text.slice(from, start));
    from = end + closing.length;
  }
  pieces.push(text.slice(from));
  return pieces.join("");
}

const CHARACTERS: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
};

/** The entities that HTML text is escaped with, and numbers; the thousands of named characters stay as they are. */
function unescaped(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp));/g,
    (whole, decimal, hex, name) => {
      if (typeof name === "string") return CHARACTERS[name]!;
      const code = typeof decimal === "string" ? Number(decimal) : Number.parseInt(String(hex), 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : String(whole);
    },
  );
}

function xmlAttributes(rt: Runtime, value: unknown, space: boolean): string {
  if (!isMap(value)) throw failed("xmlattr needs a map");
  const out: string[] = [];
  for (const key of keysOf(rt, value)) {
    const each = getOwn(value, key);
    if (each === null || each === undefined) continue;
    if (/[\s/>=]/.test(key)) throw failed("an attribute's name holds a character that it cannot");
    out.push(`${escaped(rt, key)}="${escaped(rt, textOf(rt, each))}"`);
  }
  return rt.text((space && out.length > 0 ? " " : "") + out.join(" "));
}

function urlEncoded(rt: Runtime, value: unknown): string {
  if (!isMap(value) && !Array.isArray(value)) return quoteUrl(rt, textOf(rt, value), false);
  const pairs = isMap(value) ? keysOf(rt, value).map((key) => [key, getOwn(value, key)]) : elements(rt, value);
  const out = pairs.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw failed("urlencode needs text, a map, or a list of pairs");
    return `${quoteUrl(rt, printed(rt, pair[0]), true)}=${quoteUrl(rt, printed(rt, pair[1]), true)}`;
  });
  return rt.text(out.join("&"));
}
