import { RE2JS } from "re2js";

/** Length of a pattern, in UTF-16 units. */
export const PATTERN_LENGTH_MAX = 1000;
/** Compiled size of a pattern: counted repeats grow far beyond their text. */
const PROGRAM_MAX = 5000;

/** A pattern of a schema, ready. */
export interface Pattern {
  /** Work of one search, a character. */
  readonly costPerChar: number;
  /** Instructions it was compiled to. */
  readonly size: number;
  /** Whether it occurs somewhere in the text. Time grows with the length of the text only. */
  test(text: string): boolean;
}

/**
 * Compiles a pattern as it stands in a JSON Schema, that is in the notation of ECMAScript, for the engine RE2. A text
 * says why it cannot be: look-around and back-references are not there, for no engine can bound their time.
 */
export function compilePattern(source: string): Pattern | string {
  if (source.length > PATTERN_LENGTH_MAX) return `is longer than ${PATTERN_LENGTH_MAX} characters`;
  let regex: RE2JS;
  try {
    regex = RE2JS.compile(RE2JS.translateRegExp(source));
  } catch (error) {
    const told = error instanceof Error && "error" in error ? String(error.error) : "it cannot be read";
    if (/\(\?<?[=!]/.test(source)) return "has look-ahead or look-behind, which patterns (RE2) do not have";
    if (/\\[1-9k]/.test(source)) return "has a back-reference, which patterns (RE2) do not have";
    return `is no pattern of RE2: ${told}`;
  }
  const size = regex.programSize();
  if (size > PROGRAM_MAX) return "repeats too much to be compiled";
  return { size, costPerChar: costOf(size), test: (text) => regex.test(text) };
}

/**
 * The work of one character, in tenths of a microsecond, measured at its worst: the engine follows up to all
 * instructions at once, and large programs also lose what it keeps of the ways it went before.
 */
function costOf(size: number): number {
  return ((8 + size) / 16) * Math.min(10, Math.max(1, (8 + size) / 30));
}
