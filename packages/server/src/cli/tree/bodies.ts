import type { WorkflowGraph } from "@weftwork/sdk";

/** The steps of one body (a workflow, or what stands in a container), with what each waits for. */
export interface Body {
  /** In the author's order. */
  readonly steps: readonly BodyStep[];
  readonly byId: ReadonlyMap<string, BodyStep>;
}

export interface BodyStep {
  readonly id: string;
  readonly type: string;
  /** `work`, or the kind of control step. */
  readonly kind: string;
  /** Steps of the same body that must have ended before it begins. */
  readonly after: readonly string[];
  /** Steps of the same body that wait for it. */
  readonly before: readonly string[];
  /** Whether what waits for it goes on when it fails. */
  readonly mayFail: boolean;
  /** The workflow it calls, as `name@version`; null for other kinds. */
  readonly nested: string | null;
}

/** The bodies of a workflow, by the ids of the containers around them joined by `/`; its own body has none. */
export type Bodies = ReadonlyMap<string, Body>;

/** Cuts the graph of a plan into its bodies. */
export function bodiesOf(graph: Pick<WorkflowGraph, "nodes" | "edges">): Bodies {
  const places = new Map(graph.nodes.map(({ id, step, parent }) => [id, { step, parent: parent ?? "" }]));
  const after = new Map<string, Set<string>>();
  const before = new Map<string, Set<string>>();
  for (const { from, to } of graph.edges) {
    const [source, target] = [places.get(from), places.get(to)];
    // What refers to a step outside its container waits for nothing: the container has waited.
    if (!source || !target || source.parent !== target.parent) continue;
    listed(after, to).add(source.step);
    listed(before, from).add(target.step);
  }
  const bodies = new Map<string, BodyStep[]>();
  for (const { id, step, type, kind, parent, nested, on_error: onError } of graph.nodes) {
    const mayFail = onError !== "fail";
    const one = {
      id: step,
      type,
      kind,
      nested,
      mayFail,
      after: [...listed(after, id)],
      before: [...listed(before, id)],
    };
    const body = bodies.get(parent ?? "");
    if (body) body.push(one);
    else bodies.set(parent ?? "", [one]);
  }
  return new Map(
    [...bodies].map(([path, steps]) => [path, { steps, byId: new Map(steps.map((step) => [step.id, step])) }]),
  );
}

function listed(map: Map<string, Set<string>>, key: string): Set<string> {
  const found = map.get(key);
  if (found) return found;
  const made = new Set<string>();
  map.set(key, made);
  return made;
}
