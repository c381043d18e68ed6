import type { Token, TokenType } from "./lexer.ts";
import { DO, GROUP, isRefusedName, KEYWORDS, refusedNameReason, TEST, TEST_NOT, TUPLE, WITH } from "./names.ts";
import { nearest, ProblemError } from "./problem.ts";
import { Blocks } from "./blocks.ts";

/** The names that exist, so that a mistyped one is found when the template is parsed and not when it runs. */
export interface KnownNames {
  readonly filters: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
}

/**
 * Turns our tokens into ones that the library's parser understands as Jinja2 would, and finds most mistakes while
 * their place is known. The library takes no arguments to tests, drops parentheses (so `(a < b) < c` cannot be told
 * from `a < b < c`), has no empty tuple, and knows neither `with` nor `do`. So
 *
 * - `x is divisibleby 3` becomes `x | "is divisibleby"(3)`: Jinja2 gives tests and filters one precedence,
 * - `(a)` and `(a, b)` that are no arguments become calls of `(group)` and `(tuple)`,
 * - `{% with a = 1 %}` becomes `{% call (with)(a = 1) %}`, and `{% do x %}` becomes `{% set (do) = x %}`.
 */
export function rewrite(tokens: readonly Token[], known: KnownNames): Token[] {
  return new Rewriter(tokens, known).run();
}

class Rewriter {
  private readonly tokens: readonly Token[];
  private readonly known: KnownNames;
  private readonly out: Token[] = [];
  private readonly blocks = new Blocks();
  /** For each bracket the index of its partner, and for each opening one how many commas stand directly in it. */
  private readonly partner: Int32Array;
  private readonly commas: Int32Array;
  /** Where the argument of a test without parentheses ends; the innermost last. */
  private readonly testEnds: number[] = [];
  private at = 0;
  /** Whether the last token ended an operand, so that an operator has to follow. */
  private operand = false;
  /** Within `for … in`: parentheses there are those of the library. */
  private inTarget = false;
  private closeWith = false;

  constructor(tokens: readonly Token[], known: KnownNames) {
    this.tokens = tokens;
    this.known = known;
    this.partner = new Int32Array(tokens.length);
    this.commas = new Int32Array(tokens.length);
    this.pair();
  }

  run(): Token[] {
    while (this.at < this.tokens.length) {
      while (this.testEnds.at(-1) === this.at) this.endTest();
      this.step(this.tokens[this.at]!);
    }
    this.blocks.end();
    return this.out;
  }

  private pair(): void {
    const open: number[] = [];
    for (let at = 0; at < this.tokens.length; at++) {
      const { type } = this.tokens[at]!;
      if (isOpening(type)) open.push(at);
      else if (type === "Comma" && open.length > 0) this.commas[open.at(-1)!]!++;
      else if (isClosing(type)) {
        const partner = open.pop() ?? at;
        this.partner[partner] = at;
        this.partner[at] = partner;
      }
    }
  }

  private step(token: Token): void {
    switch (token.type) {
      case "Identifier":
        return this.name(token);
      case "StringLiteral":
        if (this.tokens[this.at - 1]?.type !== "StringLiteral") this.expectNoOperand(token);
        return this.emit(token, true);
      case "NumericLiteral":
        if (this.tokens[this.at - 1]?.type !== "Dot") this.expectNoOperand(token);
        return this.emit(token, true);
      case "OpenParen":
        return this.paren(token);
      case "OpenSquareBracket":
        if (this.operand) this.checkSubscript();
        return this.emit(token, false);
      case "OpenCurlyBracket":
        this.expectNoOperand(token);
        return this.emit(token, false);
      case "CloseParen":
      case "CloseSquareBracket":
      case "CloseCurlyBracket":
        return this.emit(token, true);
      case "Pipe":
        return this.filter(token);
      case "OpenStatement":
        this.emit(token, false);
        return this.statement();
      case "CloseStatement":
        if (this.closeWith) this.put("CloseParen", ")", token);
        this.closeWith = false;
        this.inTarget = false;
        return this.emit(token, false);
      default:
        return this.emit(token, false);
    }
  }

  private name(token: Token): void {
    if (isRefusedName(token.value)) throw new ProblemError(refusedNameReason(token.value), token.offset);
    if (this.tokens[this.at - 1]?.type === "Dot") return this.emit(token, true);
    if (token.value === "is") return this.test(token);
    if (KEYWORDS.has(token.value)) {
      if (token.value === "in") this.inTarget = false;
      return this.emit(token, false);
    }
    this.expectNoOperand(token);
    this.emit(token, true);
  }

  private paren(token: Token): void {
    if (!this.operand && !this.inTarget) {
      const end = this.partner[this.at]!;
      const tuple = end === this.at + 1 || this.commas[this.at]! > 0;
      this.put("Identifier", tuple ? TUPLE : GROUP, token);
    }
    this.emit(token, false);
  }

  private filter(token: Token): void {
    this.emit(token, false);
    const name = this.expectName("a filter");
    if (!this.known.filters.has(name.value)) {
      throw new ProblemError(
        `there is no filter '${name.value}'`,
        name.offset,
        nearest(name.value, this.known.filters),
      );
    }
    this.emit(name, true);
  }

  private test(token: Token): void {
    if (!this.operand) throw new ProblemError("'is' needs a value before it", token.offset);
    this.at++;
    let name = this.expectName("a test");
    const negated = name.value === "not";
    if (negated) {
      this.at++;
      name = this.expectName("a test");
    }
    if (!this.known.tests.has(name.value)) {
      throw new ProblemError(`there is no test '${name.value}'`, name.offset, nearest(name.value, this.known.tests));
    }
    this.put("Pipe", "|", token);
    this.put("Identifier", (negated ? TEST_NOT : TEST) + name.value, name);
    this.at++;
    this.operand = true;
    if (!this.beginsArgument()) return;
    this.put("OpenParen", "(", name);
    this.operand = false;
    this.testEnds.push(this.argumentEnd());
  }

  /** Whether the token here is the argument of the test before it: `is divisibleby 3`, `is in names`. */
  private beginsArgument(): boolean {
    const next = this.tokens[this.at];
    if (next === undefined) return false;
    if (next.type === "Identifier") return !KEYWORDS.has(next.value);
    return (
      next.type === "StringLiteral" ||
      next.type === "NumericLiteral" ||
      next.type === "OpenSquareBracket" ||
      next.type === "OpenCurlyBracket"
    );
  }

  /** The end of one operand with its members and calls, from here. */
  private argumentEnd(): number {
    let at = this.at;
    at = isOpening(this.tokens[at]!.type) ? this.partner[at]! + 1 : at + 1;
    for (;;) {
      const type = this.tokens[at]?.type;
      if (type === "Dot") at += 2;
      else if (type === "OpenParen" || type === "OpenSquareBracket") at = this.partner[at]! + 1;
      else if (type === "StringLiteral" && this.tokens[at - 1]!.type === "StringLiteral") at++;
      else return at;
    }
  }

  private endTest(): void {
    this.testEnds.pop();
    this.put("CloseParen", ")", this.tokens[this.at - 1]!);
    this.operand = true;
  }

  private checkSubscript(): void {
    const key = this.tokens[this.at + 1]!;
    if (key.type === "StringLiteral" && this.partner[this.at] === this.at + 2 && isRefusedName(key.value)) {
      throw new ProblemError(refusedNameReason(key.value), key.offset);
    }
  }

  private statement(): void {
    const keyword = this.expectName("a statement");
    this.blocks.meet(keyword);
    switch (keyword.value) {
      case "with":
        this.put("Identifier", "call", keyword);
        this.put("Identifier", WITH, keyword);
        this.put("OpenParen", "(", keyword);
        this.closeWith = true;
        this.at++;
        return;
      case "endwith":
        this.put("Identifier", "endcall", keyword);
        this.at++;
        return;
      case "do":
        this.put("Identifier", "set", keyword);
        this.put("Identifier", DO, keyword);
        this.put("Equals", "=", keyword);
        this.at++;
        return;
      case "call":
        this.put("Identifier", "call", keyword);
        this.at++;
        return this.callerParameters();
      default:
        this.inTarget = keyword.value === "for";
        this.emit(keyword, false);
        if (this.inTarget) this.checkFor();
    }
  }

  /** `{% call(user) list(users) %}`: the first parentheses are the parameters of the body and no group. */
  private callerParameters(): void {
    if (this.tokens[this.at]?.type !== "OpenParen") return;
    const end = this.partner[this.at]!;
    this.operand = true;
    while (this.at <= end) this.step(this.tokens[this.at]!);
    this.operand = false;
  }

  private checkFor(): void {
    for (let at = this.at; this.tokens[at] && this.tokens[at]!.type !== "CloseStatement"; at++) {
      const token = this.tokens[at]!;
      if (
        token.value === "recursive" &&
        token.type === "Identifier" &&
        this.tokens[at + 1]?.type === "CloseStatement"
      ) {
        throw new ProblemError(
          "'recursive' loops are not part of the language",
          token.offset,
          "a macro that calls itself",
        );
      }
    }
  }

  private expectName(what: string): Token {
    const token = this.tokens[this.at]!;
    if (token.type !== "Identifier") {
      throw new ProblemError(`the name of ${what} is missing`, token.offset);
    }
    return token;
  }

  private expectNoOperand(token: Token): void {
    if (this.operand) throw new ProblemError(`an operator or a comma is missing before '${token.value}'`, token.offset);
  }

  private emit(token: Token, operand: boolean): void {
    this.out.push(token);
    this.at++;
    this.operand = operand;
  }

  private put(type: TokenType, value: string, near: Token): void {
    this.out.push({ type, value, offset: near.offset });
  }
}

function isOpening(type: TokenType): boolean {
  return type === "OpenParen" || type === "OpenSquareBracket" || type === "OpenCurlyBracket";
}

function isClosing(type: TokenType): boolean {
  return type === "CloseParen" || type === "CloseSquareBracket" || type === "CloseCurlyBracket";
}
