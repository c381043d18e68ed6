import type { Json } from "../base/json.ts";

/** A stream of choices; the same stream makes the same workflow and the same life of its run. */
export interface Choices {
  /** A whole number from 0 to below `bound`. */
  below(bound: number): number;
}

export function pick<T>(choices: Choices, from: readonly T[]): T {
  return from[choices.below(from.length)]!;
}

/** True once in so many times. */
export function once(choices: Choices, inTimes: number): boolean {
  return choices.below(inTimes) === 0;
}

export interface Kinds {
  /** Step types besides `worker` that may come. */
  readonly types: readonly string[];
  /** `on_error` and retries. */
  readonly failures: boolean;
  /** Conditions that read values of steps, and not only the inputs of the run. */
  readonly readsValues: boolean;
  readonly stepsMax: number;
  readonly depthMax: number;
}

type Draft = Record<string, Json>;

/** A valid workflow at random, as JSON text: bodies are graphs without a circle, of all kinds of steps. */
export function randomWorkflow(choices: Choices, kinds: Kinds): string {
  let count = 0;
  const body = (depth: number, inLoop: boolean): Draft[] => {
    const steps: Draft[] = [];
    const length = 1 + choices.below(kinds.stepsMax);
    for (let i = 0; i < length; i++) {
      const types = ["worker", ...kinds.types].filter((type) => depth < kinds.depthMax || !HOLDS_STEPS.has(type));
      const step = stepOf(pick(choices, types), `s${count++}`, depth, inLoop, steps);
      connect(step, steps);
      steps.push(step);
    }
    return steps;
  };

  const stepOf = (type: string, id: string, depth: number, inLoop: boolean, before: readonly Draft[]): Draft => {
    const step: Draft = { id, type };
    switch (type) {
      case "worker":
        step["input"] = inLoop ? `{{ [loop.index, "${id}"] }}` : id;
        if (kinds.failures && once(choices, 3)) step["retry"] = { attempts: 1 + choices.below(3), backoff: "fixed" };
        break;
      case "switch":
        step["cases"] = [
          { name: "l", when: flag(choices) },
          { name: "m", when: flag(choices) },
        ];
        if (once(choices, 2)) step["default"] = "r";
        break;
      case "for_each":
        step["items"] = pick<Json>(choices, [[], [1], [1, 2, 3], "{{ inputs.list }}"]);
        step["concurrency"] = 1 + choices.below(3);
        step["steps"] = body(depth + 1, inLoop);
        if (kinds.failures) step["on_item_error"] = pick(choices, ["fail", "null", "drop"]);
        if (once(choices, 3)) step["collect"] = "{{ item }}";
        break;
      case "loop":
        step["vars"] = { n: 0 };
        step["max_iterations"] = 1 + choices.below(3);
        step["steps"] = [
          ...body(depth + 1, true),
          { id: `s${count++}`, type: "assign", variables: { n: "{{ loop.n + 1 }}" } },
        ];
        if (once(choices, 3)) step["collect"] = "{{ loop.n }}";
        if (kinds.failures && once(choices, 3)) step["until"] = "loop.n >= 2";
        break;
      case "workflow":
        step["workflow"] = "inner";
        step["inputs"] = { list: [1], f0: true, f1: false, f2: true };
        break;
      case "assign":
        step["variables"] = { v: `{{ inputs.f0 }}` };
        break;
      case "aggregate":
        step["from"] = before.map((draft) => draft["id"]!).slice(-2);
        step["mode"] = pick(choices, ["first", "list"]);
        break;
      case "wait":
        if (once(choices, 2)) step["for"] = 1 + choices.below(5);
        else Object.assign(step, { signal: "go", ...(once(choices, 2) ? { timeout: 30 } : {}) });
        break;
      case "approval":
        if (once(choices, 2)) step["timeout"] = 20;
        break;
      default:
    }
    if (step["type"] === "aggregate" && before.length === 0) return { id, type: "worker", input: id };
    if (once(choices, 4)) step["when"] = flag(choices);
    else if (kinds.readsValues && before.length > 0 && once(choices, 3))
      step["when"] = `steps.${pick(choices, before)["id"] as string}.output != 3`;
    if (once(choices, 4)) step["join"] = "all";
    if (kinds.failures && once(choices, 2))
      step["on_error"] = pick<Json>(choices, ["continue", "branch", { default: "D" }]);
    return step;
  };

  const connect = (step: Draft, before: readonly Draft[]): void => {
    if (step["type"] === "aggregate" && once(choices, 2)) return;
    const depends = before.filter(() => once(choices, 3)).map((draft) => edgeFrom(choices, draft));
    if (depends.length > 0) step["depends_on"] = depends;
    const read = before.length > 0 && once(choices, 3) ? pick(choices, before)["id"] : null;
    if (read !== null && step["type"] === "worker")
      step["input"] = `{{ [steps.${read as string}.status, steps.${read as string}.output] }}`;
  };

  const steps = body(0, false);
  return JSON.stringify({ name: "random", ...(kinds.failures && once(choices, 5) ? { timeout: 300 } : {}), steps });
}

const HOLDS_STEPS = new Set(["for_each", "loop"]);

function flag(choices: Choices): string {
  return `inputs.f${choices.below(3)}`;
}

/** `step` or `step.handle`, out of the handles the step has. */
function edgeFrom(choices: Choices, { id, type, on_error, default: otherwise, timeout }: Draft): string {
  const handles = type === "switch" ? ["l", "m", ...(otherwise ? ["r"] : [])] : [];
  if (type === "approval") handles.push("approved", "rejected");
  if (timeout !== undefined) handles.push("timeout");
  if (on_error === "branch") handles.push("error");
  return handles.length > 0 && once(choices, 2) ? `${id as string}.${pick(choices, handles)}` : (id as string);
}
