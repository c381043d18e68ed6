import { Composer, Lexer, Parser } from "yaml";
import type { CST, Document, YAMLError } from "yaml";
import type { Json } from "../base/json.ts";
import { Lines, type Mark, MarkLocator } from "./locate.ts";
import { type Locator, type NewProblem, ProblemList } from "./problems.ts";
import { Suggester } from "./suggest.ts";
import { DEPTH_MAX, NODES_MAX, readData, tooDeep, tooLarge } from "./yaml-data.ts";
import { plainWords } from "./yaml-messages.ts";

export const TEXT_BYTES_MAX = 10_000_000;
/** Spaces, line breaks and comments are no values, but each costs the parser something. */
const LEXEMES_MAX = 1_000_000;
/** Syntax errors follow from each other; after these the rest is noise. */
const SYNTAX_ERRORS_MAX = 20;

/** A YAML or JSON text as plain data, with the way back from a JSON Pointer to the line it stands on. */
export interface YamlDocument {
  /** The data, its maps without prototype; undefined when the text cannot be read. */
  readonly data: Json | undefined;
  readonly locator: Locator;
  /** What is wrong so far; readers of the data add to it. */
  readonly problems: ProblemList;
  readonly suggester: Suggester;
}

/**
 * Reads a text that a stranger wrote. Size, depth and number of values are bounded before the costly parts begin, so
 * every text is answered in time proportional to its length. Where the grammar of YAML is broken there is no data: what
 * a recovering parser makes of such a text would give problems that the author does not have.
 */
export function readYaml(source: string, bytesMax: number = TEXT_BYTES_MAX): YamlDocument {
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source;
  const lines = new Lines(text);
  const found: NewProblem[] = [];
  const suggester = new Suggester();
  const size = byteLength(source, bytesMax);
  let data: Json | undefined;
  let mark: Mark | null = null;
  if (size > bytesMax) {
    found.push({
      code: "too_large",
      message: `The text is larger than ${bytesMax} bytes.`,
      suggestion: "Pass large data as inputs of the run, or split the workflow.",
      pointer: "",
      place: { line: 1, column: 1 },
    });
  } else {
    const document = compose(text, lines, (problem) => found.push(problem));
    if (document !== null) {
      const read = readData(document.contents, lines, suggester, (problem) => found.push(problem));
      [data, mark] = [read.value, read.mark];
    }
  }
  const locator = new MarkLocator(lines, mark);
  const problems = new ProblemList(locator);
  for (const problem of found) problems.error(problem);
  return { data, locator, problems, suggester };
}

/** The library's document, or null when the text breaks the grammar or a bound. */
function compose(text: string, lines: Lines, report: (problem: NewProblem) => void): Document.Parsed | null {
  const reportAt = (at: number, code: YAMLError["code"], message: string): void =>
    report({ ...plainWords(code, message, lines.lineAt(at)), pointer: "", place: lines.place(at) });
  const tokens = tokenize(text, lines, report);
  if (tokens === null) return null;
  const documents = tokens.filter((token) => token.type === "document");
  if (documents.length > 1) {
    reportAt(documents[1]!.offset, "MULTIPLE_DOCS", "");
    return null;
  }
  // Merge keys, custom tags and repeated names are judged by `readData`: the library's check of repeated names takes
  // quadratic time.
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    customTags: null,
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: "silent",
  });
  let document: Document.Parsed | null = null;
  try {
    for (const composed of composer.compose(tokens, true, text.length)) document ??= composed as Document.Parsed;
  } catch (error) {
    // The library is the only code here that could be driven to throw; a hostile text must not end the caller.
    reportAt(0, "IMPOSSIBLE", error instanceof Error ? error.message : String(error));
    return null;
  }
  if (document === null) return null;
  for (const error of onePerLine(document, lines)) reportAt(error.pos[0], error.code, error.message);
  return document.errors.length > 0 ? null : document;
}

/** The complaints worth showing: of those about one line, that about a tab, else the first that was found. */
function onePerLine(document: Document.Parsed, lines: Lines): readonly YAMLError[] {
  const byLine = new Map<number, YAMLError>();
  for (const error of [...document.errors, ...document.warnings]) {
    const { line } = lines.place(error.pos[0]);
    const known = byLine.get(line);
    if (!known || (error.code === "TAB_AS_INDENT" && known.code !== error.code)) byLine.set(line, error);
    if (byLine.size >= SYNTAX_ERRORS_MAX) break;
  }
  return [...byLine.values()];
}

/** The concrete syntax of the text, or null when it passes a bound. Works through the text once, from left to right. */
function tokenize(text: string, lines: Lines, report: (problem: NewProblem) => void): CST.Token[] | null {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let [lexemes, nodes] = [0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      if (token.type !== "directive") tokens.push(token);
      // `%YAML 1.2` says nothing new, and any other directive would change how the text is read.
      else if (!/^%YAML\s+1\.2\s*$/.test(token.source)) {
        report({ ...plainWords("BAD_DIRECTIVE", "", ""), pointer: "", place: lines.place(token.offset) });
        return null;
      }
    }
    if (lexeme === "\x1f" || lexeme === "[" || lexeme === "{" || lexeme === "-") nodes++;
    if (++lexemes > LEXEMES_MAX || nodes > 2 * NODES_MAX) {
      report(tooLarge("", lines, parser.offset));
      return null;
    }
    // The bottom of the stack is the document and the top may be a scalar; what is between holds each other.
    if (parser.stack.length > DEPTH_MAX + 2) {
      report(tooDeep("", lines, parser.offset));
      return null;
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

/** Bytes of the text in UTF-8, counted no further than needed to know that they are too many. */
function byteLength(text: string, max: number): number {
  if (text.length > max || text.length * 3 <= max) return text.length;
  let bytes = 0;
  for (let at = 0; at < text.length && bytes <= max; at++) {
    const code = text.charCodeAt(at);
    // A half of a surrogate pair is two of the four bytes of its character.
    bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 2 : 3;
  }
  return bytes;
}
