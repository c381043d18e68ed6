import type { Json, JsonObject } from "@weftwork/core";
import type { Random } from "./random.ts";

/** A workflow as its author would send it, and the signals that it waits for. */
export interface RandomPlan {
  readonly name: string;
  readonly source: string;
}

/** What a step may lean on: earlier steps of its body, and outer ones that its container comes after. */
interface Sight {
  /** Work steps whose results can be read. */
  readonly readable: readonly string[];
  readonly depth: number;
}

/** A random workflow of the native language. */
export function randomPlan(random: Random, name: string, nested: string | null): RandomPlan {
  const generator = new Generator(random, name, nested);
  const workflow: JsonObject = {
    name,
    ...(random.chance(0.25) ? { concurrency: generator.concurrency() } : {}),
    ...(random.chance(0.1) ? { timeout: random.int(20, 200) } : {}),
    ...(random.chance(0.3) ? { priority: random.pick(["interactive", "batch", "background"]) } : {}),
    steps: generator.body({ readable: [], depth: 0 }, random.int(2, 5)),
  };
  return { name, source: JSON.stringify(workflow) };
}

type StepKind = "work" | "switch" | "for_each" | "loop" | "wait" | "signal" | "approval" | "workflow" | "aggregate";

class Generator {
  private readonly random: Random;
  private readonly name: string;
  private readonly nested: string | null;
  private count = 0;

  constructor(random: Random, name: string, nested: string | null) {
    this.random = random;
    this.name = name;
    this.nested = nested;
  }

  concurrency(): JsonObject {
    const { random } = this;
    const strategy = random.pick(["queue", "queue", "cancel_running", "reject"]);
    return { key: "{{ inputs.n % 2 }}", limit: random.int(1, 2), strategy };
  }

  body(sight: Sight, size: number): JsonObject[] {
    const steps: JsonObject[] = [];
    const readable: string[] = [];
    const ids: string[] = [];
    while (steps.length < size) {
      const before = this.random.some(ids, 2);
      const seen = [...before.filter((id) => readable.includes(id)), ...this.random.some(sight.readable, 1)];
      const added = this.step(before, seen, sight);
      steps.push(...added);
      for (const { id, type } of added) {
        ids.push(id as string);
        if (type === "mail" || type === "put" || type === "calc") readable.push(id as string);
      }
    }
    return steps;
  }

  private step(before: readonly string[], seen: readonly string[], sight: Sight): JsonObject[] {
    const { random } = this;
    const inner = sight.depth < 2 ? 1 : 0;
    const kind = random.weighted<StepKind>({
      work: 10,
      switch: 1.2,
      for_each: 1.4 * inner,
      loop: 1.2 * inner,
      wait: 0.8,
      signal: 0.6 * inner,
      approval: 0.5 * inner,
      workflow: this.nested === null ? 0 : 0.8,
      aggregate: before.length > 1 ? 0.5 : 0,
    });
    const id = this.id(kind);
    const common: JsonObject = { id, depends_on: [...before] };
    const within: Sight = { readable: seen, depth: sight.depth + 1 };
    switch (kind) {
      case "work":
        return [this.work(common, seen)];
      case "switch":
        return this.choice(common, seen);
      case "for_each":
        return [
          {
            ...common,
            type: "for_each",
            items: `{{ range(inputs.n + ${random.int(0, 2)}) | list }}`,
            concurrency: random.int(1, 4),
            on_item_error: random.pick(["fail", "null", "drop"]),
            steps: this.body(within, random.int(1, 2)),
            ...(random.chance(0.3) ? { collect: "{{ index }}" } : {}),
          },
        ];
      case "loop":
        return [this.loop(common, within)];
      case "wait":
        return [{ ...common, type: "wait", for: random.pick([0.1, 1, 3, 8, 25]) }];
      case "signal":
        return [{ ...common, type: "wait", signal: id, ...this.sometimesTimeout(), ...this.onError() }];
      case "approval":
        return [{ ...common, type: "approval", title: "go on?", ...this.sometimesTimeout(), ...this.onError() }];
      case "workflow":
        return [{ ...common, type: "workflow", workflow: this.nested!, inputs: { n: "{{ inputs.n }}" } }];
      case "aggregate":
        return [{ ...common, type: "aggregate", from: [...before], mode: random.pick(["first", "list"]) }];
    }
  }

  private work(common: JsonObject, seen: readonly string[]): JsonObject {
    const { random } = this;
    const type = random.pick(["mail", "mail", "put", "calc"]);
    const once = type === "mail" && random.chance(0.08);
    return {
      ...common,
      type,
      see: Object.fromEntries(
        seen.map((step) => [step, `{{ steps.${step}.output.id if steps.${step}.output else null }}`]),
      ),
      ms: random.pick([0, 0, 5, 200, 1500, random.chance(0.1) ? 20_000 : 700]),
      fails: random.weighted({ "0": 12, "1": 2, "2": 1, "9": 0.6 }) === "0" ? 0 : random.pick([1, 1, 2, 9]),
      pad: random.chance(0.15) ? random.pick([3000, 9000]) : 0,
      parks: random.chance(0.05),
      once,
      ...(once ? { idempotent: false } : {}),
      ...(random.chance(0.3)
        ? { retry: { attempts: random.int(1, 4), initial: "300ms", backoff: random.pick(["fixed", "exponential"]) } }
        : {}),
      ...(random.chance(0.1) ? { timeout: random.pick([1, 5]) } : {}),
      ...(random.chance(0.15) ? { when: `inputs.n > ${random.int(0, 2)}` } : {}),
      ...(random.chance(0.15) ? { join: "all" } : {}),
      ...this.onError(),
    };
  }

  /** A switch, and a step behind each of its handles. */
  private choice(common: JsonObject, seen: readonly string[]): JsonObject[] {
    const id = common["id"] as string;
    const route = { ...common, type: "switch", cases: [{ name: "big", when: "inputs.n > 1" }], default: "small" };
    const branch = (handle: string): JsonObject =>
      this.work({ id: this.id("work"), depends_on: [`${id}.${handle}`] }, seen);
    return [route, branch("big"), branch("small")];
  }

  private loop(common: JsonObject, within: Sight): JsonObject {
    const { random } = this;
    const steps = this.body(within, random.int(1, 2));
    const last = steps.at(-1)!["id"] as string;
    const counter = { id: this.id("count"), type: "assign", depends_on: [last], variables: { n: "{{ loop.n + 1 }}" } };
    return {
      ...common,
      type: "loop",
      vars: { n: 0 },
      // A counter that is skipped with what it comes after never ends the loop by itself.
      until: `loop.n >= ${random.int(1, 3)}`,
      max_iterations: random.int(2, 5),
      steps: [...steps, counter],
      ...(random.chance(0.3) ? { collect: "{{ loop.n }}" } : {}),
      ...(random.chance(0.1) ? { timeout: random.int(5, 60) } : {}),
      ...this.onError(),
    };
  }

  private onError(): JsonObject {
    const { random } = this;
    if (random.chance(0.35)) return {};
    const handled: Json = random.pick<Json>(["continue", "continue", { default: null }]);
    return { on_error: handled };
  }

  private sometimesTimeout(): JsonObject {
    return this.random.chance(0.5) ? { timeout: this.random.pick([2, 10, 40]) } : {};
  }

  /** Unique in the workflow and across nested ones, so that a step is known by its name alone. */
  private id(kind: string): string {
    this.count += 1;
    return `${this.name}_${kind}${this.count}`;
  }
}
