import type { Decision, RunEvent } from "./event.ts";
import { parsePart, partsOf } from "./way.ts";

/**
 * Whether a run has come to a scope: its item, round or nested workflow was begun, and those around it. What lies inside
 * something that was taken over from an earlier run stands in the record of that one; it counts as begun.
 */
export function wasOpened(decisions: Iterable<Decision>, scope: string): boolean {
  const parts = partsOf(scope);
  const steps = parts.map((part, i) => ({
    scope: parts.slice(0, i + 1).join("/"),
    parent: i === 0 ? "root" : parts.slice(0, i).join("/"),
    ...(parsePart(part) ?? { node: part, position: null }),
    before: part.replace(/#\d+$/, (round) => `#${Number(round.slice(1)) - 1}`),
  }));
  const opened = new Set<string>();
  let taken = Infinity;
  for (const { events } of decisions) {
    for (const event of events) {
      const at = steps.findIndex((step) => opens(event, step));
      if (at !== -1) opened.add(steps[at]!.scope);
      const copy = steps.findIndex((step) => takesOver(event, step));
      if (copy !== -1) taken = Math.min(taken, copy);
    }
  }
  return steps.every((step, i) => i >= taken || opened.has(step.scope));
}

interface Step {
  readonly scope: string;
  readonly parent: string;
  readonly node: string;
  readonly position: number | null;
  /** Of a round: the part of the scope with the round before. */
  readonly before: string;
}

function opens(event: RunEvent, { scope, parent, node, position, before }: Step): boolean {
  switch (event.type) {
    case "items_started":
      return event.scope === parent && event.node === node && scope.endsWith("]") && position! < event.count;
    case "loop_started":
      return event.scope === parent && scope === inner(parent, `${node}#0`);
    case "round_ended":
      return !event.last && event.scope !== scope && event.scope === inner(parent, before);
    case "child_started":
      return event.scope === parent && event.node === node && position === null;
    default:
      return false;
  }
}

function inner(parent: string, part: string): string {
  return parent === "root" ? part : `${parent}/${part}`;
}

function takesOver(event: RunEvent, { scope, parent, node }: Step): boolean {
  switch (event.type) {
    case "task_copied":
      return event.scope === parent && event.node === node;
    case "item_ended":
    case "round_ended":
      return event.from !== undefined && event.scope === scope;
    default:
      return false;
  }
}
