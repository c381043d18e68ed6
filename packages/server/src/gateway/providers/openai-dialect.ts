import type { JsonObject } from "@weftwork/core";
import type { ModelRequest } from "../model.ts";
import { wireMessages, wireTool } from "./openai-messages.ts";
import { responseFormat, schemaInstruction, SCHEMA_WAYS } from "./openai-schema.ts";

/** What one server takes of the protocol. Begins with all of it, and learns from refusals. */
export interface Dialect {
  /** Index into `SCHEMA_WAYS`. */
  readonly schemaWay: number;
  readonly streamOptions: boolean;
  readonly seed: boolean;
  /** `max_completion_tokens` in place of `max_tokens`, as newer servers want it. */
  readonly completionTokens: boolean;
}

export const FULL_DIALECT: Dialect = { schemaWay: 0, streamOptions: true, seed: true, completionTokens: false };

export interface BodyOptions {
  /** The name of this model for error messages, and the one its server knows it by. */
  readonly id: string;
  readonly model: string;
  readonly params: JsonObject;
  readonly stream: boolean;
}

/** The body of a chat call. What the request says goes before the settings of the deployment. */
export function chatBody(options: BodyOptions, request: ModelRequest, dialect: Dialect): JsonObject {
  const { id, model, params, stream } = options;
  const settings: Record<string, JsonObject[string]> = { ...params, ...request.params };
  if (request.seed !== undefined && settings["seed"] === undefined && dialect.seed) {
    // Servers differ in how large a seed may be; 31 bits fit all of them.
    settings["seed"] = request.seed & 0x7f_ff_ff_ff;
  }
  if (dialect.completionTokens && settings["max_tokens"] !== undefined) {
    settings["max_completion_tokens"] ??= settings["max_tokens"];
    delete settings["max_tokens"];
  }
  let { system } = request;
  if (request.schema) {
    const way = SCHEMA_WAYS[dialect.schemaWay]!;
    const format = responseFormat(way, request.schema);
    if (format) settings["response_format"] = format;
    if (way !== "json_schema") system = [system, schemaInstruction(request.schema)].filter(Boolean).join("\n\n");
  }
  return {
    ...settings,
    ...(request.tools ? { tools: request.tools.map(wireTool) } : {}),
    model,
    messages: wireMessages(id, system === undefined ? request : { ...request, system }),
    stream,
    ...(stream && dialect.streamOptions ? { stream_options: { include_usage: true } } : {}),
  };
}

/**
 * What to leave out next when a server has refused a body with these words, or null when nothing is left that it could
 * mean. `named` says whether the refusal spoke of it; if it did not, leaving it out is a guess.
 */
export function simpler(
  dialect: Dialect,
  body: JsonObject,
  refusal: string,
): { readonly dialect: Dialect; readonly named: boolean } | null {
  const words = refusal.toLowerCase();
  if (dialect.streamOptions && body["stream_options"] !== undefined && /stream_options|include_usage/.test(words)) {
    return { dialect: { ...dialect, streamOptions: false }, named: true };
  }
  if (!dialect.completionTokens && body["max_tokens"] !== undefined && words.includes("max_completion_tokens")) {
    return { dialect: { ...dialect, completionTokens: true }, named: true };
  }
  if (dialect.seed && body["seed"] !== undefined && /\bseed\b/.test(words)) {
    return { dialect: { ...dialect, seed: false }, named: true };
  }
  if (body["response_format"] !== undefined && dialect.schemaWay + 1 < SCHEMA_WAYS.length) {
    const named = /response_format|json_schema|json_object|schema|grammar/.test(words);
    return { dialect: { ...dialect, schemaWay: dialect.schemaWay + 1 }, named };
  }
  return null;
}
