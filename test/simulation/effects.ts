import { failure, type Json, type JsonObject } from "@weftwork/core";
import type { Effect, NodeExecutor, NodeTask, Outcome } from "../../packages/server/src/nodes/node.ts";
import type { SimProcess } from "./process.ts";
import { never, type World } from "./world.ts";

/** One call of an executor, as the world outside felt it. */
export interface Call {
  readonly runId: string;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  readonly key: string;
  readonly effect: Effect;
  /** The author forbids a second call (`idempotent: false`). */
  readonly once: boolean;
  /** Names the call, and is part of what it returns. */
  readonly id: string;
  /** Names of the calls whose results it was given, by step. */
  readonly saw: Readonly<Record<string, string | null>>;
  readonly process: SimProcess;
  readonly order: number;
}

/** Everything the processes did to the world outside. It outlives them all. */
export class Recorder {
  readonly calls: Call[] = [];
  readonly byKey = new Map<string, Call[]>();
  readonly byId = new Map<string, Call>();
  /** Told of each call before it is felt. */
  onCall: (call: Call, before: readonly Call[]) => void = () => {};

  record(call: Call): void {
    const before = this.byKey.get(call.key) ?? [];
    this.onCall(call, before);
    this.byKey.set(call.key, [...before, call]);
    this.byId.set(call.id, call);
    this.calls.push(call);
  }
}

/** What the fields of a step of a random plan say. */
interface StepConfig {
  readonly see: Readonly<Record<string, string | null>>;
  readonly ms: number;
  /** Attempts that fail before one succeeds. */
  readonly fails: number;
  /** Characters added to the result. */
  readonly pad: number;
  /** Says "not now" the first time it is called. */
  readonly parks: boolean;
  readonly once: boolean;
}

/** The node types of random plans: each answers with the name of its call and what it was given. */
export function simulatedNodes(world: World, process: SimProcess, recorder: Recorder): readonly NodeExecutor[] {
  const node = (type: string, effect: Effect): NodeExecutor => ({
    type,
    version: 1,
    effect,
    pool: "default",
    timeoutMs: null,
    execute: (task) => perform(world, process, recorder, effect, task),
  });
  return [node("mail", "effect"), node("put", "idempotent"), node("calc", "pure")];
}

function perform(
  world: World,
  process: SimProcess,
  recorder: Recorder,
  effect: Effect,
  task: NodeTask,
): Outcome | Promise<Outcome> {
  if (!process.alive || process.dies("before effect")) return never();
  const config = task.config as unknown as StepConfig;
  const { runId, scope, node, attempt, key } = task;
  const earlier = recorder.byKey.get(key)?.length ?? 0;
  const id = `${key}!${recorder.calls.length}`;
  world.note(`${process.name} calls ${id}`);
  recorder.record({
    runId,
    scope,
    node,
    attempt,
    key,
    effect,
    id,
    process,
    once: config.once,
    saw: config.see,
    order: world.order,
  });
  if (process.dies("after effect before record")) return never();
  const outcome = answerOf(world, config, attempt, earlier, id);
  if (config.ms === 0) return outcome;
  return new Promise((resolve) => {
    world.after(config.ms * world.random.between(0.2, 1.8), process, `has done ${id}`, () => {
      if (!process.dies("after effect before record")) resolve(outcome);
    });
  });
}

function answerOf(world: World, config: StepConfig, attempt: number, earlier: number, id: string): Outcome {
  if (config.parks && earlier === 0)
    return { type: "parked", until: Math.floor(world.now + world.random.between(100, 9000)), reason: "not now" };
  if (attempt <= config.fails)
    return { type: "failed", failure: { ...failure("STEP_FAILED", { reason: "as planned" }), retryable: true } };
  const output: JsonObject = { id, saw: config.see };
  return { type: "completed", output: config.pad === 0 ? output : { ...output, pad: "x".repeat(config.pad) } };
}

/** What a step of a random plan returned; null for anything else. */
export function returned(output: Json): { readonly id: string; readonly saw: Call["saw"] } | null {
  return typeof output === "object" && output !== null && "saw" in output
    ? (output as unknown as { id: string; saw: Call["saw"] })
    : null;
}
