import type { Reference } from "../expression/parse.ts";
import type { Plan, PlanNode } from "./plan.ts";

/** Work steps that never ask for the input they did not name. Of all others it is assumed that they do. */
const WITHOUT_INPUT: ReadonlySet<string> = new Set(["template", "http"]);

/** What a node reads outside of steps: which inputs of its workflow, and whether variables. */
interface Reading {
  readonly inputs: Set<string>;
  /** It reads the inputs as a whole, or by a name that is not known beforehand. */
  all: boolean;
  vars: boolean;
}

/**
 * The nodes of a plan that do something else when these inputs of its workflow are others: those that read one of them,
 * or a variable that such a node assigns. A container does when a step inside of it does.
 */
export function readersOf(plan: Plan, inputs: ReadonlySet<string>): ReadonlySet<PlanNode> {
  const readers = new Set<PlanNode>();
  if (inputs.size === 0) return readers;
  const nodes = plan.bodies.flatMap((body) => body.nodes);
  const readings = new Map(nodes.map((node) => [node, readingOf(node)] as const));
  for (const [node, reading] of readings) if (readsOne(reading, inputs)) mark(plan, node, readers);
  if ([...readers].some((node) => node.kind === "assign"))
    for (const [node, { vars }] of readings) if (vars) mark(plan, node, readers);
  return readers;
}

/** Whether what a container does around its steps (its items, its start values) is another with these inputs. */
export function shellReads(node: PlanNode, inputs: ReadonlySet<string>): boolean {
  return inputs.size > 0 && readsOne(readingOf(node), inputs);
}

function readsOne({ all, inputs }: Reading, wanted: ReadonlySet<string>): boolean {
  return all || [...inputs].some((name) => wanted.has(name));
}

/** The node, and the containers around it. */
function mark(plan: Plan, node: PlanNode, readers: Set<PlanNode>): void {
  for (let at: PlanNode | undefined = node; at !== undefined;) {
    readers.add(at);
    const around: Plan["bodies"][number]["parent"] = plan.bodies[at.body]!.parent;
    at = around ? plan.bodies[around.body]!.nodes[around.node] : undefined;
  }
}

function readingOf(node: PlanNode): Reading {
  const reading: Reading = { inputs: new Set(), all: takesWhole(node), vars: false };
  for (const { path } of referencesOf(node)) {
    if (path[0] === "vars" || path[0] === "loop") reading.vars = true;
    if (path[0] !== "inputs") continue;
    if (path[1] === undefined) reading.all = true;
    else reading.inputs.add(path[1]);
  }
  return reading;
}

/** Whether it gets the inputs of the workflow because it names no input of its own, and follows no step. */
function takesWhole(node: PlanNode): boolean {
  // What an imported graph begins with are the inputs themselves.
  if (node.kind === "start") return true;
  if (node.kind === "workflow") return node.inputs === null && node.defaultInput === null;
  if (node.kind !== "work" || node.defaultInput !== null || WITHOUT_INPUT.has(node.type)) return false;
  return node.step.kind === "work" && !Object.hasOwn(node.step.config, "input");
}

function referencesOf(node: PlanNode): readonly Reference[] {
  return [...(node.when?.roots ?? []), ...ownReferences(node)];
}

function ownReferences(node: PlanNode): readonly Reference[] {
  switch (node.kind) {
    case "work":
      return node.config.roots;
    case "switch":
      return node.cases.flatMap(({ when }) => when.roots);
    case "for_each":
      return [...node.items.roots, ...(node.collect?.roots ?? [])];
    case "loop":
      return [...node.vars.roots, ...(node.until?.roots ?? []), ...(node.collect?.roots ?? [])];
    case "workflow":
      return node.inputs?.roots ?? [];
    case "approval":
      return node.prompt.roots;
    case "wait":
      if (node.on.type === "signal") return [];
      return node.on.type === "for" ? node.on.duration.roots : node.on.time.roots;
    case "aggregate":
      return node.value?.roots ?? [];
    case "end":
      return node.value.roots;
    case "start":
    case "refuse":
      return [];
    case "assign":
      return node.variables.roots;
  }
}
