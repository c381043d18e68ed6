import {
  AppError,
  canonicalJson,
  decodeRow,
  rerun,
  type JsonObject,
  type Rerun,
  type RunCreated,
} from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import { checkedInputs } from "./inputs.ts";
import type { Payloads } from "./payloads.ts";
import type { PreparedPlan, Workflows } from "./workflows.ts";

export interface RerunTarget {
  readonly node: string;
  /** Left out: the root. */
  readonly scope?: string;
  /** Inputs to be replaced, by name; the others stay. */
  readonly inputs?: JsonObject;
  /** Another version of the workflow; left out, the one the run was started with. */
  readonly version?: string;
}

/** Everything that a run begun again is made of. */
export interface PlannedRerun {
  readonly plans: PreparedPlan;
  readonly before: RunCreated;
  readonly inputs: JsonObject;
  readonly taken: Rerun;
  readonly at: { readonly scope: string; readonly node: string };
}

export interface RerunSources {
  readonly journal: Journal;
  readonly workflows: Workflows;
  readonly payloads: Payloads;
  readonly tenant: string;
}

/**
 * What a new run takes over from the record of an earlier one, and what it computes. Throws `INVALID_REQUEST` where the
 * step is not in both plans, `INVALID_INPUTS` where the new inputs do not fit, `WORKFLOW_NOT_FOUND` for the version.
 */
export async function planRerun(
  { journal, workflows, payloads, tenant }: RerunSources,
  run: { readonly id: string; readonly runKey: number },
  target: RerunTarget,
): Promise<PlannedRerun> {
  const { rows } = await journal.read(run.runKey, { snapshot: false });
  const decisions = rows.flatMap((row) => decodeRow(row.body));
  const before = decisions[0]!.events[0] as RunCreated;
  const old = await workflows.pinned(before.hash, before.pins);
  const plans = target.version === undefined ? old : await workflows.prepare(before.workflow, target.version);
  await payloads.load(tenant, [before.inputs]);
  const was = before.inputs.value as JsonObject;
  const isAnother = target.inputs !== undefined || target.version !== undefined;
  const inputs = isAnother ? checkedInputs(plans.plan, { ...was, ...target.inputs }) : was;
  const at = { scope: target.scope ?? "root", node: target.node };
  const taken = rerun(run.id, decisions, at, old, plans, changedNames(was, inputs));
  if (!taken) {
    const where = target.version === undefined ? "" : `, or ${before.workflow} ${target.version} has none`;
    throw new AppError("INVALID_REQUEST", { reason: `the run ${run.id} has no step ${at.scope}/${at.node}${where}` });
  }
  await payloads.load(tenant, taken.payloads, true);
  return { plans, before, inputs, taken, at };
}

/** Inputs that are there in one of the two only, or with another value. */
function changedNames(was: JsonObject, is: JsonObject): ReadonlySet<string> {
  const textOf = (inputs: JsonObject, name: string): string | null =>
    Object.hasOwn(inputs, name) ? canonicalJson(inputs[name]!) : null;
  const names = Object.keys({ ...was, ...is });
  return new Set(names.filter((name) => textOf(was, name) !== textOf(is, name)));
}
