import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Catalog } from "../../gateway/catalog.ts";
import type { Model } from "../../gateway/model.ts";
import type { Toolbox } from "../../tools/tool.ts";
import { modelOf } from "../model/fields.ts";
import { historyOf } from "../model/dify.ts";
import type { NodeExecutor, NodeTask, Outcome } from "../node.ts";
import { failedKind, withConfig } from "./dialect.ts";
import { referenceOf, toolsOfAgent } from "./tool-names.ts";

export interface AgentParts {
  readonly catalog: Catalog<Model>;
  readonly tools: Toolbox;
}

/** An agent node by the executor of native agents. */
export async function difyAgent(native: NodeExecutor, parts: AgentParts, task: NodeTask): Promise<Outcome> {
  let fields: JsonObject;
  try {
    fields = nativeFields(task.config, parts);
  } catch (error) {
    return failedKind(error, "AgentNodeError");
  }
  const outcome = await native.execute(withConfig(task, fields));
  if (outcome.type === "failed") return failedKind(outcome.failure, "AgentNodeError");
  if (outcome.type === "parked") return outcome;
  const { text = "", steps = [] } = outcome.output as { readonly text?: string; readonly steps?: readonly Json[] };
  const { usage } = outcome;
  return { ...outcome, output: { text, files: [], json: [{ data: steps }], usage: usage ? { ...usage } : {} } };
}

function nativeFields(config: JsonObject, { catalog, tools: box }: AgentParts): JsonObject {
  const parameters = isJsonObject(config["parameters"]) ? config["parameters"] : {};
  const model = modelOf(catalog, { model: textIn(config["model"]), provider: textIn(config["provider"]) });
  const rounds = Number(parameters["maximum_iterations"] ?? NaN);
  const tools = toolsOfAgent(parameters["tools"]).map((tool): JsonObject => {
    const { tool: name, arguments: fixed = {} } = referenceOf(box, tool);
    const words = tool.description === "" ? {} : { description: tool.description };
    return { tool: name, ...words, ...(Object.keys(fixed).length === 0 ? {} : { arguments: fixed }) };
  });
  const context = textIn(parameters["context"]);
  const instruction = [textIn(parameters["instruction"]), context].filter((text) => text !== "").join("\n\n");
  return {
    model: model.id,
    instruction,
    messages: historyOf(config).map(({ role, content }) => ({ role, content })),
    prompt: textIn(parameters["query"]),
    tools,
    strategy: /react/i.test(textIn(config["strategy"])) ? "react" : "function_calling",
    ...(Number.isInteger(rounds) && rounds >= 1 ? { max_iterations: Math.min(rounds, 1000) } : {}),
    ...(isJsonObject(config["params"]) ? { params: config["params"] } : {}),
    details: true,
  };
}

function textIn(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
