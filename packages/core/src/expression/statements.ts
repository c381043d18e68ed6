import { describe } from "./describe.ts";
import type { Expressions } from "./expressions.ts";
import { LoopState } from "./loop.ts";
import { Macro, type Parameter } from "./macro.ts";
import { DO, GROUP, TUPLE, WITH } from "./names.ts";
import { ProblemError } from "./problem.ts";
import { targets } from "./references.ts";
import { printed } from "./render.ts";
import { failed, type Run, type Runtime, stopped } from "./runtime.ts";
import { Namespace } from "./specials.ts";
import type { ForNode, MacroNode, Node, SetNode } from "./syntax.ts";
import { elements, isList, kindOf, truthy } from "./values.ts";

/** The text that a template has written so far. */
export class Output {
  text = "";

  write(rt: Runtime, text: string): void {
    if (text === "") return;
    this.text += text;
    rt.charge(text.length >> 8);
    if (this.text.length > rt.bytes) throw stopped(`it makes a text longer than ${rt.bytes} bytes`);
  }
}

/** How a statement ended: 0 as usual, or with a `break` or `continue` on its way to the loop. */
type Signal = 0 | 1 | 2;
const [DONE, BREAK, CONTINUE] = [0, 1, 2] as const;

/** A compiled statement. */
export type Act = (rt: Runtime, out: Output) => Signal;

/** Compiles the statements of a template or of a block within it to one. */
export function compileBody(expressions: Expressions, nodes: readonly Node[]): Act {
  const acts = nodes.filter((node) => node.type !== "Comment").map((node) => statement(expressions, node));
  const [only] = acts;
  if (acts.length === 1 && only !== undefined) return only;
  return (rt, out) => {
    for (const act of acts) {
      const signal = act(rt, out);
      if (signal !== DONE) return signal;
    }
    return DONE;
  };
}

function statement(expressions: Expressions, node: Node): Act {
  switch (node.type) {
    case "StringLiteral": {
      const { value } = node;
      return (rt, out) => {
        rt.charge(1);
        out.write(rt, value);
        return DONE;
      };
    }
    case "Break":
      return () => BREAK;
    case "Continue":
      return () => CONTINUE;
    case "If":
      return choice(expressions, node);
    case "For":
      return expressions.nested(() => loop(expressions, node));
    case "Set":
      return expressions.nested(() => assignment(expressions, node));
    case "Macro":
      return expressions.nested(() => definition(expressions, node));
    case "CallStatement":
      return expressions.nested(() =>
        node.call.callee.type === "Identifier" && node.call.callee.value === WITH
          ? withBlock(expressions, node)
          : callBlock(expressions, node),
      );
    case "FilterStatement":
      return expressions.nested(() => {
        const body = captured(expressions, node.body);
        return printing(expressions.filtered(body, node.filter));
      });
    default:
      return printing(expressions.compile(node));
  }
}

function printing(run: Run): Act {
  return (rt, out) => {
    rt.charge(1);
    out.write(rt, printed(rt, run(rt)));
    return DONE;
  };
}

/** The text that a block writes, as a value. What is set inside stays inside. */
function captured(expressions: Expressions, nodes: readonly Node[]): Run {
  const body = expressions.names.within([], () => compileBody(expressions, nodes));
  return (rt) => {
    const out = new Output();
    inFrame(rt, new Map(), () => body(rt, out));
    return out.text;
  };
}

function inFrame<T>(rt: Runtime, variables: Map<string, unknown>, work: () => T): T {
  const outer = rt.frame;
  rt.frame = { variables, parent: outer };
  try {
    return work();
  } finally {
    rt.frame = outer;
  }
}

function choice(expressions: Expressions, node: Extract<Node, { type: "If" }>): Act {
  const branches: { test: Run; body: Act }[] = [];
  let at = node;
  let otherwise: Act;
  for (;;) {
    const { test, body, alternate } = at;
    branches.push({
      test: expressions.compile(test),
      body: expressions.nested(() => compileBody(expressions, body)),
    });
    const [next] = alternate;
    // `elif` is an `if` alone in the alternate; walking it in a loop keeps long ones flat.
    if (alternate.length === 1 && next?.type === "If") {
      at = next;
      continue;
    }
    otherwise = expressions.nested(() => compileBody(expressions, alternate));
    break;
  }
  return (rt, out) => {
    for (const { test, body } of branches) {
      rt.charge(1);
      if (truthy(rt, test(rt))) return body(rt, out);
    }
    return otherwise(rt, out);
  };
}

function loop(expressions: Expressions, node: ForNode): Act {
  const { names } = expressions;
  const target = assign(expressions, node.loopvar);
  const bound: string[] = [];
  targets(node.loopvar, { add: (name) => bound.push(name) });
  // `for x in list if test` comes as the library's selection; a real one stands in parentheses and is a group.
  const filtered = node.iterable.type === "SelectExpression" ? node.iterable : null;
  const list = expressions.compile(filtered ? filtered.lhs : node.iterable);
  const test = filtered ? names.within(bound, () => expressions.compile(filtered.test)) : null;
  const body = names.within([...bound, "loop"], () => compileBody(expressions, node.body));
  const otherwise = names.within([], () => compileBody(expressions, node.defaultBlock));
  const what = describe(filtered ? filtered.lhs : node.iterable);
  return (rt, out) => {
    const outer = rt.frame;
    let items = iterable(rt, list(rt), what);
    try {
      if (test !== null) {
        items = items.filter((item) => {
          rt.charge(1);
          rt.frame = { variables: new Map(), parent: outer };
          target(rt, item);
          return truthy(rt, test(rt));
        });
      }
      if (items.length === 0) {
        rt.frame = { variables: new Map(), parent: outer };
        return otherwise(rt, out);
      }
      const state = new LoopState(items);
      for (let at = 0; at < items.length; at++) {
        rt.charge(1);
        state.at = at;
        rt.frame = { variables: new Map([["loop", state]]), parent: outer };
        target(rt, items[at]);
        if (body(rt, out) === BREAK) break;
      }
      return DONE;
    } finally {
      rt.frame = outer;
    }
  };
}

function iterable(rt: Runtime, value: unknown, what: string): readonly unknown[] {
  if (typeof value === "number" || typeof value === "boolean" || value === null) {
    throw failed(`${what} is ${kindOf(value)} and cannot be iterated`);
  }
  return elements(rt, value);
}

type Assign = (rt: Runtime, value: unknown) => void;

/** How a value is put to the names of a loop or a `set`: one name, several of a list, or the attribute of a namespace. */
function assign(expressions: Expressions, node: Node): Assign {
  if (node.type === "Identifier") {
    const name = node.value;
    return (rt, value) => {
      rt.frame!.variables.set(name, value);
    };
  }
  if (node.type === "MemberExpression" && node.property.type === "Identifier" && !node.computed) {
    const object = expressions.compile(node.object);
    const name = node.property.value;
    return (rt, value) => {
      const namespace = object(rt);
      if (!(namespace instanceof Namespace)) {
        throw failed(`${describe(node)} cannot be set: only the attributes of a namespace() can`);
      }
      namespace.variables.set(name, value);
    };
  }
  const isTuple = node.type === "CallExpression" && node.callee.type === "Identifier" && node.callee.value === TUPLE;
  const isGroup = node.type === "CallExpression" && node.callee.type === "Identifier" && node.callee.value === GROUP;
  if (isGroup) return assign(expressions, node.args[0]!);
  const parts = node.type === "TupleLiteral" ? node.value : isTuple ? node.args : null;
  if (parts === null) throw new ProblemError(`${describe(node)} cannot be set`, 0, undefined, describe(node));
  const assigns = parts.map((part) => assign(expressions, part));
  return (rt, value) => {
    if (!isList(value)) throw failed(`${kindOf(value)} cannot be unpacked to ${assigns.length} names`);
    if (value.length !== assigns.length) {
      throw failed(`a list of ${value.length} cannot be unpacked to ${assigns.length} names`);
    }
    assigns.forEach((each, at) => each(rt, value[at]));
  };
}

function assignment(expressions: Expressions, node: SetNode): Act {
  const { names } = expressions;
  const bind = (): void => targets(node.assignee, { add: (name: string) => names.bind(name) });
  if (node.value !== null) {
    const value = expressions.compile(node.value);
    if (node.assignee.type === "Identifier" && node.assignee.value === DO) {
      return (rt) => {
        rt.charge(1);
        value(rt);
        return DONE;
      };
    }
    bind();
    const target = assign(expressions, node.assignee);
    return (rt) => {
      rt.charge(1);
      target(rt, value(rt));
      return DONE;
    };
  }
  let text = captured(expressions, node.body);
  let assignee = node.assignee;
  const filters: Node[] = [];
  for (; assignee.type === "FilterExpression"; assignee = assignee.operand) filters.push(assignee.filter);
  for (const filter of filters.toReversed()) text = expressions.filtered(text, filter);
  bind();
  const target = assign(expressions, assignee);
  return (rt) => {
    rt.charge(1);
    target(rt, text(rt));
    return DONE;
  };
}

function parametersOf(expressions: Expressions, nodes: readonly Node[]): readonly Parameter[] {
  return nodes.map((node) =>
    node.type === "KeywordArgumentExpression"
      ? { name: node.key.value, otherwise: expressions.compile(node.value) }
      : { name: node.type === "Identifier" ? node.value : "", otherwise: null },
  );
}

/** Compiles a macro's body, and answers how to make the macro in the frame where its definition is met. */
function macro(
  expressions: Expressions,
  name: string,
  args: readonly Node[],
  body: readonly Node[],
): (rt: Runtime) => Macro {
  const { names } = expressions;
  const before = expressions.deepest;
  const usedBefore = [...names.used];
  expressions.deepest = 0;
  names.used.clear();
  const [parameters, act] = names.within([], () => {
    const parts = parametersOf(expressions, args);
    for (const part of parts) names.bind(part.name);
    for (const extra of ["caller", "varargs", "kwargs"]) names.bind(extra);
    return [parts, compileBody(expressions, body)] as const;
  });
  const levels = expressions.deepest;
  expressions.deepest = Math.max(before, levels);
  const takes = { more: names.used.has("varargs"), named: names.used.has("kwargs"), caller: names.used.has("caller") };
  for (const used of usedBefore) names.used.add(used);
  const write = (rt: Runtime): string => {
    const out = new Output();
    act(rt, out);
    return out.text;
  };
  return (rt) => new Macro({ name, parameters, takes, write, levels }, rt.frame);
}

function definition(expressions: Expressions, node: MacroNode): Act {
  const name = node.name.value;
  expressions.names.bind(name);
  const make = macro(expressions, name, node.args, node.body);
  return (rt) => {
    rt.charge(1);
    rt.frame!.variables.set(name, make(rt));
    return DONE;
  };
}

function callBlock(expressions: Expressions, node: Extract<Node, { type: "CallStatement" }>): Act {
  const { callee, args } = node.call;
  const target = expressions.compile(callee);
  const given = expressions.arguments(args);
  const make = macro(expressions, "caller", node.callerArgs ?? [], node.body);
  return (rt, out) => {
    rt.charge(1);
    const called = target(rt);
    if (!(called instanceof Macro)) throw failed(`${describe(callee)} is ${kindOf(called)} and no macro`);
    out.write(rt, called.run(rt, given(rt), make(rt)));
    return DONE;
  };
}

function withBlock(expressions: Expressions, node: Extract<Node, { type: "CallStatement" }>): Act {
  const values = expressions.arguments(node.call.args);
  const bound: string[] = [];
  for (const arg of node.call.args) {
    if (arg.type !== "KeywordArgumentExpression")
      throw new ProblemError("'with' takes assignments: with a = 1, b = 2", 0);
    bound.push(arg.key.value);
  }
  const body = expressions.names.within(bound, () => compileBody(expressions, node.body));
  return (rt, out) => {
    rt.charge(1);
    const { named } = values(rt);
    return inFrame(rt, new Map(named ?? []), () => body(rt, out));
  };
}
