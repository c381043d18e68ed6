import { checkCodeOutputs, DIFY_CODE_LIMITS, type Json, type JsonObject } from "@weftwork/core";
import { hasDifyLimits } from "./dialect.ts";

/** What code returned, checked against the outputs that its node declares. Throws in the words of Dify. */
export function codeOutputs(config: JsonObject, result: Json): JsonObject {
  const outputs = config["outputs"] ?? null;
  return hasDifyLimits(config)
    ? checkCodeOutputs(result, outputs, DIFY_CODE_LIMITS)
    : checkCodeOutputs(result, outputs);
}
