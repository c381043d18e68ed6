import { formatDuration, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Case } from "./case.ts";
import { compare, valueAt, type Difference } from "./difference.ts";
import { judgePrompts } from "./judge-prompts.ts";
import type { Rehearsed } from "./rehearse.ts";

/** What is different from what the case expects; nothing, when it passed. */
export function judge({ expect }: Case, seen: Rehearsed): readonly Difference[] {
  const found: Difference[] = seen.complaints.map((message) => ({ path: "", message }));
  const document = documentOf(seen);
  const { error, path } = expect;
  if (expect.status !== seen.status) {
    found.push({ path: "status", message: reasonOf(seen), expected: expect.status, actual: seen.status });
  }
  const failure = document["error"]!;
  if (error.code !== null) found.push(...compare("error.code", error.code, valueAt(failure, "code"), false));
  if (error.step !== null) found.push(...compare("error.step", error.step, valueAt(failure, "step"), false));
  if (error.message) matches("error.message", error.message, document, found);
  // Outputs are there when the run succeeded; that it did not is said above.
  if (seen.status === "succeeded") {
    const outputs = document["outputs"]!;
    if (expect.outputs) found.push(...compare("outputs", expect.outputs, outputs, true));
    if (expect.outputsExact) found.push(...compare("outputs", expect.outputsExact, outputs, false));
  } else if (expect.outputs !== null && expect.status === seen.status) {
    found.push({ path: "outputs", message: "a run that did not succeed has none", expected: expect.outputs });
  }
  const ran = ranOf(seen);
  if (path) {
    const [wanted, got] = path.isOrdered ? [path.ids, ran] : [path.ids.toSorted(), ran.toSorted()];
    if (wanted.join("\n") !== got.join("\n"))
      found.push({ path: "path", message: null, expected: wanted, actual: got });
  }
  const statusOf = (id: string): Json => valueAt(document, `steps.${id}.status`) ?? "pending";
  for (const id of expect.skipped) {
    if (ran.includes(id))
      found.push({ path: `steps.${id}.status`, message: null, expected: "skipped", actual: statusOf(id) });
  }
  for (const [id, step] of expect.steps)
    found.push(...compare(`steps.${id}`, step, valueAt(document, `steps.${id}`), true));
  for (const [name, count] of expect.calls) {
    const actual = seen.calls.get(name) ?? 0;
    if (actual !== count) found.push({ path: `calls.${name}`, message: null, expected: count, actual });
  }
  found.push(...judgePrompts(expect.prompts, seen.prompts));
  for (const [at, pattern] of expect.texts) matches(at, pattern, document, found);
  if (expect.withinMs !== null && seen.skippedMs > expect.withinMs) {
    const [most, took] = [formatDuration(expect.withinMs), formatDuration(seen.skippedMs)];
    found.push({ path: "within", message: null, expected: most, actual: took });
  }
  return found;
}

function matches(
  path: string,
  pattern: { readonly shown: string; fits(text: string): boolean },
  document: JsonObject,
  found: Difference[],
): void {
  const value = valueAt(document, path);
  if (value === undefined) {
    found.push({ path, message: `not there, and ${pattern.shown} is expected` });
    return;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (!pattern.fits(text)) found.push({ path, message: `does not hold ${pattern.shown}`, actual: value });
}

/** Why it ended as it did, where the run can say so. */
function reasonOf({ run, refusal }: Rehearsed): string | null {
  const error = refusal ?? run?.error ?? null;
  if (error) {
    const step = run?.error?.step ?? null;
    return `${step === null ? "" : `step ${step}: `}${error.message} (${error.code})`;
  }
  return run?.waiting_for ? `${run.waiting_for.message}, and nothing will come` : null;
}

/** Everything that patterns and steps are looked up in. */
export function documentOf({ status, run, refusal, detail, messages }: Rehearsed): JsonObject {
  const steps: Record<string, JsonObject> = {};
  for (const { scope, id, status: stepStatus, attempt, output, error, handle } of detail?.steps ?? []) {
    if (scope !== "root") continue;
    steps[id] = { status: stepStatus, attempt, output: output as Json, error: (error as Json) ?? null, handle };
  }
  // The list of steps cuts long outputs short; the events have them whole.
  for (const { event, data } of messages) {
    const id = data["node"];
    if (event !== "task_completed" || data["scope"] !== "root" || typeof id !== "string") continue;
    if (steps[id]) steps[id] = { ...steps[id], output: data["output"] ?? null };
  }
  const error = (refusal ?? run?.error ?? null) as unknown as Json;
  return { status, outputs: run?.outputs ?? null, error: isJsonObject(error) ? error : null, steps };
}

/** Steps of the root that ran, in the order they ended. */
export function ranOf({ messages }: Pick<Rehearsed, "messages">): readonly string[] {
  return messages.flatMap(({ event, data }) =>
    (event === "task_completed" || event === "task_failed") && data["scope"] === "root" ? [String(data["node"])] : [],
  );
}
