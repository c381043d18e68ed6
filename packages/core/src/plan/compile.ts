import type { Place, Problem, Step, Workflow } from "../workflow/workflow.ts";
import { contentOf } from "./content.ts";
import { cycleIn, edgesOf } from "./edges.ts";
import { nodeOfStep } from "./node.ts";
import type { Body, Edge, ForEachNode, LoopNode, Plan, PlanNode, WorkflowNode, WorkNode } from "./plan.ts";
import { StepReader, type Locate, type Read } from "./reader.ts";
import { difySecretsOf, outwardFields } from "./secrets.ts";
import { checkReads, type Sight } from "./sight.ts";

export interface CompileOptions {
  readonly version: string;
  /** Hash of the content that was published. */
  readonly hash: string;
  /** A cryptographic hash of a text, as hex: core has none of its own. */
  readonly digest: (text: string) => string;
  readonly locate?: Locate;
  /** Fields that steps of an own type send outside: there, secrets may stand. Those of the language are known. */
  readonly outwardFields?: (type: string) => readonly string[];
  /** Names of the secrets there are; left out: nobody has looked, and none is missed. */
  readonly secretNames?: ReadonlySet<string>;
  /** Pointer of the workflow within its document: `/workflow`, or empty. */
  readonly pointer?: string;
}

export type Compiled =
  | { readonly ok: true; readonly plan: Plan; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * A workflow as a plan: every edge and reference resolved, every expression parsed, or all that is wrong with it.
 * Problems of severity `warning` do not stand in the way.
 */
export function compile(workflow: Workflow, options: CompileOptions): Compiled {
  const build = new Build(workflow, options);
  const plan = build.plan();
  if (build.problems.some((problem) => problem.severity === "error")) return { ok: false, problems: build.problems };
  return { ok: true, plan, problems: build.problems };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
const NONE: ReadonlySet<string> = new Set();
type Outer = { readonly body: number; readonly node: number; readonly sight: Sight };

class Build {
  readonly problems: Problem[] = [];
  private readonly bodies: Mutable<Body>[] = [];
  /** Steps that control expressions read, as `body/node`. */
  private readonly controlRead = new Set<string>();
  private readonly workflow: Workflow;
  private readonly options: CompileOptions;
  private readonly locate: Locate;
  private readonly outward = (type: string): readonly string[] =>
    outwardFields(type) ?? this.options.outwardFields?.(type) ?? [];

  constructor(workflow: Workflow, options: CompileOptions) {
    this.workflow = workflow;
    this.options = options;
    this.locate = options.locate ?? (() => null);
  }

  plan(): Plan {
    const { workflow, options } = this;
    const pointer = options.pointer ?? "";
    const { sight } = this.body(workflow.steps, `${pointer}/steps`, null);
    const reader = this.reader(pointer, { line: 1, column: 1 });
    const outputs = workflow.outputs === null ? null : reader.template("outputs", workflow.outputs);
    const key = workflow.concurrency === null ? null : reader.template("concurrency/key", workflow.concurrency.key);
    this.noteReads(checkReads(reader, { ...sight, self: null }), reader.reads, sight);
    if (outputs === null && !workflow.dify)
      for (const node of this.bodies[0]!.last) this.controlRead.add(`0/${node.index}`);
    this.markControlReads();
    const nested = new Set(
      this.bodies.flatMap((body) => body.nodes.flatMap((node) => (node.kind === "workflow" ? [node.nested] : []))),
    );
    return {
      workflow,
      name: workflow.name,
      version: options.version,
      hash: options.hash,
      bodies: this.bodies,
      outputs,
      concurrencyKey: key,
      env: workflow.env,
      nested: [...nested],
    };
  }

  private reader(pointer: string, place: Place): StepReader {
    return new StepReader(pointer, place, this.locate, this.problems, this.workflow.dify !== undefined);
  }

  /** Builds one body and, inside out, the bodies of its containers. Returns the outer steps it reads. */
  private body(
    steps: readonly Step[],
    pointer: string,
    outer: Outer | null,
  ): { readonly sight: Sight; readonly readsOutside: ReadonlySet<string>; readonly index: number } {
    const index = this.bodies.length;
    const body: Mutable<Body> = {
      index,
      nodes: [],
      byId: new Map(),
      incoming: [],
      entries: [],
      last: [],
      parent: outer && { body: outer.body, node: outer.node },
    };
    this.bodies.push(body);
    const sight: Sight = {
      steps: new Map(steps.map((step, i) => [step.id, { body: index, node: i }])),
      outer: outer?.sight ?? null,
      container: outer ? this.containerKind(outer) : null,
      inputs: this.workflow.inputs,
      self: null,
    };
    const readsOutside = new Set<string>();
    const nodes: Mutable<PlanNode>[] = [];
    const readsOf = steps.map((step, i) => this.step(step, i, `${pointer}/${i}`, index, sight, nodes, readsOutside));
    this.connect(body, steps, nodes, readsOf, pointer);
    return { sight, readsOutside, index };
  }

  private containerKind(outer: Outer): "for_each" | "loop" {
    return this.stepAt(outer).kind === "loop" ? "loop" : "for_each";
  }

  private readonly stepsByBody: Step[][] = [];

  private stepAt({ body, node }: { readonly body: number; readonly node: number }): Step {
    return this.stepsByBody[body]![node]!;
  }

  /** Adds the node of a step. Returns the steps of its own body that it reads; those further out are noted. */
  private step(
    step: Step,
    i: number,
    pointer: string,
    bodyIndex: number,
    sight: Sight,
    nodes: Mutable<PlanNode>[],
    readsOutside: Set<string>,
  ): ReadonlySet<string> {
    (this.stepsByBody[bodyIndex] ??= [])[i] = step;
    const reader = this.reader(pointer, step.place);
    const own = { ...sight, self: step.id };
    const reads = new Set<string>();
    const note = (names: readonly string[]): void => {
      for (const name of names) (sight.steps.has(name) ? reads : readsOutside).add(name);
    };
    let inner = -1;
    let innerSight: Sight | null = null;
    if (step.kind === "for_each" || step.kind === "loop") {
      const built = this.body(step.steps, `${pointer}/steps`, { body: bodyIndex, node: i, sight: own });
      inner = built.index;
      innerSight = built.sight;
      note([...built.readsOutside]);
    }
    if (step.kind === "workflow" && step.id === "root" && bodyIndex === 0)
      reader.problem("reserved_id", "root is the scope of the run itself", "give this step another id");
    const hash = this.options.digest(contentOf(step, this.workflow.env));
    const { id, join, onError, timeoutMs } = step;
    const base = {
      index: i,
      body: bodyIndex,
      id,
      step,
      join,
      onError,
      timeoutMs,
      hash,
      outgoing: [] as [],
      incomingTakeable: 0,
      readByControl: false,
    };
    const node = nodeOfStep(step, base, inner, reader, this.outward) as Mutable<PlanNode>;
    nodes[i] = node;
    const { dify, env } = this.workflow;
    if (dify && node.kind === "work" && step.kind === "work")
      (node as Mutable<WorkNode>).secrets = difySecretsOf(step.config, env, dify.secrets);
    if (node.kind === "work" && node.secrets) this.noteMissingSecrets(node.secrets.names, reader);
    const names = checkReads(reader, own);
    this.noteReads(names, reader.reads, sight);
    note(names);
    if (node.kind === "work") (node as Mutable<WorkNode>).reads = names;
    if (innerSight) note(this.closing(step, node as Mutable<ForEachNode> | Mutable<LoopNode>, pointer, innerSight));
    if (step.kind === "aggregate") note(this.aggregated(step, reader, sight));
    // What an end gives is read once more when the run ends.
    if (step.kind === "end") this.controlRead.add(`${bodyIndex}/${i}`);
    return reads;
  }

  /** Not an error: a workflow may be published before its secrets are there. */
  private noteMissingSecrets(names: readonly string[], reader: StepReader): void {
    const { secretNames } = this.options;
    for (const name of names) {
      if (secretNames === undefined || secretNames.has(name)) continue;
      const suggestion = `store it with weft secrets set ${name}, or set WEFT_SECRET_${name} for the server`;
      reader.problem("unknown_secret", `there is no secret ${name} yet`, suggestion, undefined, "warning");
    }
  }

  /** Parses what is asked at the end of each item or round, inside the inner body. Returns outer steps it reads. */
  private closing(
    step: Step,
    node: Mutable<ForEachNode> | Mutable<LoopNode>,
    pointer: string,
    sight: Sight,
  ): readonly string[] {
    const reader = this.reader(pointer, step.place);
    if (step.kind === "for_each" || step.kind === "loop")
      node.collect = step.collect === null ? null : reader.template("collect", step.collect);
    if (step.kind === "loop" && node.kind === "loop") {
      const { until } = step;
      const isText = until === null || typeof until === "string";
      node.until = isText ? reader.expression("until", until) : reader.check("until", until);
    }
    // The items of an imported iteration are put together by its own rule.
    if (step.kind === "for_each" && step.dify) this.controlRead.add(`${node.body}/${node.index}`);
    const names = checkReads(reader, { ...sight, self: null });
    this.noteReads(names, reader.reads, sight);
    return names.filter((name) => !sight.steps.has(name));
  }

  private aggregated(step: Extract<Step, { kind: "aggregate" }>, reader: StepReader, sight: Sight): readonly string[] {
    return step.from.filter((name, i) => {
      const at = sight.steps.get(name);
      if (at) {
        if (step.mode === "merge") this.controlRead.add(`${at.body}/${at.node}`);
        return true;
      }
      reader.problem(
        "unknown_step",
        `aggregate names the step ${name}, and there is none in this body`,
        null,
        `${reader.pointer}/from/${i}`,
      );
      return false;
    });
  }

  /** Remembers which steps control expressions read, wherever they stand. */
  private noteReads(names: readonly string[], reads: readonly Read[], sight: Sight): void {
    const control = new Set(reads.filter((read) => read.kind === "control").map((read) => read.reference.path[1]));
    for (const name of names) {
      if (!control.has(name)) continue;
      for (let at: Sight | null = sight; at !== null; at = at.outer) {
        const found = at.steps.get(name);
        if (!found) continue;
        this.controlRead.add(`${found.body}/${found.node}`);
        break;
      }
    }
  }

  private connect(
    body: Mutable<Body>,
    steps: readonly Step[],
    nodes: Mutable<PlanNode>[],
    readsOf: readonly ReadonlySet<string>[],
    pointer: string,
  ): void {
    // In an imported graph a reference orders nothing: its edges alone do.
    const edges = edgesOf(steps, this.workflow.dify ? readsOf.map(() => NONE) : readsOf);
    const cycle = cycleIn(steps.length, edges);
    if (cycle) {
      const names = cycle.map((i) => steps[i]!.id).join(" → ");
      const reader = this.reader(`${pointer}/${cycle[0]}`, steps[cycle[0]!]!.place);
      reader.problem(
        "cycle",
        `the steps wait for each other: ${names}`,
        "remove one of these references or dependencies",
      );
    }
    const incoming = steps.map(() => 0);
    const sources = steps.map(() => new Map<string, number>());
    for (const { from, edge } of edges) {
      (nodes[from]!.outgoing as Edge[]).push(edge);
      incoming[edge.to]! += 1;
      if (edge.orderOnly) continue;
      nodes[edge.to]!.incomingTakeable += 1;
      sources[edge.to]!.set(steps[from]!.id, from);
    }
    nodes.forEach((node, i) => {
      if ((node.kind !== "work" && node.kind !== "workflow") || this.workflow.dify) return;
      const defaulted = sources[i]!.size === 0 ? null : [...sources[i]!.keys()];
      (node as Mutable<WorkNode> | Mutable<WorkflowNode>).defaultInput = defaulted;
      if (node.kind === "work") (node as Mutable<WorkNode>).reads = [...new Set([...node.reads, ...(defaulted ?? [])])];
      else if (node.inputs === null)
        for (const from of sources[i]!.values()) this.controlRead.add(`${body.index}/${from}`);
    });
    body.nodes = nodes;
    body.byId = new Map(nodes.map((node) => [node.id, node]));
    body.incoming = incoming;
    body.entries = nodes.filter((_, i) => incoming[i] === 0);
    body.last = nodes.filter((node) => node.outgoing.every((edge) => edge.orderOnly));
  }

  /** A container whose value is read keeps the values its items end with. */
  private markControlReads(): void {
    for (const body of this.bodies) {
      const { parent } = body;
      if (parent !== null && this.controlRead.has(`${parent.body}/${parent.node}`))
        for (const node of body.last) this.controlRead.add(`${body.index}/${node.index}`);
      this.markAggregated(body);
      for (const node of body.nodes as Mutable<PlanNode>[]) {
        node.readByControl = this.controlRead.has(`${body.index}/${node.index}`);
      }
    }
  }

  /** The value of an aggregate is made of those it names. */
  private markAggregated(body: Mutable<Body>): void {
    const due = body.nodes.filter((node) => this.controlRead.has(`${body.index}/${node.index}`));
    for (let node = due.pop(); node !== undefined; node = due.pop()) {
      if (node.kind !== "aggregate") continue;
      for (const step of node.from) {
        const source = body.byId.get(step);
        const key = `${body.index}/${source?.index}`;
        if (!source || this.controlRead.has(key)) continue;
        this.controlRead.add(key);
        due.push(source);
      }
    }
  }
}
