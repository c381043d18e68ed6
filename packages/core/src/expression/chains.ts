import { COMPARISONS, joined, OPERATORS } from "./operators.ts";
import { printed } from "./render.ts";
import type { Run } from "./runtime.ts";
import type { BinaryNode, Node } from "./syntax.ts";
import { truthy } from "./values.ts";

/** Operators of one number are evaluated from left to right on one level; higher ones bind closer. */
const LEVEL: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  "==": 3,
  "!=": 3,
  "<": 3,
  "<=": 3,
  ">": 3,
  ">=": 3,
  in: 3,
  "not in": 3,
  "+": 4,
  "-": 4,
  "~": 4,
  "*": 5,
  "/": 5,
  "//": 5,
  "%": 5,
  "**": 6,
};

/** Who compiles the operands. */
interface Operands {
  compile(node: Node): Run;
  /** As `compile`, where the undefined is an error. */
  defined(node: Node): Run;
}

interface Step {
  readonly operator: string;
  readonly node: Node;
}

/**
 * Compiles `a + b - c` and the like as one chain of operands. The tree leans to the left; walking it in a loop keeps
 * long sums flat, and only a chain can tell `a < b < c` and put `~` where Jinja2 has it.
 */
export function compileChain(operands: Operands, node: BinaryNode): Run {
  const level = LEVEL[node.operator.value];
  const steps: Step[] = [];
  let first: Node = node;
  while (first.type === "BinaryExpression" && LEVEL[first.operator.value] === level) {
    steps.push({ operator: first.operator.value, node: first.right });
    first = first.left;
  }
  steps.reverse();
  if (level === LEVEL["=="]) return comparison(operands, first, steps);
  if (level === LEVEL["+"] || level === LEVEL["*"] || level === LEVEL["**"]) return arithmetic(operands, first, steps);
  return logic(operands, level === LEVEL["and"], [first, ...steps.map((step) => step.node)]);
}

/** In Jinja2 `~` binds closer than `+` and `-`; the library puts them on one level. */
function arithmetic(operands: Operands, first: Node, steps: readonly Step[]): Run {
  const terms: { operator: string; nodes: Node[] }[] = [{ operator: "", nodes: [first] }];
  for (const { operator, node } of steps) {
    if (operator === "~") terms.at(-1)!.nodes.push(node);
    else terms.push({ operator, nodes: [node] });
  }
  const runs = terms.map(({ nodes }) =>
    nodes.length === 1 ? operands.defined(nodes[0]!) : concatenation(operands, nodes),
  );
  const [start, ...rest] = runs as [Run, ...Run[]];
  if (rest.length === 0) return start;
  const links = rest.map((run, at) => ({ operate: OPERATORS[terms[at + 1]!.operator]!, run }));
  return (rt) => {
    let value = start(rt);
    for (const { operate, run } of links) {
      rt.charge(1);
      value = operate(rt, value, run(rt));
    }
    return value;
  };
}

function concatenation(operands: Operands, nodes: readonly Node[]): Run {
  const runs = nodes.map((node) => operands.compile(node));
  return (rt) => {
    let text = "";
    for (const run of runs) {
      rt.charge(1);
      text = joined(rt, text, printed(rt, run(rt)));
    }
    return text;
  };
}

const ORDERED: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);

/** Each operand is evaluated once, and no further than the first link that does not hold, as in Python. */
function comparison(operands: Operands, first: Node, steps: readonly Step[]): Run {
  // What is undefined equals nothing and is in nothing, but it has no order: that is an error which names it.
  const operand = (node: Node, ordered: boolean): Run => (ordered ? operands.defined(node) : operands.compile(node));
  const isOrdered = steps.map(({ operator }) => ORDERED.has(operator));
  const start = operand(first, isOrdered[0] === true);
  const links = steps.map(({ operator, node }, at) => ({
    holds: COMPARISONS[operator]!,
    run: operand(node, isOrdered[at] === true || isOrdered[at + 1] === true),
  }));
  return (rt) => {
    let left = start(rt);
    for (const { holds, run } of links) {
      rt.charge(1);
      const right = run(rt);
      if (!holds(rt, left, right)) return false;
      left = right;
    }
    return true;
  };
}

/** `and` and `or` answer the operand that decided, as in Python. */
function logic(operands: Operands, all: boolean, nodes: readonly Node[]): Run {
  const runs = nodes.map((node) => operands.compile(node));
  return (rt) => {
    let value: unknown;
    for (const run of runs) {
      rt.charge(1);
      value = run(rt);
      if (truthy(rt, value) !== all) return value;
    }
    return value;
  };
}
