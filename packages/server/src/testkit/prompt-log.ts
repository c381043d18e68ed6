import { textOf } from "../gateway/parts.ts";
import { modelRequestOf } from "../nodes/model-inference.ts";
import type { NodeTask } from "../nodes/node.ts";

/** What a model step asked: the last message, and the instruction above it. */
export interface SeenPrompt {
  readonly prompt: string;
  readonly system: string | null;
}

/** What a task of a model step asks; null where its fields are wrong. */
export function seenPrompt(task: Pick<NodeTask, "config" | "seed" | "input">): SeenPrompt | null {
  const request = modelRequestOf(task);
  if (request === null) return null;
  const last = request.messages.at(-1);
  const system = request.system ?? request.messages.find(({ role }) => role === "system");
  return {
    prompt: last ? textOf(last) : "",
    system: system === undefined ? null : typeof system === "string" ? system : textOf(system),
  };
}

/** Writes down what model steps ask, whether a model, a script or the case itself answers them. */
export class PromptLog {
  readonly byStep = new Map<string, SeenPrompt[]>();

  add(type: string, task: NodeTask): void {
    if (type !== "model_inference" || task.attempt > 1) return;
    const seen = seenPrompt(task);
    if (seen === null) return;
    const list = this.byStep.get(task.node);
    if (list) list.push(seen);
    else this.byStep.set(task.node, [seen]);
  }
}
