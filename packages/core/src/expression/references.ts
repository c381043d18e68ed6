import type { Node } from "./syntax.ts";

/** A value of the scope that an expression reads: the names from the root on, as far as they are known beforehand. */
export interface Reference {
  readonly path: readonly string[];
}

/**
 * The names of one source: which are the template's own at this place, and which reach into the scope.
 * Names bound anywhere in the template are looked up frame by frame; all others go to the scope at once.
 */
export class Names {
  /** Every name that the template binds somewhere. */
  readonly bound: ReadonlySet<string>;
  /** Every name read so far. A macro looks here whether its body takes further arguments. */
  readonly used = new Set<string>();
  private readonly scopes: Set<string>[] = [new Set()];
  private readonly references = new Map<string, Reference>();

  constructor(body: readonly Node[]) {
    const bound = new Set<string>();
    collect(body, bound);
    this.bound = bound;
  }

  bind(name: string): void {
    this.scopes.at(-1)!.add(name);
  }

  /** Runs `work` with a scope of its own, in which the names are bound. */
  within<T>(names: readonly string[], work: () => T): T {
    this.scopes.push(new Set(names));
    try {
      return work();
    } finally {
      this.scopes.pop();
    }
  }

  isBound(name: string): boolean {
    return this.scopes.some((scope) => scope.has(name));
  }

  read(path: readonly string[]): void {
    this.used.add(path[0]!);
    if (this.isBound(path[0]!)) return;
    this.references.set(JSON.stringify(path), { path: Object.freeze([...path]) });
  }

  roots(): readonly Reference[] {
    return Object.freeze([...this.references.values()]);
  }
}

function collect(body: readonly Node[], bound: Set<string>): void {
  for (const node of body) {
    switch (node.type) {
      case "If":
        collect(node.body, bound);
        collect(node.alternate, bound);
        break;
      case "For":
        bound.add("loop");
        targets(node.loopvar, bound);
        collect(node.body, bound);
        collect(node.defaultBlock, bound);
        break;
      case "Set":
        targets(node.assignee, bound);
        collect(node.body, bound);
        break;
      case "Macro":
        bound.add(node.name.value);
        parameters(node.args, bound);
        collect(node.body, bound);
        break;
      case "CallStatement":
        parameters(node.call.args, bound);
        parameters(node.callerArgs ?? [], bound);
        collect(node.body, bound);
        break;
      case "FilterStatement":
        collect(node.body, bound);
        break;
    }
  }
}

function parameters(args: readonly Node[], bound: Set<string>): void {
  for (const name of ["caller", "varargs", "kwargs"]) bound.add(name);
  for (const arg of args) {
    if (arg.type === "Identifier") bound.add(arg.value);
    else if (arg.type === "KeywordArgumentExpression") bound.add(arg.key.value);
  }
}

/** The names that an assignment or a loop binds. */
export function targets(node: Node, bound: { add(name: string): unknown }): void {
  if (node.type === "Identifier") bound.add(node.value);
  else if (node.type === "TupleLiteral") for (const item of node.value) targets(item, bound);
  else if (node.type === "CallExpression") for (const item of node.args) targets(item, bound);
  else if (node.type === "FilterExpression") targets(node.operand, bound);
}
