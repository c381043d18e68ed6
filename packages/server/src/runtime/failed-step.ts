import type { Decision, RerunTarget, RunEvent } from "@weftwork/core";

/**
 * The innermost step that failed a run: a run names the container in its root, and a retry should compute only the item
 * or the round in it that failed. A failure goes up through its containers within one decision. Null when no step failed
 * the run.
 */
export function failedStep(decisions: readonly Decision[]): RerunTarget | null {
  for (const { events } of decisions.toReversed()) {
    const ended = events.findLast((event) => event.type === "run_failed");
    if (!ended) continue;
    if (ended.scope === null || ended.node === null) return null;
    return innermost(events, { scope: ended.scope, node: ended.node });
  }
  return null;
}

function innermost(events: readonly RunEvent[], at: RerunTarget): RerunTarget {
  const inner = events.findLast((event) => event.type === "task_failed" && isInside(event.scope, at));
  return inner?.type === "task_failed" ? innermost(events, { scope: inner.scope, node: inner.node }) : at;
}

/** Whether a scope is one that the container opened: an item, a round, or a nested workflow. */
function isInside(scope: string, { scope: around, node }: RerunTarget): boolean {
  const path = around === "root" ? node : `${around}/${node}`;
  return scope.startsWith(path) && /^(?:\[\d+\]|#\d+)?$/.test(scope.slice(path.length));
}
