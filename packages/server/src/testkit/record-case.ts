import { isJsonObject, readYaml, type Json, type JsonObject, type Plan } from "@weftwork/core";
import type { Run, RunMessage, RunStep } from "@weftwork/sdk";
import { ranOf } from "./judge.ts";
import { seenPrompt } from "./prompt-log.ts";
import { readCases } from "./read-cases.ts";
import { yamlText } from "./yaml-text.ts";

export interface Recording {
  readonly name: string;
  readonly run: Run;
  /** The run's events, from its first to its last. */
  readonly messages: readonly RunMessage[];
  readonly plan: Plan;
  /** The run's steps in detail. With them the prompts of its models are part of what is expected. */
  readonly steps?: readonly RunStep[];
}

/** Work that gives the same at every repeat and needs nobody outside: a test computes it anew. */
const COMPUTED: ReadonlySet<string> = new Set(["template", "list", "answer"]);

/**
 * A case from a real run: its inputs, the answers of its models, endpoints and other outside work as they were, the
 * signals and approvals it got; expected are its outputs and its path. Values that are too large to be told in the
 * run's events stay out.
 */
export function recordCase({ name, run, messages, plan, steps: details = [] }: Recording): JsonObject {
  const kept = messages.filter(({ id }) => id !== null);
  const startedAt = Date.parse(run.created_at);
  const steps = recordedSteps(kept, plan);
  const signals = kept.flatMap(({ event, data }) =>
    event === "signal_received"
      ? [{ name: data["name"]!, after: afterOf(data, startedAt), payload: data["payload"] ?? null }]
      : [],
  );
  const approvals = recordedApprovals(kept, plan);
  const ran = ranOf({ messages: kept });
  const skipped = kept.flatMap(({ event, data }) =>
    event === "task_skipped" && data["scope"] === "root" ? [data["node"]!] : [],
  );
  const expect: JsonObject = {
    status: run.status,
    ...(run.outputs === null ? {} : { outputs: run.outputs }),
    ...(run.error === null
      ? {}
      : { error: { code: run.error.code, ...(run.error.step === null ? {} : { step: run.error.step }) } }),
    path: { any_order: ran },
    ...recordedPrompts(details, plan),
    ...(skipped.length === 0 ? {} : { skipped }),
  };
  return {
    name,
    inputs: run.inputs,
    ...(usesTime(plan) ? { now: run.created_at } : {}),
    ...(Object.keys(steps).length === 0 ? {} : { steps }),
    ...(signals.length === 0 ? {} : { signals }),
    ...(approvals.length === 0 ? {} : { approvals }),
    expect,
  };
}

/** What outside work answered, by step; a list where it was tried again. */
function recordedSteps(messages: readonly RunMessage[], plan: Plan): JsonObject {
  const answers = new Map<string, Json[]>();
  for (const { event, data } of messages) {
    const isEnd = event === "task_completed" || event === "task_failed" || event === "task_retried";
    if (!isEnd || !isOutside(plan, String(data["node"]))) continue;
    const output = data["output"];
    if (isJsonObject(output) && output["truncated"] === true) continue;
    const name = data["scope"] === "root" ? String(data["node"]) : `${String(data["scope"])}/${String(data["node"])}`;
    const list = answers.get(name) ?? [];
    answers.set(name, list);
    list.push(event === "task_completed" ? { output: output ?? null } : { error: errorOf(data["failure"]) });
  }
  return Object.fromEntries([...answers].map(([name, list]) => [name, list.length === 1 ? list[0]! : list]));
}

/** The longest prompt that is kept: a case is to be read. */
const PROMPT_LENGTH_MAX = 20_000;

/**
 * What the root's model steps asked whose answers are recorded: without it a changed prompt would meet the recorded answer
 * and pass. Those that a test asks anew show in the outputs.
 */
function recordedPrompts(steps: readonly RunStep[], plan: Plan): JsonObject {
  const prompts: Record<string, string> = {};
  for (const { scope, id, type, attempt, inputs } of steps) {
    const node = plan.bodies[0]!.nodes.find((one) => one.id === id);
    if (scope !== "root" || type !== "model_inference" || attempt === 0 || !isOutside(plan, id)) continue;
    if (node?.step.kind !== "work" || !isJsonObject(inputs) || inputs["truncated"] === true) continue;
    // Where the step names no input, the one here is what it would fall back to.
    const { input = null, ...rest } = inputs;
    const config = Object.hasOwn(node.step.config, "input") ? { ...rest, input } : rest;
    const seen = seenPrompt({ config, seed: 0, input: () => input });
    // What looks like a pattern would be taken for one.
    if (seen === null || seen.prompt.length > PROMPT_LENGTH_MAX || /^\/.+\/[a-z]*$/s.test(seen.prompt.trim())) continue;
    prompts[id] = seen.prompt;
  }
  return Object.keys(prompts).length === 0 ? {} : { prompts };
}

function errorOf(failure: Json | undefined): JsonObject {
  if (!isJsonObject(failure)) return { code: "STEP_FAILED" };
  return { code: failure["code"]!, message: failure["message"]!, retryable: failure["retryable"]! };
}

/** Whether a step's answer comes from outside. The builtin models answer the same for ever, so they are asked again. */
function isOutside(plan: Plan, id: string): boolean {
  const node = plan.bodies.flatMap((body) => body.nodes).find((one) => one.id === id);
  // A step of a nested workflow is not known here; its answer is kept.
  if (!node) return true;
  if (node.kind !== "work" || COMPUTED.has(node.type)) return false;
  const model = node.step.kind === "work" ? node.step.config["model"] : undefined;
  return node.type !== "model_inference" || typeof model !== "string" || !model.startsWith("builtin/");
}

function recordedApprovals(messages: readonly RunMessage[], plan: Plan): Json[] {
  const asked = new Set(
    plan.bodies.flatMap((body) => body.nodes.filter((node) => node.kind === "approval").map((node) => node.id)),
  );
  return messages.flatMap(({ event, data }): Json[] => {
    const { scope, node, handle, output } = data;
    if (event !== "task_completed" || !asked.has(String(node))) return [];
    if (handle !== "approved" && handle !== "rejected") return [];
    const { by = null, form = null } = isJsonObject(output) ? output : {};
    return [
      {
        step: String(node),
        ...(scope === "root" ? {} : { scope: String(scope) }),
        approved: handle === "approved",
        ...(by === null ? {} : { by }),
        ...(form === null ? {} : { form }),
      },
    ];
  });
}

function afterOf(data: JsonObject, startedAt: number): string {
  return `${Math.max(0, Date.parse(String(data["at"])) - startedAt)}ms`;
}

/** A workflow that waits until a time, or shows one, gives the same only when it begins at the same time. */
function usesTime(plan: Plan): boolean {
  return plan.bodies.some((body) => body.nodes.some((node) => node.kind === "wait" && node.on.type === "until"));
}

/** Why a case cannot be added to a file. */
export interface NotAdded {
  readonly reason: string;
}

/** The text of a case file with one case more. `text` null: a new file. A name that is there already gets a number. */
export function withCase(text: string | null, added: JsonObject, workflow: string | null): string | NotAdded {
  if (text === null || text.trim() === "") {
    const head = workflow === null ? "" : `${yamlText({ workflow }, 0)}\n`;
    return `${head}cases:\n${yamlText([added], 2)}\n`;
  }
  const before = readCases(text, null);
  if (before.problems.length > 0) {
    const { place, message } = before.problems[0]!;
    return { reason: `the file has mistakes; line ${place.line}: ${message}` };
  }
  const { data, locator } = readYaml(text);
  if (!isJsonObject(data) || Object.keys(data).at(-1) !== "cases")
    return { reason: "cases must be the last field of the file" };
  const names = new Set(before.cases.map(({ name }) => name));
  // The first field of a case stands two columns behind its dash.
  const indent = locator.locate("/cases/0").column - 3;
  const result = `${text.trimEnd()}\n\n${yamlText([{ ...added, name: freeName(String(added["name"]), names) }], Math.max(0, indent))}\n`;
  const after = readCases(result, null);
  if (after.problems.length === 0 && after.cases.length === before.cases.length + 1) return result;
  return { reason: "its cases are not written as a list of blocks" };
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) if (!taken.has(`${name} (${number})`)) return `${name} (${number})`;
}
