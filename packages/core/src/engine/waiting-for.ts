import { timedTask } from "./command.ts";
import type { RunState } from "./state.ts";

/** Why a run does not move: a stable code, and the same in words. */
export interface WaitingFor {
  readonly code: "slot" | "start_time" | "approval" | "signal" | "time" | "retry" | "pool";
  readonly message: string;
  readonly scope: string | null;
  readonly node: string | null;
  /** When it goes on by itself, in milliseconds; null when it needs somebody. */
  readonly until: number | null;
}

/** Null while some task of the run is being done, or the run has ended. */
export function waitingFor(state: RunState): WaitingFor | null {
  if (state.status === "pending") return pendingFor(state);
  if (state.status !== "running" || state.undecided.length > 0) return null;
  for (const command of state.owed.values()) if (command.type === "dispatch_task") return null;
  let next: WaitingFor | null = null;
  for (const { scope, node, waiting, dueAt } of state.waiting.values()) {
    const place = { scope, node, until: dueAt };
    switch (waiting.type) {
      case "approval":
        return { code: "approval", message: `step ${node} waits for a person: ${waiting.title}`, ...place };
      case "signal":
        return { code: "signal", message: `step ${node} waits for the signal ${waiting.name}`, ...place };
      case "time":
        next = earlier(next, { code: "time", message: `step ${node} waits until ${iso(dueAt)}`, ...place });
    }
  }
  for (const command of state.owed.values()) {
    const timed = command.type === "arm_timer" ? timedTask(command.id) : null;
    if (timed === null || command.type !== "arm_timer" || !isRetry(state, timed)) continue;
    const message = `step ${timed.node} is tried again at ${iso(command.dueAt)} (attempt ${timed.attempt})`;
    next = earlier(next, { code: "retry", message, scope: timed.scope, node: timed.node, until: command.dueAt });
  }
  return next;
}

/** The other timers belong to waits, which are named above, and to the time limits of containers. */
function isRetry(state: RunState, { scope, node }: { readonly scope: string; readonly node: string }): boolean {
  return state.scopes.get(scope)?.body.byId.get(node)?.kind === "work";
}

function pendingFor(state: RunState): WaitingFor | null {
  const waits = state.created?.waits;
  if (!waits) return null;
  if (waits.type === "slot")
    return {
      code: "slot",
      message: `another run holds the concurrency key ${waits.key}`,
      scope: null,
      node: null,
      until: null,
    };
  return {
    code: "start_time",
    message: `the run starts at ${iso(waits.until)}`,
    scope: null,
    node: null,
    until: waits.until,
  };
}

function earlier(a: WaitingFor | null, b: WaitingFor): WaitingFor {
  return a !== null && (a.until ?? Infinity) <= (b.until ?? Infinity) ? a : b;
}

function iso(ms: number | null): string {
  return ms === null ? "an open time" : new Date(ms).toISOString();
}
