import { AppError, contextOf, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Answer } from "./ask.ts";
import { HISTORY_WINDOW } from "./compose.ts";
import { filesIn } from "./content.ts";

/**
 * Steps that came from a Dify file say what they want in the words of that file. Here these become the fields of the
 * native steps, and answers become the outputs that the file's other nodes read.
 */

export function isDify(config: JsonObject): boolean {
  return config["dialect"] === "dify";
}

/** The fields of a step that asks a model, native ones as they are. */
export function fromDify(config: unknown): unknown {
  if (!isJsonObject(config) || !isDify(config)) return config;
  const { prompt } = config;
  const completion = typeof prompt === "string";
  const messages: Said[] = completion
    ? [{ role: "user", content: completionText(config, prompt) }]
    : chatMessages(config);
  const isSaid = ({ content, files = [] }: Said): boolean => content.trim() !== "" || files.length > 0;
  // Messages without text and files are left out.
  const seen = withFiles(messages.filter(isSaid), visionFiles(config));
  if (seen.length === 0) {
    const reason =
      "No prompt found in the LLM configuration. Please ensure a prompt is properly configured before proceeding.";
    throw new AppError("STEP_FAILED", { reason, error_type: "NoPromptFoundError" });
  }
  return {
    ...commonFields(config),
    messages: seen,
    ...(isJsonObject(config["schema"]) ? { schema: config["schema"] } : {}),
    reasoning: config["reasoning_format"] === "separated" ? "separated" : "tagged",
    repair: false,
  };
}

/** What all nodes that ask a model have: which one, and with what settings. */
export function commonFields(config: JsonObject): JsonObject {
  const { model, provider } = config;
  return {
    ...(typeof model === "string" && model !== "" ? { model } : {}),
    ...(typeof provider === "string" ? { provider } : {}),
    params: paramsOf(config["params"]),
    vision: { detail: detailOf(config), unsupported: "drop" },
  };
}

/** Settings by the names of the protocol. A format of the answer is a word there, and a map in the protocol. */
function paramsOf(params: Json | undefined): JsonObject {
  if (!isJsonObject(params)) return {};
  const { response_format: format, json_schema: schema, ...rest } = params;
  if (typeof format !== "string") return params;
  if (/^json(?:_object)?$/i.test(format)) return { ...rest, response_format: { type: "json_object" } };
  if (format !== "json_schema" || schema === undefined) return rest;
  try {
    const read = typeof schema === "string" ? (JSON.parse(schema) as Json) : schema;
    return { ...rest, response_format: { type: "json_schema", json_schema: read } };
  } catch {
    throw new AppError("STEP_FAILED", { reason: "json_schema among the settings of its model is not JSON" });
  }
}

function detailOf({ vision }: JsonObject): string | null {
  const detail = isJsonObject(vision) ? vision["detail"] : null;
  return detail === "low" || detail === "high" || detail === "auto" ? detail : null;
}

export function visionFiles({ vision }: JsonObject): readonly Json[] {
  return isJsonObject(vision) ? filesIn(vision["files"]) : [];
}

interface Said {
  readonly role: string;
  readonly content: string;
  readonly files?: readonly Json[];
}

/** The prompt's messages, those of the conversation, the question. */
function chatMessages(config: JsonObject): Said[] {
  const context = contextOf(config["context"] ?? null).text;
  // Files that a text refers to are a message of their own behind it.
  const prompt = mapsIn(config["messages"]).flatMap((map): Said[] => {
    const role = textIn(map["role"]);
    const content = textIn(map["content"]).replaceAll("{{#context#}}", () => context);
    return [
      { role, content },
      { role, content: "", files: filesIn(map["files"]) },
    ];
  });
  const memory = config["memory"];
  if (!isJsonObject(memory)) return prompt;
  return [...prompt, ...historyOf(config), { role: "user", content: textIn(memory["query"]) }];
}

/** One text: earlier messages where it names them, else in front. */
function completionText(config: JsonObject, prompt: string): string {
  const text = prompt.replaceAll("{{#context#}}", () => contextOf(config["context"] ?? null).text);
  const { memory } = config;
  if (!isJsonObject(memory)) return text.replaceAll("{{#histories#}}", "");
  const prefix = isJsonObject(memory["role_prefix"]) ? memory["role_prefix"] : {};
  const names: Readonly<Record<string, string>> = {
    user: textIn(prefix["user"]) || "Human",
    assistant: textIn(prefix["assistant"]) || "Assistant",
  };
  const lines = historyOf(config).map(({ role, content, files = [] }) =>
    [`${names[role]}: ${content}`, ...files.map(() => "[image]")].join("\n"),
  );
  const histories = lines.join("\n");
  if (text.includes("{{#histories#}}")) return text.replaceAll("{{#histories#}}", () => histories);
  return histories === "" ? text : `${histories}\n${text}`;
}

/** The newest messages of the conversation: as many as the window takes, when it has one. */
export function historyOf(config: JsonObject): Said[] {
  const { memory } = config;
  if (!isJsonObject(memory)) return [];
  const window =
    isJsonObject(memory["window"]) && memory["window"]["enabled"] === true ? memory["window"]["size"] : null;
  const size = typeof window === "number" && window >= 0 ? window : HISTORY_WINDOW;
  const said = mapsIn(memory["history"]).map((map): Said => ({
    role: map["role"] === "assistant" ? "assistant" : "user",
    content: textIn(map["content"]),
    files: filesIn(map["files"]),
  }));
  return size === 0 ? [] : said.slice(-size);
}

/** Files go before the parts of the last message of the user, if that has files of its own; else they are a message. */
function withFiles(messages: readonly Said[], files: readonly Json[]): readonly Said[] {
  const last = messages.at(-1);
  if (files.length === 0) return messages;
  if (last?.role !== "user" || (last.files ?? []).length === 0)
    return [...messages, { role: "user", content: "", files }];
  return [...messages.slice(0, -1), { ...last, files: [...files, ...last.files!] }];
}

function mapsIn(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter(isJsonObject) : [];
}

function textIn(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The outputs of an llm node. `structured`: left out where no schema was asked for. */
export function difyOutputs(answer: Answer, structured: Json | undefined): JsonObject {
  const { reasoning, finishReason } = answer;
  // Where thoughts were taken out, the lines around them are not left empty.
  const text = reasoning === "" ? answer.text : answer.text.replaceAll(/\n\s*\n/g, "\n\n").trim();
  return {
    text,
    reasoning_content: reasoning,
    usage: difyUsage(answer),
    finish_reason: finishReason,
    files: [],
    ...(structured === undefined ? {} : { structured_output: structured }),
  };
}

/** Tokens and time in the members that readers of such outputs know. Prices are not known here, and are zero. */
export function difyUsage({ usage, firstMs, totalMs }: Answer): JsonObject {
  const seconds = (ms: number): number => Math.round(ms) / 1000;
  return {
    prompt_tokens: usage.input_tokens,
    prompt_unit_price: "0",
    prompt_price_unit: "0",
    prompt_price: "0",
    completion_tokens: usage.output_tokens,
    completion_unit_price: "0",
    completion_price_unit: "0",
    completion_price: "0",
    total_tokens: usage.total_tokens,
    total_price: "0",
    currency: "USD",
    latency: seconds(totalMs),
    time_to_first_token: seconds(firstMs),
    time_to_generate: seconds(totalMs - firstMs),
  };
}
