/**
 * What the text of a source file says without being run: its code apart from comments and the contents of texts, and
 * what it imports. Small on purpose; it knows TypeScript's tokens and nothing of its grammar.
 */

export interface Import {
  /** As written: `./state.ts`, `node:fs`, `@weftwork/core`. Null: it is computed, so nobody can tell. */
  readonly specifier: string | null;
  /** `import type` and `export type` leave nothing at run time. */
  readonly kind: "value" | "type" | "dynamic";
  readonly line: number;
}

/** The same text with comments and the contents of texts and regular expressions turned into blanks, place by place. */
export interface Code {
  readonly text: string;
  readonly source: string;
}

const REGEX_AFTER_WORD = new Set(["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "await"]);

export function readCode(source: string): Code {
  const out = Array.from({ length: source.length }, (_, i) => source[i]!);
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== "\n") out[i] = " ";
  };
  /** Depth of braces at which each open template goes on with its text. */
  const templates: number[] = [];
  let depth = 0;
  let before = "";
  let at = 0;
  while (at < source.length) {
    const char = source[at]!;
    const two = source.slice(at, at + 2);
    if (two === "//" || two === "/*") {
      const end = two === "//" ? lineEnd(source, at) : commentEnd(source, at);
      blank(at, end);
      at = end;
      continue;
    }
    if (char === '"' || char === "'") {
      const end = stringEnd(source, at, char);
      blank(at + 1, end - 1);
      at = end;
      before = char;
      continue;
    }
    if (char === "`" || (char === "}" && templates.at(-1) === depth)) {
      if (char === "}") templates.pop();
      const end = templateEnd(source, at + 1);
      blank(at + 1, end - (source[end - 1] === "`" ? 1 : 2));
      if (source[end - 1] === "{") templates.push(depth);
      at = end;
      before = "`";
      continue;
    }
    if (char === "/" && startsRegex(before)) {
      const end = regexEnd(source, at);
      blank(at + 1, end - 1);
      at = end;
      before = "/r";
      continue;
    }
    if (char === "{") depth += 1;
    if (char === "}") depth -= 1;
    const word = /^[\w$]+/.exec(source.slice(at, at + 80))?.[0];
    if (word) {
      before = word;
      at += word.length;
      continue;
    }
    if (char.trim() !== "") before = char;
    at += 1;
  }
  return { text: out.join(""), source };
}

function startsRegex(before: string): boolean {
  if (before === "" || REGEX_AFTER_WORD.has(before)) return true;
  return before.length === 1 && "(,=:[!&|?{};+-*%~^<>".includes(before);
}

function lineEnd(source: string, at: number): number {
  const end = source.indexOf("\n", at);
  return end === -1 ? source.length : end;
}

function commentEnd(source: string, at: number): number {
  const end = source.indexOf("*/", at + 2);
  return end === -1 ? source.length : end + 2;
}

function stringEnd(source: string, at: number, quote: string): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === "\\") i += 1;
    else if (source[i] === quote) return i + 1;
  }
  return source.length;
}

/** Behind the closing quote, or behind the brace that opens an expression. */
function templateEnd(source: string, at: number): number {
  for (let i = at; i < source.length; i++) {
    if (source[i] === "\\") i += 1;
    else if (source[i] === "`") return i + 1;
    else if (source[i] === "$" && source[i + 1] === "{") return i + 2;
  }
  return source.length;
}

function regexEnd(source: string, at: number): number {
  let inClass = false;
  for (let i = at + 1; i < source.length; i++) {
    const char = source[i]!;
    if (char === "\\") i += 1;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) return i + 1;
    else if (char === "\n") return i;
  }
  return source.length;
}

const STATIC =
  /(?<![.\w$])(?:import|export)\b(\s+type\b(?!\s+from\b)|\s+type(?=\s*[{*]))?(?:[^;"'`()=]*?\bfrom)?\s*(["'])/g;
const DYNAMIC = /(?<![.\w$])(?:import\s*\(|new\s+URL\s*\((?=[^()]*,\s*import\.meta\.url))\s*/g;

/** Every module that a file names: static and dynamic imports, re-exports, and files beside it started as threads. */
export function importsOf(code: Code): readonly Import[] {
  const found: Import[] = [];
  for (const match of code.text.matchAll(STATIC)) {
    const quote = match.index + match[0].length - 1;
    found.push({
      specifier: textAt(code, quote),
      kind: match[1] === undefined ? "value" : "type",
      line: lineOf(code, match.index),
    });
  }
  for (const match of code.text.matchAll(DYNAMIC)) {
    const quote = match.index + match[0].length;
    const literal = code.text[quote] === '"' || code.text[quote] === "'";
    const specifier = literal ? textAt(code, quote) : null;
    if (!match[0].startsWith("new")) found.push({ specifier, kind: "dynamic", line: lineOf(code, match.index) });
    // A file beside the module that is data and not code is nobody's import.
    else if (specifier !== null && /\.[jt]s$/.test(specifier))
      found.push({ specifier: beside(specifier), kind: "dynamic", line: lineOf(code, match.index) });
  }
  return found;
}

/** `new URL("a.ts", import.meta.url)` is the file `./a.ts`. */
function beside(specifier: string): string {
  return /^[./]/.test(specifier) ? specifier : `./${specifier}`;
}

function textAt(code: Code, quote: number): string {
  const end = stringEnd(code.source, quote, code.source[quote]!);
  return code.source.slice(quote + 1, end - 1);
}

export function lineOf(code: Code, at: number): number {
  return code.source.slice(0, at).split("\n").length;
}
