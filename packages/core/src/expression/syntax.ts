import { parse } from "@huggingface/jinja";
import type { Token } from "./lexer.ts";
import { GROUP, TUPLE } from "./names.ts";
import { ProblemError } from "./problem.ts";

/** The tree that the library's parser makes. Its own types do not resolve under this module system. */
export type Node =
  | { readonly type: "Program"; readonly body: readonly Node[] }
  | { readonly type: "If"; readonly test: Node; readonly body: readonly Node[]; readonly alternate: readonly Node[] }
  | ForNode
  | { readonly type: "Break" | "Continue" | "Comment" }
  | SetNode
  | MacroNode
  | {
      readonly type: "CallStatement";
      readonly call: CallNode;
      readonly callerArgs: readonly Node[] | null;
      readonly body: readonly Node[];
    }
  | { readonly type: "FilterStatement"; readonly filter: IdentifierNode | CallNode; readonly body: readonly Node[] }
  | MemberNode
  | CallNode
  | IdentifierNode
  | { readonly type: "IntegerLiteral" | "FloatLiteral"; readonly value: number }
  | { readonly type: "StringLiteral"; readonly value: string }
  | { readonly type: "ArrayLiteral" | "TupleLiteral"; readonly value: readonly Node[] }
  | { readonly type: "ObjectLiteral"; readonly value: ReadonlyMap<Node, Node> }
  | BinaryNode
  | FilterNode
  | { readonly type: "SelectExpression"; readonly lhs: Node; readonly test: Node }
  | { readonly type: "UnaryExpression"; readonly operator: Token; readonly argument: Node }
  | SliceNode
  | { readonly type: "KeywordArgumentExpression"; readonly key: IdentifierNode; readonly value: Node }
  | { readonly type: "SpreadExpression" | "KeywordSpreadExpression"; readonly argument: Node }
  | { readonly type: "Ternary"; readonly condition: Node; readonly trueExpr: Node; readonly falseExpr: Node };

export interface ForNode {
  readonly type: "For";
  readonly loopvar: Node;
  readonly iterable: Node;
  readonly body: readonly Node[];
  readonly defaultBlock: readonly Node[];
}
export interface SetNode {
  readonly type: "Set";
  readonly assignee: Node;
  readonly value: Node | null;
  readonly body: readonly Node[];
}
export interface MacroNode {
  readonly type: "Macro";
  readonly name: IdentifierNode;
  readonly args: readonly Node[];
  readonly body: readonly Node[];
}
export interface MemberNode {
  readonly type: "MemberExpression";
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}
export interface CallNode {
  readonly type: "CallExpression";
  readonly callee: Node;
  readonly args: readonly Node[];
}
export interface IdentifierNode {
  readonly type: "Identifier";
  readonly value: string;
}
export interface BinaryNode {
  readonly type: "BinaryExpression";
  readonly operator: Token;
  readonly left: Node;
  readonly right: Node;
}
export interface FilterNode {
  readonly type: "FilterExpression";
  readonly operand: Node;
  readonly filter: IdentifierNode | CallNode;
}
export interface SliceNode {
  readonly type: "SliceExpression";
  readonly start: Node | undefined;
  readonly stop: Node | undefined;
  readonly step: Node | undefined;
}

const parseTokens = parse as unknown as (tokens: readonly Token[]) => Extract<Node, { type: "Program" }>;

/** Parses tokens to a tree, or throws a `ProblemError` with the place. */
export function parseSyntax(tokens: readonly Token[]): readonly Node[] {
  try {
    return parseTokens(tokens).body;
  } catch (error) {
    throw error instanceof RangeError
      ? new ProblemError("the expression is nested too deeply", tokens[0]?.offset ?? 0)
      : locate(tokens);
  }
}

/** The library's errors name no place, so the tokens are parsed again under watch: the last one it took is at fault. */
function locate(tokens: readonly Token[]): ProblemError {
  let last = 0;
  const watched = new Proxy(tokens, {
    get(target, key, receiver) {
      if (typeof key === "string" && /^\d+$/.test(key)) last = Number(key);
      return Reflect.get(target, key, receiver) as unknown;
    },
  });
  try {
    parseTokens(watched);
  } catch {
    // The error is the one being described; only the place was wanted.
  }
  const token = tokens[last] ?? tokens.at(-1);
  if (token === undefined) return new ProblemError("the expression is empty", 0);
  if (token.type === "CloseExpression" || token.type === "CloseStatement" || last >= tokens.length) {
    return new ProblemError("the expression ends too early: a value is missing", token.offset);
  }
  // A stand-in of `rewrite` is what the author wrote as a parenthesis.
  const shown = token.value === GROUP || token.value === TUPLE ? "(" : token.value.slice(0, 40);
  return new ProblemError(`'${shown}' is not expected here`, token.offset);
}
