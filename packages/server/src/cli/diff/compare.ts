import { canonicalJson, isJsonObject, type Json, type JsonObject } from "@weftwork/core";

/** What differs between two workflows, as their authors wrote them. */
export interface WorkflowDifference {
  readonly same: boolean;
  /** Fields of the workflow itself; its version is none of them. */
  readonly workflow: readonly FieldDifference[];
  /** In the order of the newer one, then what it has no more. */
  readonly steps: readonly StepDifference[];
  /** The same steps in another order, which means nothing unless steps take each other's values by it. */
  readonly reordered: boolean;
}

export interface StepDifference {
  /** The ids of the containers around it and its own, joined by `/`. */
  readonly step: string;
  readonly type: string;
  readonly change: "added" | "removed" | "changed";
  readonly fields: readonly FieldDifference[];
}

/** `undefined` for a field that one side has not. */
export interface FieldDifference {
  /** Names joined by dots: `retry.attempts`. */
  readonly field: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Compares by the ids of steps: a step that was renamed is one removed and one added. */
export function compareWorkflows(before: JsonObject, after: JsonObject): WorkflowDifference {
  const [old, now] = [stepsOf(before), stepsOf(after)];
  const steps: StepDifference[] = [];
  for (const [step, { own, type }] of now) {
    const earlier = old.get(step);
    const fields = fieldDifferences(earlier?.own ?? {}, own);
    if (earlier === undefined) steps.push({ step, type, change: "added", fields });
    else if (fields.length > 0) steps.push({ step, type, change: "changed", fields });
  }
  for (const [step, { own, type }] of old)
    if (!now.has(step)) steps.push({ step, type, change: "removed", fields: fieldDifferences(own, {}) });
  const { steps: _old, version: _before, ...ownBefore } = before;
  const { steps: _now, version: _after, ...ownAfter } = after;
  const workflow = fieldDifferences(ownBefore, ownAfter);
  const common = (one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): string =>
    [...one.keys()].filter((id) => other.has(id)).join("\n");
  const reordered = common(old, now) !== common(now, old);
  return { same: steps.length === 0 && workflow.length === 0 && !reordered, workflow, steps, reordered };
}

interface Step {
  readonly type: string;
  /** Without its id and the steps inside. */
  readonly own: JsonObject;
}

function stepsOf(container: JsonObject, path = ""): Map<string, Step> {
  const found = new Map<string, Step>();
  const list = container["steps"];
  if (!Array.isArray(list)) return found;
  (list as readonly Json[]).forEach((step, at) => {
    if (!isJsonObject(step)) return;
    const { id, steps: _inner, ...own } = step;
    const place = `${path}${typeof id === "string" ? id : `#${at}`}`;
    found.set(place, { type: String(own["type"]), own });
    for (const [inner, value] of stepsOf(step, `${place}/`)) found.set(inner, value);
  });
  return found;
}

function fieldDifferences(before: JsonObject, after: JsonObject, path = ""): readonly FieldDifference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const [old, now] = [member(before, name), member(after, name)];
    const field = path + name;
    if (isJsonObject(old) && isJsonObject(now)) return fieldDifferences(old, now, `${field}.`);
    if (old !== undefined && now !== undefined && canonicalJson(old) === canonicalJson(now)) return [];
    return [{ field, before: old, after: now }];
  });
}

function member(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
