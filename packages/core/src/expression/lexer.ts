import { ProblemError } from "./problem.ts";

/** The token types of the parser's library. */
export type TokenType =
  | "Text"
  | "NumericLiteral"
  | "StringLiteral"
  | "Identifier"
  | "Equals"
  | "OpenParen"
  | "CloseParen"
  | "OpenStatement"
  | "CloseStatement"
  | "OpenExpression"
  | "CloseExpression"
  | "OpenSquareBracket"
  | "CloseSquareBracket"
  | "OpenCurlyBracket"
  | "CloseCurlyBracket"
  | "Comma"
  | "Dot"
  | "Colon"
  | "Pipe"
  | "AdditiveBinaryOperator"
  | "MultiplicativeBinaryOperator"
  | "ExponentiationBinaryOperator"
  | "ComparisonBinaryOperator";

export interface Token {
  readonly type: TokenType;
  readonly value: string;
  /** Where it stands in the source. */
  readonly offset: number;
}

/** How deep brackets may be nested. The library's parser calls itself about fifteen times a level. */
export const BRACKETS_MAX = 100;

/**
 * Cuts a source into the tokens that the library's parser takes.
 *
 * Why not the library's own lexer: it keeps no places, so no problem could name one; its first step matches
 * `(\s*){%…generation` on the whole text, which takes time with the square of a run of blanks (256 KB of them: minutes);
 * it drops `{% generation %}`, refuses `\d` in strings, and knows no `{% raw %}`, no `1e5` and no `{%+`. This one looks
 * at every character once.
 */
export function tokenizeTemplate(source: string): Token[] {
  return new Lexer(source).template();
}

/** The tokens of a bare expression, within the same marks as `{{ … }}` would have. */
export function tokenizeExpression(source: string): Token[] {
  return new Lexer(source).bare();
}

const SYMBOLS: Readonly<Record<string, TokenType>> = {
  "**": "ExponentiationBinaryOperator",
  "//": "MultiplicativeBinaryOperator",
  "<=": "ComparisonBinaryOperator",
  ">=": "ComparisonBinaryOperator",
  "==": "ComparisonBinaryOperator",
  "!=": "ComparisonBinaryOperator",
  "<": "ComparisonBinaryOperator",
  ">": "ComparisonBinaryOperator",
  "*": "MultiplicativeBinaryOperator",
  "/": "MultiplicativeBinaryOperator",
  "%": "MultiplicativeBinaryOperator",
  "+": "AdditiveBinaryOperator",
  "-": "AdditiveBinaryOperator",
  "~": "AdditiveBinaryOperator",
  "=": "Equals",
  ",": "Comma",
  ".": "Dot",
  ":": "Colon",
  "|": "Pipe",
  "(": "OpenParen",
  ")": "CloseParen",
  "[": "OpenSquareBracket",
  "]": "CloseSquareBracket",
  "{": "OpenCurlyBracket",
  "}": "CloseCurlyBracket",
};

/** What authors who think of another language write, and what it is called here. */
const FOREIGN: Readonly<Record<string, string>> = {
  "&&": "and",
  "||": "or",
  "===": "==",
  "!==": "!=",
  "!": "not",
  "??": "default",
};

const FOREIGN_SYMBOL = /===|!==|&&|\|\||\?\?|!(?!=)/y;

const CLOSER: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{M}\p{Nd}_]*/uy;
const NUMBER = /0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?/y;
const DIGITS = /\d+/y;
const BLANK = /\s/;
const RAW_BEGIN = /\{%[-+]?\s{0,100}raw\s{0,100}(-?)%\}/y;
const RAW_END = /\{%([-+]?)\s{0,100}endraw\s{0,100}([-+]?)%\}/g;

class Lexer {
  private readonly source: string;
  private readonly tokens: Token[] = [];
  private at = 0;

  constructor(source: string) {
    this.source = source;
  }

  template(): Token[] {
    // As Jinja2 does by default: one newline at the very end belongs to the file and not to the text.
    const end = this.source.endsWith("\n")
      ? this.source.length - (this.source.endsWith("\r\n") ? 2 : 1)
      : this.source.length;
    let trim = false;
    while (this.at < end) {
      const open = this.nextTag(end);
      this.text(this.at, open, trim, this.source[open + 2] === "-");
      if (open >= end) break;
      this.at = open;
      trim = this.tag();
    }
    return this.tokens;
  }

  bare(): Token[] {
    this.push("OpenExpression", "{{", 0);
    this.inside(null);
    this.push("CloseExpression", "}}", this.source.length);
    return this.tokens;
  }

  private nextTag(end: number): number {
    for (let at = this.source.indexOf("{", this.at); at >= 0 && at < end; at = this.source.indexOf("{", at + 1)) {
      const mark = this.source[at + 1];
      if (mark === "{" || mark === "%" || mark === "#") return at;
    }
    return end;
  }

  private text(from: number, to: number, trimStart: boolean, trimEnd: boolean): void {
    if (trimStart) while (from < to && BLANK.test(this.source[from]!)) from++;
    if (trimEnd) while (to > from && BLANK.test(this.source[to - 1]!)) to--;
    if (to > from) this.push("Text", this.source.slice(from, to), from);
  }

  /** Reads one tag. Answers whether the blanks after it are to go. */
  private tag(): boolean {
    const start = this.at;
    const mark = this.source[start + 1]!;
    if (mark === "#") return this.comment();
    if (mark === "%") {
      RAW_BEGIN.lastIndex = start;
      const raw = RAW_BEGIN.exec(this.source);
      if (raw) return this.raw(start + raw[0].length, raw[1] === "-");
    }
    const [open, close, end]: [TokenType, TokenType, string] =
      mark === "{" ? ["OpenExpression", "CloseExpression", "}}"] : ["OpenStatement", "CloseStatement", "%}"];
    this.push(open, "{" + mark, start);
    this.at = start + 2;
    if (this.source[this.at] === "-" || this.source[this.at] === "+") this.at++;
    const trim = this.inside(end);
    this.push(close, end, this.at - 2);
    return trim;
  }

  private comment(): boolean {
    const end = this.source.indexOf("#}", this.at + 2);
    if (end < 0) throw new ProblemError("the comment is not closed: '#}' is missing", this.at);
    this.at = end + 2;
    return this.source[end - 1] === "-";
  }

  private raw(from: number, trimStart: boolean): boolean {
    RAW_END.lastIndex = from;
    const end = RAW_END.exec(this.source);
    if (!end) throw new ProblemError("the raw block is not closed: '{% endraw %}' is missing", this.at);
    this.text(from, end.index, trimStart, end[1] === "-");
    this.at = end.index + end[0].length;
    return end[2] === "-";
  }

  /** Reads tokens up to the end mark outside of brackets (or the end of the source), and answers whether it trims. */
  private inside(end: string | null): boolean {
    const source = this.source;
    const brackets: { char: string; offset: number }[] = [];
    const start = this.at;
    for (;;) {
      while (this.at < source.length && BLANK.test(source[this.at]!)) this.at++;
      if (this.at >= source.length) {
        const unclosed = brackets.at(-1);
        if (unclosed) throw new ProblemError(`'${unclosed.char}' is not closed`, unclosed.offset);
        if (end === null) return false;
        throw new ProblemError(`the tag is not closed: '${end}' is missing`, Math.max(0, start - 2));
      }
      if (end !== null && brackets.length === 0) {
        if (source.startsWith(end, this.at)) {
          this.at += 2;
          return false;
        }
        const sign = source[this.at];
        if ((sign === "-" || sign === "+") && source.startsWith(end, this.at + 1)) {
          this.at += 3;
          return sign === "-";
        }
      }
      this.token(brackets);
    }
  }

  private token(brackets: { char: string; offset: number }[]): void {
    const char = this.source[this.at]!;
    if (char === "'" || char === '"') return this.string(char);
    if (char >= "0" && char <= "9") return this.number();
    NAME.lastIndex = this.at;
    const name = NAME.exec(this.source);
    if (name) return this.push("Identifier", name[0], this.at, name[0].length);
    this.symbol(char, brackets);
  }

  private symbol(char: string, brackets: { char: string; offset: number }[]): void {
    const at = this.at;
    FOREIGN_SYMBOL.lastIndex = at;
    const foreign = FOREIGN_SYMBOL.exec(this.source)?.[0];
    if (foreign !== undefined) throw new ProblemError(`'${foreign}' is not part of the language`, at, FOREIGN[foreign]);
    const two = this.source.slice(at, at + 2);
    const symbol = Object.hasOwn(SYMBOLS, two) ? two : char;
    if (!Object.hasOwn(SYMBOLS, symbol)) {
      const shown = String.fromCodePoint(this.source.codePointAt(at)!);
      throw new ProblemError(`the character ${JSON.stringify(shown)} has no meaning here`, at);
    }
    if (Object.hasOwn(CLOSER, symbol)) {
      if (brackets.length >= BRACKETS_MAX)
        throw new ProblemError(`brackets are nested deeper than ${BRACKETS_MAX} levels`, at);
      brackets.push({ char: symbol, offset: at });
    } else if (symbol === ")" || symbol === "]" || symbol === "}") {
      const open = brackets.pop();
      if (!open) throw new ProblemError(`'${symbol}' closes nothing`, at);
      if (CLOSER[open.char] !== symbol) {
        throw new ProblemError(`'${open.char}' is closed by '${symbol}'`, at, CLOSER[open.char]);
      }
    }
    this.push(SYMBOLS[symbol]!, symbol, at, symbol.length);
  }

  private number(): void {
    // After a dot digits are an index: `items.0.1` are two of them and no fraction.
    const pattern = this.tokens.at(-1)?.type === "Dot" ? DIGITS : NUMBER;
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.source)![0];
    const digits = text.replaceAll("_", "");
    const value = Number(digits);
    if (!Number.isFinite(value)) throw new ProblemError("the number is too large", this.at);
    // The library tells floats by their point; an integer index must keep its digits.
    this.push("NumericLiteral", String(value), this.at, text.length);
  }

  private string(quote: string): void {
    const start = this.at;
    let out = "";
    let from = start + 1;
    for (let at = from; ; at++) {
      const char = this.source[at];
      if (char === undefined) throw new ProblemError(`the text is not closed: ${quote} is missing`, start);
      if (char === quote) {
        out += this.source.slice(from, at);
        return this.push("StringLiteral", out, start, at + 1 - start);
      }
      if (char !== "\\") continue;
      out += this.source.slice(from, at);
      const [text, length] = this.escape(at);
      out += text;
      from = at + length;
      at = from - 1;
    }
  }

  /** The text that the escape at this place stands for, and its length. Unknown ones stay as written, as in Python. */
  private escape(at: number): [string, number] {
    const char = this.source[at + 1];
    if (char === undefined) return ["\\", 1];
    const named = ESCAPES[char];
    if (named !== undefined) return [named, 2];
    const digits = char === "x" ? 2 : char === "u" ? 4 : char === "U" ? 8 : 0;
    if (digits > 0) {
      const hex = this.source.slice(at + 2, at + 2 + digits);
      if (hex.length !== digits || /[^0-9a-fA-F]/.test(hex)) {
        throw new ProblemError(`\\${char} needs ${digits} hexadecimal digits`, at);
      }
      const code = Number.parseInt(hex, 16);
      if (code > 0x10ffff) throw new ProblemError("there is no such character", at);
      return [String.fromCodePoint(code), 2 + digits];
    }
    if (char >= "0" && char <= "7") {
      const octal = /^[0-7]{1,3}/.exec(this.source.slice(at + 1, at + 4))![0];
      return [String.fromCodePoint(Number.parseInt(octal, 8)), 1 + octal.length];
    }
    return ["\\" + char, 2];
  }

  private push(type: TokenType, value: string, offset: number, length = 0): void {
    this.tokens.push({ type, value, offset });
    this.at += length;
  }
}

const ESCAPES: Readonly<Record<string, string>> = Object.assign(Object.create(null) as Record<string, string>, {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "",
});
