import type { Payload } from "../base/payload.ts";
import { assignDify } from "./dify-view.ts";
import type { LoopState, ScopeState } from "./state.ts";

/**
 * A variable is set where its name is known: the nearest loop around that declares it. Otherwise at the border: an
 * item of a `for_each` has its own copy, a nested workflow sees nothing of its caller, and past them lies the root.
 */
export function assign(scope: ScopeState, name: string, value: Payload): void {
  if (scope.plan.workflow.dify) {
    assignDify(scope, name, value);
    return;
  }
  let at = scope;
  while (at.parent?.node.kind === "loop") {
    const { scope: around, node } = at.parent;
    if (node.varNames.includes(name)) {
      (around.tasks[node.index]!.container as LoopState).assigned.set(name, value);
      return;
    }
    at = around;
  }
  (at.vars ??= new Map()).set(name, value);
}
