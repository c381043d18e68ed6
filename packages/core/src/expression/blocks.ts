import type { Token } from "./lexer.ts";
import { nearest, ProblemError } from "./problem.ts";

/** How deep statements may be nested, and how many `elif` one `if` may have: the library's parser recurses on both. */
const BLOCKS_MAX = 50;
const ELIF_MAX = 200;

const BLOCKS = ["if", "for", "macro", "call", "filter", "with", "set"];
const STATEMENTS = [...BLOCKS, "elif", "else", "break", "continue", "do", "raw", ...BLOCKS.map((name) => "end" + name)];

const OTHERS: Readonly<Record<string, string>> = {
  include: "there are no other templates to read",
  import: "there are no other templates to read",
  from: "there are no other templates to read",
  extends: "there are no other templates to read",
  block: "there are no other templates to inherit from",
  autoescape: "nothing is escaped by itself; use the filter 'escape'",
};

/** Keeps the account of statements that are open, so that a missing or surplus end is named with its place. */
export class Blocks {
  private readonly open: { name: string; offset: number; elifs: number; closedBy: string }[] = [];

  meet(keyword: Token): void {
    const { value: name, offset } = keyword;
    if (Object.hasOwn(OTHERS, name)) {
      throw new ProblemError(`the statement '${name}' is not part of the language: ${OTHERS[name]}`, offset);
    }
    if (!STATEMENTS.includes(name)) {
      throw new ProblemError(`there is no statement '${name}'`, offset, nearest(name, STATEMENTS));
    }
    if (name === "set") return;
    if (BLOCKS.includes(name)) return this.push(name, offset);
    const top = this.open.at(-1);
    if (name.startsWith("end")) return this.close(name, offset);
    if (name === "elif" || name === "else") {
      if (!top || (top.name !== "if" && !(top.name === "for" && name === "else"))) {
        throw new ProblemError(`'${name}' stands in no 'if'`, offset);
      }
      if (name === "elif" && ++top.elifs > ELIF_MAX)
        throw new ProblemError(`an 'if' has more than ${ELIF_MAX} 'elif'`, offset);
    }
    if ((name === "break" || name === "continue") && !this.inLoop()) {
      throw new ProblemError(`'${name}' stands in no loop`, offset);
    }
  }

  /** `{% set x %}` without a value opens a block, which only the parser can tell; so its end is taken as it comes. */
  private close(name: string, offset: number): void {
    if (name === "endset") return;
    const top = this.open.pop();
    if (!top) throw new ProblemError(`'${name}' closes nothing`, offset);
    if (top.closedBy !== name) {
      throw new ProblemError(`'${name}' stands where '${top.closedBy}' is expected`, offset, top.closedBy);
    }
  }

  private push(name: string, offset: number): void {
    if (this.open.length >= BLOCKS_MAX)
      throw new ProblemError(`statements are nested deeper than ${BLOCKS_MAX} levels`, offset);
    this.open.push({ name, offset, elifs: 0, closedBy: "end" + name });
  }

  private inLoop(): boolean {
    for (const { name } of this.open.toReversed()) {
      if (name === "for") return true;
      if (name === "macro" || name === "call") return false;
    }
    return false;
  }

  end(): void {
    const top = this.open.at(-1);
    if (top)
      throw new ProblemError(
        `the statement '${top.name}' is not closed: '{% ${top.closedBy} %}' is missing`,
        top.offset,
      );
  }
}
