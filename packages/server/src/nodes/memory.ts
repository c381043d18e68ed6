import { isJsonObject, type JsonObject } from "@weftwork/core";
import { isDify } from "./model/dify.ts";
import type { NodeExecutor, NodeTask, Outcome } from "./node.ts";

/** What was said before in the conversation that a run belongs to: so many questions with their answers. */
export type MemorySource = (tenant: string, runId: string, rounds: number) => Promise<readonly JsonObject[]>;

/** Questions that are remembered when the step does not say how many, and when it says more. */
const ROUNDS_DEFAULT = 50;
const ROUNDS_MAX = 500;

/**
 * Gives steps of imported workflows that ask for it the memory of their conversation: in their config it is
 * `memory.history`. A window counts questions with their answers; a history of the executor counts messages.
 */
export function withMemory(executor: NodeExecutor, source: MemorySource): NodeExecutor {
  return {
    ...executor,
    execute(task) {
      const { memory } = task.config;
      if (!isDify(task.config) || !isJsonObject(memory)) return executor.execute(task);
      const remembered = async (): Promise<Outcome> => {
        const history = await source(task.tenant, task.runId, roundsOf(memory));
        const window = { enabled: true, size: history.length };
        return executor.execute(withConfig(task, { ...task.config, memory: { ...memory, history, window } }));
      };
      return remembered();
    },
  };
}

/** The same task with another config. Members of a task may be computed when they are asked for: none is left behind. */
function withConfig(task: NodeTask, config: JsonObject): NodeTask {
  const { runId, tenant, workflowHash, scope, node, attempt, resources, key, seed, signal, secrets } = task;
  const place = { runId, tenant, workflowHash, scope, node, attempt, resources, key, seed, signal, secrets };
  return { ...place, config, input: () => task.input(), emit: (part) => task.emit(part) };
}

function roundsOf({ window }: JsonObject): number {
  const size = isJsonObject(window) && window["enabled"] === true ? window["size"] : null;
  return typeof size === "number" && size > 0 ? Math.min(Math.floor(size), ROUNDS_MAX) : ROUNDS_DEFAULT;
}
