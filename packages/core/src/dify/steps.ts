import type { DifyFlow, DifyRoot, Selector } from "../workflow/dify-steps.ts";
import type { Locator, ProblemList } from "../workflow/problems.ts";
import type { Dependency, Place, Step } from "../workflow/workflow.ts";
import { reachable, ROOT_KINDS, type DifyEdge, type DifyGraph, type DifyNode } from "./graph.ts";
import type { ImportOptions } from "./options.ts";
import { checkGraph } from "./lint.ts";
import { onErrorOf, type Mapped, type Mapping, type StepCommon } from "./nodes/mapping.ts";
import { MAPPERS } from "./nodes/index.ts";
import { mapsAt, textAt } from "./read.ts";
import type { NodeReport } from "./report.ts";
import { scheduleSpec } from "./schedule.ts";
import { supportOf } from "./support.ts";
import { webhookSpec } from "./webhook.ts";

interface Origin {
  readonly graph: DifyGraph;
  readonly dify: DifyFlow;
  readonly options: ImportOptions;
  readonly problems: ProblemList;
  readonly locator: Locator;
}

/** Roots that a run can begin at. */
const ROOT_TYPES: Readonly<Record<string, DifyRoot["type"]>> = {
  start: "start",
  "trigger-webhook": "webhook",
  "trigger-schedule": "schedule",
  "trigger-plugin": "plugin",
};
/** How deep iterations and loops may stand in each other. */
const DEPTH_MAX = 50;
/** Entries of containers: no steps of their own. */
const ENTRY_KINDS: ReadonlySet<string> = new Set(["iteration-start", "loop-start"]);
/** Nodes whose edges are named by what they decide. */
const BRANCH_KINDS: ReadonlySet<string> = new Set(["if-else", "question-classifier", "human-input"]);

/** The steps of a graph, body by body, and what is said of each node. */
export class GraphSteps {
  readonly all: readonly Step[];
  private readonly origin: Origin;
  private readonly mapped = new Map<string, Mapped>();
  private readonly members = new Map<string | null, DifyNode[]>();
  private readonly incoming = new Map<string, DifyEdge[]>();
  /** Edges within one body, by the container it belongs to. */
  private readonly edges = new Map<string | null, DifyEdge[]>();

  constructor(origin: Origin) {
    this.origin = origin;
    const { graph } = origin;
    for (const node of graph.nodes) push(this.members, node.parent, node);
    for (const edge of graph.edges) {
      const { parent } = graph.byId.get(edge.target)!;
      push(this.incoming, edge.target, edge);
      if (graph.byId.get(edge.source)!.parent === parent) push(this.edges, parent, edge);
    }
    this.all = this.top();
    checkGraph(graph, new Set(this.mapped.keys()), origin.problems);
  }

  /** A line for each node, in the order of the file. */
  reports(): readonly NodeReport[] {
    return this.origin.graph.nodes.map((node) => {
      const { id, kind, title, pointer } = node;
      const known = supportOf(kind);
      const mapped = this.mapped.get(id);
      const isPart = ENTRY_KINDS.has(kind);
      const needs = mapped?.needs ?? [];
      // A model or tool that is not named needs none to be set up; the node then fails with that reason.
      const support = mapped?.support ?? known.support;
      const about = mapped?.about ?? (mapped || isPart ? known.about : NEVER);
      const step = mapped ? stepType(mapped.step) : "";
      return { id, title: title ?? id, kind, step, support, about, needs, place: this.place(pointer) };
    });
  }

  private top(): readonly Step[] {
    const { options, problems } = this.origin;
    const nodes = this.members.get(null) ?? [];
    const roots = nodes.filter(({ kind }) => ROOT_KINDS.has(kind));
    const active =
      roots.find(({ id }) => id === options.root) ?? roots.find(({ kind }) => kind === "start") ?? roots[0];
    if (!active) {
      problems.error({
        code: "no_start",
        message: "The graph has no start node and no trigger.",
        suggestion: "Add a start node.",
        pointer: nodes[0]?.pointer ?? "",
      });
      return [];
    }
    const live = reachable(nodes, this.edges.get(null) ?? [], (node) => ROOT_KINDS.has(node.kind));
    return live.map((node) =>
      ROOT_KINDS.has(node.kind) ? this.root(node, node === active) : this.step(node, false, 0),
    );
  }

  /** One run begins at one root; what stands behind the others counts as skipped. */
  private root(node: DifyNode, isDefault: boolean): Step {
    const type = ROOT_TYPES[node.kind];
    const step = this.step(node, type === undefined && !isDefault, 0);
    if (step.kind !== "start" || type === undefined) return step;
    const schedule = type === "schedule" ? scheduleSpec(node.data) : null;
    const webhook = type === "webhook" ? webhookSpec(node.data) : null;
    return { ...step, root: { type, isDefault, webhook, ...(schedule ? { schedule } : {}) } };
  }

  private inner(container: DifyNode, depth: number): readonly Step[] {
    const nodes = this.members.get(container.id) ?? [];
    if (depth >= DEPTH_MAX) {
      this.origin.problems.error({
        code: "too_deep",
        message: `Iterations and loops stand in each other more than ${DEPTH_MAX} deep.`,
        suggestion: "Flatten the graph.",
        pointer: container.pointer,
      });
      return [];
    }
    const entry = textAt(container.data, "start_node_id");
    const isEntry = ({ id, kind, data }: DifyNode): boolean =>
      id === entry || ENTRY_KINDS.has(kind) || data["isIterationStart"] === true;
    const live = reachable(nodes, this.edges.get(container.id) ?? [], isEntry);
    return live.flatMap((node) => (ENTRY_KINDS.has(node.kind) ? [] : [this.step(node, false, depth)]));
  }

  private step(node: DifyNode, isInactive: boolean, depth: number): Step {
    const { graph, problems, dify, options } = this.origin;
    const { data, kind } = node;
    const common: StepCommon = {
      id: node.stepId,
      title: node.title,
      place: this.place(node.pointer),
      dependsOn: this.dependencies(node),
      when: isInactive ? "false" : null,
      join: "any",
      onError: onErrorOf(node),
      timeoutMs: null,
    };
    const mapping: Mapping = {
      graph,
      node,
      data,
      common,
      problems,
      isChat: dify.mode === "advanced-chat",
      limits: options.limits ?? null,
      typeOf: (target) => this.typeOf(node, target),
      inner: () => this.inner(node, depth + 1),
      members: this.members.get(node.id) ?? [],
    };
    const known = supportOf(kind);
    const mapper = Object.hasOwn(MAPPERS, kind) ? MAPPERS[kind] : undefined;
    const mapped: Mapped = mapper
      ? mapper(mapping)
      : { step: { ...common, kind: "refuse", what: kind, reason: known.about.replace(/\.$/, "") } };
    this.mapped.set(node.id, mapped);
    return mapped.step;
  }

  /** Edges from nodes of the same body. Those of a container's entry are where the body begins. */
  private dependencies(node: DifyNode): readonly Dependency[] {
    const { graph } = this.origin;
    return (this.incoming.get(node.id) ?? []).flatMap(({ source, handle, pointer }) => {
      const from = graph.byId.get(source)!;
      if (from.parent !== node.parent || ENTRY_KINDS.has(from.kind)) return [];
      return [{ step: from.stepId, handle: handleOf(from, handle), place: this.place(pointer) }];
    });
  }

  /** Type of a variable that a node may set: one of the conversation, or of a loop around it. */
  private typeOf(node: DifyNode, [holder, name]: Selector): string | null {
    const { graph, dify } = this.origin;
    if (holder === "conversation")
      return Object.hasOwn(dify.conversation, name!) ? dify.conversation[name!]!.type : null;
    for (let at = graph.byId.get(node.parent ?? ""); at; at = graph.byId.get(at.parent ?? "")) {
      if (at.stepId !== holder || at.kind !== "loop") continue;
      const declared = mapsAt(at.data, "loop_variables").find(({ map }) => textAt(map, "label") === name);
      return declared ? textAt(declared.map, "var_type", "string") : null;
    }
    return null;
  }

  private place(pointer: string): Place {
    return this.origin.locator.locate(pointer);
  }
}

const NEVER = "Nothing leads to it, so it never runs.";

/**
 * The handle of an edge here. Branching nodes name theirs; the plain edge of any other node is taken whenever it
 * succeeds, by whatever name it has.
 */
function handleOf(from: DifyNode, handle: string): string | null {
  if (handle === "fail-branch") return "error";
  if (!BRANCH_KINDS.has(from.kind)) return null;
  return from.kind === "human-input" && /^__timeout(__)?$/.test(handle) ? "timeout" : handle;
}

function stepType(step: Step): string {
  if (step.kind === "work") return step.type;
  return step.kind === "end" && step.gives === "answer" ? "answer" : step.kind;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
}
