import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { commonFields, historyOf, isDify, visionFiles } from "./dify.ts";

/** The fields of classifiers and extractors that came from a Dify file, as those of the native steps. */

export function classifierFromDify(config: unknown): unknown {
  if (!isJsonObject(config) || !isDify(config)) return config;
  return { ...choiceFields(config), classes: config["classes"], on_unknown: "first" };
}

export function extractorFromDify(config: unknown): unknown {
  if (!isJsonObject(config) || !isDify(config)) return config;
  const { parameters, reasoning_mode: mode } = config;
  return { ...choiceFields(config), parameters, mode: mode === "prompt" ? "prompt" : "function_call", strict: false };
}

function choiceFields(config: JsonObject): JsonObject {
  const { query, instruction } = config;
  const common = commonFields(config);
  const vision = { ...(common["vision"] as JsonObject), files: visionFiles(config) };
  // Messages of the conversation are told in texts; what only has files says nothing here.
  const history = historyOf(config).flatMap(({ role, content }): Json[] => (content === "" ? [] : [{ role, content }]));
  return {
    ...common,
    vision,
    query: query ?? "",
    ...(typeof instruction === "string" ? { instruction } : {}),
    ...(history.length > 0 ? { history } : {}),
    repair: false,
  };
}
