import { RE2JS, type Matcher } from "re2js";
import { failed, type Runtime } from "./runtime.ts";
import { setOwn } from "./values.ts";

/** Length of a pattern, in UTF-16 units. */
export const PATTERN_MAX = 1000;
/** Compiled size of a pattern: counted repeats such as `(a{100}){100}` grow far beyond their text. */
const PROGRAM_MAX = 5000;
const CACHE_MAX = 100;

// A pattern compiles in tens of microseconds and most are literals of a template. What is kept depends on nothing but
// the key, so it is not state that anybody can see.
const cache = new Map<string, RE2JS>();

/**
 * A compiled pattern. The engine is RE2: time grows with the length of the text only, whatever the pattern. It has no
 * back-references and no look-around; those are errors here.
 */
function compiled(rt: Runtime, pattern: string, flags: number): RE2JS {
  const key = `${flags}:${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (pattern.length > PATTERN_MAX) throw failed(`a regular expression is longer than ${PATTERN_MAX} characters`);
  rt.charge(100 + pattern.length * 4);
  const regex = attempt(pattern, flags);
  if (regex.programSize() > PROGRAM_MAX) throw failed("a regular expression repeats too much to be compiled");
  if (cache.size >= CACHE_MAX) cache.delete(cache.keys().next().value!);
  cache.set(key, regex);
  return regex;
}

function attempt(pattern: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(pattern, flags);
  } catch (error) {
    const why = error instanceof Error && "error" in error ? `: ${String(error.error)}` : "";
    throw failed(`a regular expression cannot be read${why}`);
  }
}

export interface RegexOptions {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
}

function matcher(rt: Runtime, text: string, pattern: string, { ignoreCase, multiline }: RegexOptions): Matcher {
  const flags = (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (multiline ? RE2JS.MULTILINE : 0);
  const regex = compiled(rt, pattern, flags);
  rt.charge(4 + (text.length >> 8));
  // The engine asks the text for its characters and knows no difference between a string and its object.
  return regex.matcher(new MeteredText(rt, text, (8 + regex.programSize()) / 64) as unknown as string);
}

/**
 * A text that charges for every character the engine looks at. One search takes linear time, but finding all matches
 * takes many: `(a*b)?` on a run of `a` reads to the end from each. What was read is what it costs.
 */
class MeteredText extends String {
  private readonly rt: Runtime;
  private readonly text: string;
  /** Operations a character: the engine follows up to all instructions of a pattern at once. */
  private readonly cost: number;

  constructor(rt: Runtime, text: string, cost: number) {
    super(text);
    this.rt = rt;
    this.text = text;
    this.cost = cost;
  }

  override charCodeAt(at: number): number {
    this.rt.charge(this.cost);
    return this.text.charCodeAt(at);
  }

  override indexOf(part: string, from?: number): number {
    const at = this.text.indexOf(part, from);
    this.rt.charge(1 + ((at < 0 ? this.text.length : at) - (from ?? 0)) / 256);
    return at;
  }

  override substring(from: number, to?: number): string {
    return this.text.slice(from, to);
  }
}

/** The first match: its text, or a list of its groups when the pattern has some; null when there is none. */
export function regexSearch(rt: Runtime, text: string, pattern: string, options: RegexOptions): unknown {
  const found = matcher(rt, text, pattern, options);
  return found.find() ? found.group() : null;
}

/** All matches, as `re.findall` of Python answers them: texts, or lists of groups when there are several. */
export function regexFindAll(rt: Runtime, text: string, pattern: string, options: RegexOptions): unknown[] {
  const found = matcher(rt, text, pattern, options);
  const groups = found.groupCount();
  const out: unknown[] = [];
  while (found.find()) {
    rt.charge(4 + groups);
    if (groups === 0) out.push(found.group());
    else if (groups === 1) out.push(found.group(1) ?? "");
    else out.push(Array.from({ length: groups }, (_, at) => found.group(at + 1) ?? ""));
  }
  return out;
}

/** Whether the pattern matches: somewhere, or from the start of the text. */
export function regexTest(
  rt: Runtime,
  text: string,
  pattern: string,
  fromStart: boolean,
  options: RegexOptions,
): boolean {
  const found = matcher(rt, text, pattern, options);
  return fromStart ? found.lookingAt() : found.find();
}

/** Replaces matches. `\1` and `\g<name>` in the replacement stand for groups, as in Python. */
export function regexReplace(
  rt: Runtime,
  text: string,
  pattern: string,
  replacement: string,
  most: number,
  options: RegexOptions,
): string {
  const found = matcher(rt, text, pattern, options);
  const parts = replacementParts(replacement);
  const names: Record<string, unknown> = {};
  let [out, from, count] = ["", 0, 0];
  const limit = most <= 0 ? Infinity : most;
  while (count < limit && found.find()) {
    count++;
    rt.charge(4 + parts.length);
    let piece = text.slice(from, found.start());
    for (const part of parts) piece += typeof part === "string" ? part : groupText(found, part.group, names);
    rt.room(out.length + piece.length);
    out += piece;
    from = found.end();
  }
  return rt.text(out + text.slice(from));
}

const NO_GROUP = "a replacement names a group that the pattern does not have";

function groupText(found: Matcher, group: string, names: Record<string, unknown>): string {
  if (/^\d+$/.test(group)) {
    if (Number(group) > found.groupCount()) throw failed(NO_GROUP);
    return found.group(Number(group)) ?? "";
  }
  if (Object.keys(names).length === 0)
    for (const [name] of Object.entries(found.getNamedGroups())) setOwn(names, name, true);
  if (!Object.hasOwn(names, group)) throw failed(NO_GROUP);
  return found.group(group) ?? "";
}

function replacementParts(replacement: string): (string | { group: string })[] {
  const parts: (string | { group: string })[] = [];
  let from = 0;
  for (const match of replacement.matchAll(/\\(?:(\d{1,2})|g<(\w{1,100})>|([\\nrt]))/g)) {
    if (match.index > from) parts.push(replacement.slice(from, match.index));
    from = match.index + match[0].length;
    const [, number, name, escaped] = match;
    if (escaped === undefined) parts.push({ group: number ?? name! });
    else parts.push(escaped === "\\" ? "\\" : escaped === "n" ? "\n" : escaped === "r" ? "\r" : "\t");
  }
  if (from < replacement.length) parts.push(replacement.slice(from));
  return parts;
}
