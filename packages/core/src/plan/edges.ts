import type { Step } from "../workflow/workflow.ts";
import type { Edge } from "./plan.ts";

/** Edges of one body while it is built, by source. */
export interface DraftEdge {
  readonly from: number;
  readonly edge: Edge;
}

/**
 * The edges of a body. A step that names `depends_on` has those, and only waits for the other steps it reads; one that
 * does not has the steps it reads as its edges.
 */
export function edgesOf(steps: readonly Step[], readsOf: readonly ReadonlySet<string>[]): DraftEdge[] {
  const indexOf = new Map(steps.map((step, i) => [step.id, i]));
  const edges: DraftEdge[] = [];
  steps.forEach((step, to) => {
    const depended = new Set<string>();
    for (const { step: source, handle } of step.dependsOn ?? []) {
      const from = indexOf.get(source);
      if (from === undefined) continue;
      depended.add(source);
      edges.push({ from, edge: { to, handle, orderOnly: false } });
    }
    for (const source of readsOf[to]!) {
      const from = indexOf.get(source);
      if (from === undefined || from === to || depended.has(source)) continue;
      edges.push({ from, edge: { to, handle: null, orderOnly: step.dependsOn !== null } });
    }
  });
  return edges;
}

/** The indexes along one cycle, first again at the end; null when there is none. */
export function cycleIn(count: number, edges: readonly DraftEdge[]): number[] | null {
  const next: number[][] = Array.from({ length: count }, () => []);
  for (const { from, edge } of edges) next[from]!.push(edge.to);
  const left = Array.from({ length: count }, () => 0);
  for (const { edge } of edges) left[edge.to]! += 1;
  const ready = left.flatMap((degree, i) => (degree === 0 ? [i] : []));
  let ordered = 0;
  for (let i = ready.pop(); i !== undefined; i = ready.pop()) {
    ordered += 1;
    for (const to of next[i]!) if ((left[to]! -= 1) === 0) ready.push(to);
  }
  if (ordered === count) return null;
  // Every node that is left has a predecessor that is left; walking backwards must come round.
  const previous: number[] = [];
  for (const { from, edge } of edges) if (left[from]! > 0 && left[edge.to]! > 0) previous[edge.to] = from;
  let at = left.findIndex((degree) => degree > 0);
  const seen = new Set<number>();
  while (!seen.has(at)) {
    seen.add(at);
    at = previous[at]!;
  }
  const cycle = [at];
  for (let back = previous[at]!; back !== at; back = previous[back]!) cycle.push(back);
  cycle.push(at);
  return cycle.toReversed();
}
