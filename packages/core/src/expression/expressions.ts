import { type Args, invoke, NO_ARGS } from "./arguments.ts";
import { compileChain } from "./chains.ts";
import { describe } from "./describe.ts";
import { FILTERS } from "./filters.ts";
import { FUNCTIONS } from "./functions.ts";
import { member, namedMember, slice } from "./members.ts";
import { callMethod } from "./methods.ts";
import { GROUP, KEYWORDS, TEST, TEST_NOT, TUPLE } from "./names.ts";
import { negated, positive } from "./operators.ts";
import { staticKey, staticPath, undefinedMember, undefinedPath } from "./paths.ts";
import { PREDICATES } from "./predicates.ts";
import { nearest, ProblemError } from "./problem.ts";
import type { Names } from "./references.ts";
import { failed, type Run, type Runtime } from "./runtime.ts";
import { NO_METHOD, Special } from "./specials.ts";
import type { CallNode, FilterNode, MemberNode, Node } from "./syntax.ts";
import { elements, isMap, keysOf, keyText, kindOf, getOwn, setOwn, truthy } from "./values.ts";

/** Levels of syntax in one source. Closures call each other once or twice a level. */
const LEVELS_MAX = 150;

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
  ["null", null],
]);

/**
 * Compiles trees to closures, so that what can be known is decided once: constants, paths, operators, the filter
 * behind a name. No program text is made; the closures below are all there is.
 */
export class Expressions {
  readonly names: Names;
  /** Whether the source appends to lists, so that lists it makes have to be remembered as its own. */
  private readonly appends: boolean;
  private level = 0;
  /** The deepest level met since it was last set. */
  deepest = 0;

  constructor(names: Names, appends: boolean) {
    this.names = names;
    this.appends = appends;
  }

  compile(node: Node): Run {
    this.deepest = Math.max(this.deepest, ++this.level);
    if (this.level > LEVELS_MAX) throw new ProblemError(`the expression is nested deeper than ${LEVELS_MAX} levels`, 0);
    const run = this.expression(node);
    this.level--;
    return run;
  }

  /** Counts a level for statements, which nest as expressions do. */
  nested<T>(work: () => T): T {
    this.deepest = Math.max(this.deepest, ++this.level);
    if (this.level > LEVELS_MAX) throw new ProblemError(`statements are nested deeper than ${LEVELS_MAX} levels`, 0);
    const result = work();
    this.level--;
    return result;
  }

  private expression(node: Node): Run {
    switch (node.type) {
      case "StringLiteral":
      case "IntegerLiteral":
      case "FloatLiteral": {
        const { value } = node;
        return () => value;
      }
      case "Identifier":
        return this.identifier(node.value);
      case "MemberExpression":
        return this.member(node);
      case "CallExpression":
        return this.call(node);
      case "FilterExpression":
        return this.filter(node);
      case "BinaryExpression":
        return compileChain(this, node);
      case "UnaryExpression":
        return this.unary(node.operator.value, node.argument);
      case "Ternary":
        return this.choice(node.condition, node.trueExpr, this.compile(node.falseExpr));
      case "SelectExpression":
        return this.choice(node.test, node.lhs, () => undefined);
      case "ArrayLiteral":
      case "TupleLiteral":
        return this.list(node.value);
      case "ObjectLiteral":
        return this.map(node.value);
      default:
        throw new ProblemError("this is no expression", 0);
    }
  }

  private identifier(name: string): Run {
    const constant = CONSTANTS.get(name);
    if (constant !== undefined) return () => constant;
    if (KEYWORDS.has(name)) throw new ProblemError(`'${name}' is not expected here`, 0, undefined, name);
    this.names.read([name]);
    return this.variable(name);
  }

  private variable(name: string): Run {
    if (!this.names.bound.has(name)) return (rt) => rt.scope.lookup(name);
    return (rt) => {
      for (let frame = rt.frame; frame !== null; frame = frame.parent) {
        rt.charge(1);
        const value = frame.variables.get(name);
        if (value !== undefined || frame.variables.has(name)) return value;
      }
      return rt.scope.lookup(name);
    };
  }

  private member(node: MemberNode): Run {
    const path = staticPath(node);
    if (path !== null && !CONSTANTS.has(path[0]!)) {
      this.names.read(path);
      return this.path(path, node);
    }
    // A static beginning of the way is a reference too; compiling the object records it.
    const object = this.compile(node.object);
    const { property } = node;
    if (property.type === "SliceExpression") {
      const [start, stop, step] = [property.start, property.stop, property.step].map((part) =>
        part ? this.compile(part) : () => undefined,
      ) as [Run, Run, Run];
      return (rt) => {
        rt.charge(1);
        const value = object(rt);
        if (value === undefined) throw undefinedMember(node);
        return slice(rt, value, start(rt), stop(rt), step(rt));
      };
    }
    const name = staticKey(node);
    const key: Run = name === null ? this.compile(property) : () => name;
    return (rt) => {
      rt.charge(1);
      const value = object(rt);
      if (value === undefined) throw undefinedMember(node);
      return member(rt, value, key(rt));
    };
  }

  /** A path of names known beforehand, the commonest expression by far: one loop, no closures within. */
  private path(path: readonly string[], node: MemberNode): Run {
    const root = this.variable(path[0]!);
    const keys = path.slice(1);
    return (rt) => {
      let value = root(rt);
      rt.charge(1);
      for (let at = 0; at < keys.length; at++) {
        if (value === undefined) throw undefinedPath(node, keys.length - at);
        value = namedMember(rt, value, keys[at]!);
      }
      return value;
    };
  }

  private call(node: CallNode): Run {
    const { callee } = node;
    if (callee.type === "Identifier") {
      if (callee.value === GROUP) return this.group(node);
      if (callee.value === TUPLE) return this.list(node.args);
      if (!this.names.bound.has(callee.value)) return this.functionCall(callee.value, node.args);
    }
    const args = this.arguments(node.args);
    if (callee.type === "MemberExpression") return this.methodCall(callee, args);
    const builtin = callee.type === "Identifier" ? FUNCTIONS.get(callee.value) : undefined;
    const target = builtin && callee.type === "Identifier" ? this.variable(callee.value) : this.compile(callee);
    return (rt) => {
      rt.charge(1);
      const value = target(rt);
      // A function keeps its name unless a variable of the template takes it.
      if (value === undefined && builtin !== undefined && callee.type === "Identifier") {
        return invoke(rt, callee.value, builtin, undefined, args(rt));
      }
      const result = value instanceof Special ? value.call(rt, args(rt)) : NO_METHOD;
      if (result === NO_METHOD) throw failed(`${describe(callee)} is ${kindOf(value)} and cannot be called`);
      return result;
    };
  }

  private functionCall(name: string, nodes: readonly Node[]): Run {
    const callable = FUNCTIONS.get(name);
    if (callable === undefined) {
      throw new ProblemError(`there is no function '${name}'`, 0, nearest(name, FUNCTIONS.keys()), name);
    }
    const args = this.arguments(nodes);
    return (rt) => invoke(rt, name, callable, undefined, args(rt));
  }

  private methodCall(callee: MemberNode, args: (rt: Runtime) => Args): Run {
    const object = this.compile(callee.object);
    const name = staticKey(callee);
    if (name === null) throw new ProblemError("a method is called by a name that stands in the source", 0);
    return (rt) => {
      const value = object(rt);
      if (value === undefined) throw undefinedMember(callee);
      return callMethod(rt, value, name, args(rt));
    };
  }

  private group(node: CallNode): Run {
    const [inner, ...rest] = node.args;
    if (inner === undefined || rest.length > 0) throw new ProblemError("a comma or an operator is missing", 0);
    return this.compile(inner);
  }

  /** The names from a root of the scope on, when the expression is nothing else. */
  pathOf(node: Node): readonly string[] | null {
    const path = node.type === "Identifier" ? [node.value] : node.type === "MemberExpression" ? staticPath(node) : null;
    return path === null || CONSTANTS.has(path[0]!) ? null : path;
  }

  /** Evaluates arguments in the order they are written. */
  arguments(nodes: readonly Node[]): (rt: Runtime) => Args {
    if (nodes.length === 0) return () => NO_ARGS;
    const parts = nodes.map((node) => {
      switch (node.type) {
        case "KeywordArgumentExpression":
          return { kind: "named" as const, name: node.key.value, run: this.compile(node.value) };
        case "SpreadExpression":
          return { kind: "spread" as const, name: "", run: this.compile(node.argument) };
        case "KeywordSpreadExpression":
          return { kind: "spreadNamed" as const, name: "", run: this.compile(node.argument) };
        default:
          return { kind: "plain" as const, name: "", run: this.compile(node) };
      }
    });
    if (parts.every((part) => part.kind === "plain")) {
      const runs = parts.map((part) => part.run);
      return (rt) => ({ positional: runs.map((run) => run(rt)), named: null });
    }
    return (rt) => {
      const positional: unknown[] = [];
      const named = new Map<string, unknown>();
      for (const { kind, name, run } of parts) {
        const value = run(rt);
        if (kind === "plain") positional.push(value);
        else if (kind === "named") named.set(name, value);
        else if (kind === "spread") for (const item of elements(rt, value)) positional.push(item);
        else if (isMap(value)) for (const key of keysOf(rt, value)) named.set(key, getOwn(value, key));
        else throw failed(`${kindOf(value)} cannot be unpacked with '**'`);
      }
      return { positional, named: named.size > 0 ? named : null };
    };
  }

  private filter(node: FilterNode): Run {
    return this.filtered(this.compile(node.operand), node.filter);
  }

  /** Applies a filter, or a test that `rewrite` made one, to what `subject` answers. */
  filtered(subject: Run, node: Node): Run {
    const [name, args] =
      node.type === "CallExpression" && node.callee.type === "Identifier"
        ? [node.callee.value, this.arguments(node.args)]
        : [node.type === "Identifier" ? node.value : "", () => NO_ARGS];
    if (name.startsWith(TEST)) {
      const negate = name.startsWith(TEST_NOT);
      const test = name.slice((negate ? TEST_NOT : TEST).length);
      const predicate = PREDICATES.get(test)!;
      return (rt) => truthy(rt, invoke(rt, `the test ${test}`, predicate, subject(rt), args(rt))) !== negate;
    }
    const filter = FILTERS.get(name);
    if (filter === undefined) throw new ProblemError("the name of a filter is missing", 0);
    const label = `the filter ${name}`;
    return (rt) => invoke(rt, label, filter, subject(rt), args(rt));
  }

  private unary(operator: string, argument: Node): Run {
    if (operator === "not") {
      const run = this.compile(argument);
      return (rt) => {
        rt.charge(1);
        return !truthy(rt, run(rt));
      };
    }
    const run = this.defined(argument);
    return operator === "-" ? (rt) => negated(run(rt)) : (rt) => positive(run(rt));
  }

  private choice(test: Node, chosen: Node, otherwise: Run): Run {
    const condition = this.compile(test);
    const then = this.compile(chosen);
    return (rt) => {
      rt.charge(1);
      return truthy(rt, condition(rt)) ? then(rt) : otherwise(rt);
    };
  }

  private list(nodes: readonly Node[]): Run {
    const make = this.arguments(nodes);
    if (nodes.some((node) => node.type.startsWith("Keyword"))) throw new ProblemError("a list has no named members", 0);
    const own = this.appends;
    return (rt) => {
      rt.charge(1 + nodes.length);
      const list = [...make(rt).positional];
      if (own) rt.ownLists.add(list);
      return list;
    };
  }

  private map(nodes: ReadonlyMap<Node, Node>): Run {
    const members = [...nodes].map(([key, value]) => [this.compile(key), this.compile(value)] as const);
    return (rt) => {
      rt.charge(1 + members.length);
      const map: Record<string, unknown> = {};
      for (const [key, value] of members) setOwn(map, keyText(key(rt)), value(rt));
      return map;
    };
  }

  /** Calculating with the undefined is an error that names it. */
  defined(node: Node): Run {
    const run = this.compile(node);
    return (rt) => {
      const value = run(rt);
      if (value === undefined) throw failed(`'${describe(node)}' is undefined`);
      return value;
    };
  }
}
