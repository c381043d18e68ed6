import { failed, stopped, type Runtime } from "./runtime.ts";
import { settled } from "./result.ts";
import { isLazyMap } from "./scope.ts";
import { Special } from "./specials.ts";
import { getOwn, isList, kindOf, type PlainMap, VALUE_DEPTH_MAX } from "./values.ts";

/**
 * A value as it stands inside text. Native: text as it is, null and the undefined as nothing, all else as JSON.
 * Python: as `str()` prints it, and only the undefined as nothing.
 */
export function printed(rt: Runtime, value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  if (rt.dialect === "native") {
    if (value === null) return "";
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return jsonText(rt, value, NATIVE);
  }
  if (value === null || typeof value !== "object") return pythonAtom(value);
  return new Writer(rt, PYTHON).write(value);
}

/** How the members of lists and maps are set and their leaves written. */
interface Style {
  readonly comma: string;
  readonly colon: string;
  /** What one level is indented by, or null for one line. */
  readonly indent: string | null;
  readonly sorted: boolean;
  text(text: string): string;
  /** What makes a text slow to write, character by character. */
  readonly costly: RegExp;
  atom(value: unknown): string;
}

const jsonAtom = (value: unknown): string => (value === undefined ? "null" : JSON.stringify(value));

// oxlint-disable-next-line no-control-regex -- these are the characters to be escaped
const CONTROL = /[\\\n\r\t\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029\ufeff\ud800-\udfff]/;
// oxlint-disable-next-line no-control-regex -- ASCII only
const UNSAFE = /[<>&']|[^\u0000-\u007e]/;

const NATIVE: Style = {
  comma: ",",
  colon: ":",
  indent: null,
  sorted: false,
  text: (text) => JSON.stringify(text),
  costly: CONTROL,
  atom: jsonAtom,
};

const PYTHON: Style = {
  comma: ", ",
  colon: ": ",
  indent: null,
  sorted: false,
  text: pythonQuoted,
  costly: CONTROL,
  atom: (value) => (value === undefined ? "Undefined" : pythonAtom(value)),
};

const PYTHON_JSON: Style = {
  comma: ", ",
  colon: ": ",
  indent: null,
  sorted: true,
  text: (text) => htmlSafe(JSON.stringify(text)),
  costly: UNSAFE,
  atom: jsonAtom,
};

/**
 * `tojson`. Native: plain JSON in the order of the keys. Python: what Jinja2 makes with its defaults (sorted keys, a
 * space after comma and colon, ASCII only, and `<>&'` as escapes so that it can stand in HTML).
 */
export function toJsonText(rt: Runtime, value: unknown, indent: number | null): string {
  const style = rt.dialect === "native" ? NATIVE : PYTHON_JSON;
  if (indent === null) return jsonText(rt, value, style);
  return jsonText(rt, value, { ...style, comma: ",", colon: ": ", indent: " ".repeat(indent) });
}

/** A value as `repr()` of Python, or as indented JSON: for `pprint`. */
export function pretty(rt: Runtime, value: unknown): string {
  if (rt.dialect === "python") {
    if (typeof value === "string") return rt.text(pythonQuoted(value));
    return value === undefined ? "Undefined" : printed(rt, value);
  }
  return toJsonText(rt, value, 2);
}

function jsonText(rt: Runtime, value: unknown, style: Style): string {
  if (style === NATIVE) {
    // Once measured, the host's own writer is several times as fast as ours.
    const json = settled(rt, value);
    rt.charge(json.size >> 5);
    return rt.text(JSON.stringify(json.value));
  }
  return new Writer(rt, style).write(value);
}

/** Writes a value piece by piece, and stops as soon as the text grows over its limit. */
class Writer {
  private readonly rt: Runtime;
  private readonly style: Style;
  private out = "";
  private nodes = 0;
  private charged = 0;

  constructor(rt: Runtime, style: Style) {
    this.rt = rt;
    this.style = style;
  }

  write(value: unknown): string {
    this.visit(value, 0);
    this.settle();
    return this.out;
  }

  private visit(value: unknown, depth: number): void {
    // Half an operation a node: data that merely passes through must not cost what computing costs.
    if ((++this.nodes & 1) === 0) this.settle();
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) {
      this.out += this.style.atom(value);
      return;
    }
    if (depth >= VALUE_DEPTH_MAX) throw stopped(`it prints a value nested deeper than ${VALUE_DEPTH_MAX} levels`);
    if (value instanceof Special) throw failed(`${value.kind} cannot be printed`);
    if (isList(value)) this.list(value, depth);
    else this.map(isLazyMap(value) ? value.toJson() : value, depth);
  }

  private text(text: string): void {
    this.rt.room(text.length);
    this.rt.charge(text.length >> 5);
    if (text.length > 64 && this.style.costly.test(text)) this.rt.charge(text.length >> 3);
    this.out += this.style.text(text);
  }

  private list(list: readonly unknown[], depth: number): void {
    this.out += "[";
    for (let at = 0; at < list.length; at++) {
      if (at > 0) this.out += this.style.comma;
      this.line(depth + 1);
      this.visit(list[at], depth + 1);
    }
    if (list.length > 0) this.line(depth);
    this.out += "]";
  }

  private map(map: unknown, depth: number): void {
    if (typeof map !== "object" || map === null || isList(map)) return this.visit(map, depth);
    const keys = Object.keys(map);
    if (this.style.sorted) {
      this.rt.charge(keys.length);
      keys.sort();
    }
    this.out += "{";
    for (let at = 0; at < keys.length; at++) {
      if (at > 0) this.out += this.style.comma;
      this.line(depth + 1);
      this.text(keys[at]!);
      this.out += this.style.colon;
      this.visit(getOwn(map as PlainMap, keys[at]!), depth + 1);
    }
    if (keys.length > 0) this.line(depth);
    this.out += "}";
  }

  private line(depth: number): void {
    if (this.style.indent !== null) this.out += "\n" + this.style.indent.repeat(depth);
  }

  private settle(): void {
    const grown = this.out.length;
    if (grown > this.rt.bytes) throw stopped(`it makes a text longer than ${this.rt.bytes} bytes`);
    this.rt.charge(1 + ((grown - this.charged) >> 8));
    this.charged = grown;
  }
}

function pythonAtom(value: unknown): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return pythonNumber(value);
  throw failed(`${kindOf(value)} cannot be printed`);
}

/**
 * A number as Python writes it. JSON does not tell 1 from 1.0, so whole numbers print as integers up to 10^16, where
 * Python begins to write floats with an exponent.
 */
export function pythonNumber(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return String(value);
}

/** Text as `repr()` writes it: single quotes unless the text holds one and no double quote. */
export function pythonQuoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  if (!CONTROL.test(text)) return quote + (quote === "'" ? text.replaceAll("'", "\\'") : text) + quote;
  let out = quote;
  for (const char of text) out += char === quote ? "\\" + char : pythonEscaped(char);
  return out + quote;
}

const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function pythonEscaped(char: string): string {
  const named = NAMED[char];
  if (named !== undefined) return named;
  const code = char.codePointAt(0)!;
  if (code > 0xffff || !CONTROL.test(char)) return char;
  return code < 0x100 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
}

// oxlint-disable-next-line no-control-regex -- ASCII only
const UNSAFE_ALL = /[<>&']|[^\u0000-\u007e]/g;

function htmlSafe(json: string): string {
  return json.replaceAll(UNSAFE_ALL, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));
}
