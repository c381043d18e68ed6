import type { RunEvent } from "@weftwork/core";
import { returned, type Call, type Recorder } from "./effects.ts";
import type { ObservedRun, Observer } from "./observer.ts";
import type { SimProcess } from "./process.ts";
import type { Violations } from "./violations.ts";
import { TENANT } from "./world.ts";

const FINAL: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);

/** Judges every row as it is stored and every effect as it is felt: I2 to I5. */
export function watch(observer: Observer, recorder: Recorder, violations: Violations): void {
  observer.onRow = (run, epoch, events) => {
    judgeOrder(run, events, violations);
    judgeSlots(run, events, observer, violations);
    if (epoch !== run.epoch) violations.add("I4", run.id, `a row of epoch ${epoch} while ${run.epoch} is granted`);
  };
  observer.onEvent = (run, event) => judgeResult(run, event, recorder, violations);
  recorder.onCall = (call, before) => judgeCall(call, before, observer, violations);
}

function judgeOrder(run: ObservedRun, events: readonly RunEvent[], violations: Violations): void {
  const { status } = run.state;
  if (events.length > 0 && (status === "succeeded" || status === "failed" || status === "cancelled"))
    violations.add("I2", run.id, `${events[0]!.type} behind the end`);
  events.forEach((event, at) => {
    if (event.type === "run_created" && (run.seq !== 1 || at !== 0)) violations.add("I2", run.id, "begins twice");
    if (FINAL.has(event.type) && at < events.length - 1)
      violations.add("I2", run.id, `${events[at + 1]!.type} behind ${event.type}`);
  });
}

/** Recorded once, by a call that was made, and from exactly the recorded results of the steps before it. */
function judgeResult(run: ObservedRun, event: RunEvent, recorder: Recorder, violations: Violations): void {
  if (event.type !== "task_completed" && event.type !== "task_failed" && event.type !== "task_retried") return;
  const place = `${event.scope}/${event.node}`;
  const command = `${place}#${event.attempt}`;
  if (run.results.has(command)) violations.add("I3", run.id, `${command} has two results`);
  if (run.outputs.has(place) && event.type === "task_completed")
    violations.add("I3", run.id, `${place} succeeds twice`);
  if (event.type !== "task_completed") return;
  const result = returned(event.output.value);
  // Control nodes may hand on the result of a step; what a work step returns is its own.
  if (!result || !isWork(run, event.node)) return;
  const call = recorder.byId.get(result.id);
  if (!call) violations.add("I3", run.id, `${command} has a result of no call`);
  else if (call.runId !== run.id || `${call.scope}/${call.node}#${call.attempt}` !== command)
    violations.add("I3", run.id, `${command} has the result of ${call.key}`);
  for (const [step, id] of Object.entries(result.saw)) {
    const recorded = recordedBefore(run, event.scope, step);
    if (recorded !== id) violations.add("I3", run.id, `${command} read ${id} of ${step}; ${recorded} is recorded`);
  }
}

function isWork(run: ObservedRun, node: string): boolean {
  return [run.state.plan, ...run.state.nested.values()].some((plan) =>
    plan.bodies.some((body) => body.byId.get(node)?.kind === "work"),
  );
}

/** The recorded result of a step as seen from a scope: its own, or the nearest around it. */
function recordedBefore(run: ObservedRun, scope: string, step: string): string | null {
  for (let at = scope; ; at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "root") {
    const found = run.outputs.get(`${at}/${step}`);
    if (found !== undefined || at === "root") return found ?? null;
  }
}

function judgeCall(call: Call, before: readonly Call[], observer: Observer, violations: Violations): void {
  const run = observer.byId.get(call.runId);
  const command = `${call.scope}/${call.node}#${call.attempt}`;
  if (call.key !== `${call.runId}/${command}`) violations.add("I5", call.runId, `${command} has the key ${call.key}`);
  if (call.effect !== "effect") return;
  if (!run) {
    violations.add("I5", call.runId, `${command} is done before its run is recorded`);
    return;
  }
  if (epochHeld(call.process, call.runId) !== run.epoch)
    violations.add("I5", run.id, `${command} is begun by an owner whose epoch has passed`);
  if (run.results.has(command)) violations.add("I5", run.id, `${command} is done again, and its result is recorded`);
  else if (!run.state.owed.has(command)) violations.add("I5", run.id, `${command} is done before it is owed`);
  for (const id of Object.values(call.saw))
    if (id !== null && !observer.recorded.has(id))
      violations.add("I5", run.id, `${command} leans on ${id}, not recorded`);
  const last = before.at(-1);
  if (!last) return;
  const parkedAt = run.parked.get(command) ?? -1;
  if (parkedAt >= last.order) return;
  if (call.once) violations.add("I5", run.id, `${command} must be done once, and is done again`);
  if (run.grants.some((order) => order > last.order)) return;
  violations.add("I5", run.id, `${command} is done again without a fault in between`);
}

function epochHeld(process: SimProcess, runId: string): number | null {
  return process.engine?.owner.find(TENANT, runId)?.epoch ?? null;
}

/** S1: no more runs of a concurrency key are under way than its limit. */
function judgeSlots(run: ObservedRun, events: readonly RunEvent[], observer: Observer, violations: Violations): void {
  const waits = run.state.created?.waits;
  if (waits?.type !== "slot" || !events.some((event) => event.type === "run_started")) return;
  const limit = run.state.plan.workflow.concurrency?.limit ?? Infinity;
  let held = 1;
  for (const other of observer.runs.values()) {
    const theirs = other.state.created?.waits;
    if (other !== run && theirs?.type === "slot" && theirs.key === waits.key && other.state.status === "running")
      held += 1;
  }
  if (held > limit) violations.add("S1", run.id, `${held} runs hold the key ${waits.key} of limit ${limit}`);
}
