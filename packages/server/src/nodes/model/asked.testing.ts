import type { JsonObject } from "@weftwork/core";
import { modelCatalog } from "../../gateway/catalog.ts";
import type { Model, ModelAbilities, ModelPart, ModelRequest } from "../../gateway/model.ts";
import type { ModelNodeOptions } from "../model-inference.ts";
import type { NodeExecutor, Outcome } from "../node.ts";
import { testTask, type TestTask, type TestTaskOptions } from "../test-task.ts";

export const USAGE = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };

/** What a model of a test says to one call: text in its pieces, or parts of a stream. */
export type Says = string | readonly (string | ModelPart)[];

export interface SayingModel extends Model {
  readonly requests: ModelRequest[];
}

/** A model that answers each call with the next of these, and the last of them for ever. */
export function saying(answers: readonly Says[], abilities?: ModelAbilities): SayingModel {
  const requests: ModelRequest[] = [];
  return {
    id: "test/model",
    provider: "test",
    ...(abilities ? { abilities } : {}),
    requests,
    generate: () => Promise.reject(new Error("nodes stream")),
    async *stream(request) {
      const says = answers[Math.min(requests.length, answers.length - 1)]!;
      requests.push(request);
      const parts = typeof says === "string" ? [says] : says;
      for (const part of parts) yield typeof part === "string" ? { type: "text_delta", text: part } : part;
      const calls = parts.some((part) => typeof part !== "string" && part.type === "tool_call");
      const isEnded = parts.some((part) => typeof part !== "string" && part.type === "finish");
      if (!isEnded)
        yield { type: "finish", usage: USAGE, finishReason: calls ? "tool_calls" : "stop", fingerprint: "test" };
    },
  };
}

export interface Done {
  readonly outcome: Outcome;
  readonly task: TestTask;
}

/** Runs one task of a node that asks this model. */
export async function asked(
  node: (options: ModelNodeOptions) => NodeExecutor,
  model: Model,
  config: JsonObject,
  options: TestTaskOptions & Pick<ModelNodeOptions, "files"> = {},
): Promise<Done> {
  const { files = null, ...rest } = options;
  const catalog = modelCatalog([model], { default: model.id });
  const task = testTask(config, rest);
  return { outcome: await node({ catalog, files }).execute(task), task };
}

export function outputOf({ outcome }: Done): unknown {
  if (outcome.type === "completed") return outcome.output;
  throw new Error(JSON.stringify(outcome));
}
