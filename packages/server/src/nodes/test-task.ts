import { deepFreeze, type Json, type JsonObject } from "@weftwork/core";
import { NO_SECRETS, type NodeTask, type SecretTexts, type TaskPart } from "./node.ts";

export interface TestTask extends NodeTask {
  /** What the node has emitted so far. */
  readonly emitted: readonly TaskPart[];
}

export interface TestTaskOptions {
  readonly input?: Json;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly secrets?: SecretTexts;
}

/** A task as the worker hands it to a node, for tests of nodes. */
export function testTask(config: JsonObject, options: TestTaskOptions = {}): TestTask {
  const emitted: TaskPart[] = [];
  return {
    runId: "run_1",
    tenant: "default",
    workflowHash: "0".repeat(64),
    scope: "root",
    node: "step",
    attempt: 1,
    resources: null,
    key: "run_1/root/step/1",
    config: deepFreeze(config),
    input: () => options.input ?? null,
    seed: options.seed ?? 7,
    signal: options.signal ?? new AbortController().signal,
    secrets: options.secrets ?? NO_SECRETS,
    emit: (part) => void emitted.push(part),
    emitted,
  };
}
