import { AppError, parseJson, type Json, type JsonObject } from "@weftwork/core";
import type { ModelRequest } from "../model.ts";
import type { Reply } from "./builtin-model.ts";
import { textOf } from "../parts.ts";
import { fits } from "./schema-check.ts";

/** The reply of `builtin/echo`: the last user message. With a schema, that message must be JSON that fits it. */
export function echo(request: ModelRequest): Reply {
  const last = request.messages.findLast((message) => message.role === "user");
  const text = last ? textOf(last) : "";
  return request.schema ? { object: parsed(text, request.schema) } : { text };
}

function parsed(text: string, schema: JsonObject): Json {
  let value: Json;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new AppError("MODEL_OUTPUT_INVALID", { reason: "the message to echo is not JSON" }, { cause: error });
  }
  if (fits(schema, value)) return value;
  throw new AppError("MODEL_OUTPUT_INVALID", { reason: "the message to echo does not fit" });
}
