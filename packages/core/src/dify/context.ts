import { AppError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { pythonType, renderValue } from "./render.ts";

/** What a model is given to answer from, and the chunks that the answer may be traced back to. */
export interface Context {
  readonly text: string;
  readonly citations: readonly JsonObject[];
}

/** The text that stands for `{{#context#}}`: a text itself, or a line for each element of a list. */
export function contextOf(value: Json): Context {
  if (value === null) return { text: "", citations: [] };
  if (typeof value === "string") return { text: value, citations: [] };
  if (!Array.isArray(value)) return { text: renderValue(value), citations: [] };
  const lines: string[] = [];
  const citations: JsonObject[] = [];
  for (const item of value as readonly Json[]) {
    if (typeof item === "string") lines.push(item);
    else if (isJsonObject(item) && typeof item["content"] === "string") {
      if (typeof item["summary"] === "string" && item["summary"] !== "") lines.push(item["summary"]);
      lines.push(item["content"]);
      citations.push(item);
    } else throw invalidContext(item);
  }
  return { text: lines.join("\n").trim(), citations };
}

function invalidContext(item: Json): AppError {
  const reason = `Invalid context structure: a text or a chunk with content is needed, and here is ${pythonType(item)}`;
  return new AppError("STEP_FAILED", { reason, error_type: "InvalidContextStructureError" });
}
