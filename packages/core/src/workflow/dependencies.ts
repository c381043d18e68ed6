import { isJsonObject, type Json } from "../base/json.ts";
import type { Dependency, Step, WorkStep } from "./workflow.ts";

/** The handles that edges may leave a step by, besides the plain edge. */
export function handlesOf(step: Step): readonly string[] {
  const handles: string[] = [];
  if (step.kind === "switch") {
    for (const { name } of step.cases) handles.push(name);
    if (step.default !== null && !handles.includes(step.default)) handles.push(step.default);
  }
  if (step.kind === "work" && step.type === "classify") handles.push(...classIds(step));
  if (step.kind === "approval") handles.push("approved", "rejected", "timeout");
  if (step.kind === "wait") handles.push("timeout");
  if (step.onError.type === "branch") handles.push("error");
  return handles;
}

/** The ids of a classifier's classes, as far as they are written and not worked out. `error` is not one's to have. */
function classIds({ config }: WorkStep): readonly string[] {
  const { classes } = config;
  if (!Array.isArray(classes)) return [];
  return (classes as readonly Json[])
    .map((one) => (isJsonObject(one) ? (one["id"] ?? one["name"] ?? null) : one))
    .map((id) => (typeof id === "number" ? String(id) : id))
    .filter((id) => typeof id === "string" && id !== "error" && !id.includes("{{"))
    .map(String);
}

/** A knot of many steps has more ways round than anyone wants to read. */
const CYCLES_MAX = 20;

/** Ways round, when steps come after each other: `[a, b, c]` when a needs b, b needs c, c needs a. At most 20. */
export function findCycles(steps: readonly Step[]): readonly (readonly Step[])[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const state = new Map<Step, "open" | "done">();
  const cycles: (readonly Step[])[] = [];
  for (const start of steps) {
    if (state.has(start) || cycles.length >= CYCLES_MAX) continue;
    // Iterative, for a chain may be 10,000 steps long.
    const path: { readonly step: Step; readonly after: readonly Dependency[]; next: number }[] = [];
    const enter = (step: Step): void => {
      state.set(step, "open");
      path.push({ step, after: step.dependsOn ?? [], next: 0 });
    };
    enter(start);
    while (path.length > 0 && cycles.length < CYCLES_MAX) {
      const top = path[path.length - 1]!;
      const dependency = top.after[top.next++];
      if (dependency === undefined) {
        state.set(top.step, "done");
        path.pop();
        continue;
      }
      const target = byId.get(dependency.step);
      if (!target || target === top.step) continue;
      const seen = state.get(target);
      if (seen === undefined) enter(target);
      else if (seen === "open")
        cycles.push(path.slice(path.findIndex(({ step }) => step === target)).map(({ step }) => step));
    }
  }
  return cycles;
}
