import { AppError, type Json, type JsonObject } from "@weftwork/core";
import type { ContentPart, Message, ModelRequest, ModelTool, ToolCall } from "../model.ts";

/** The messages of a request in the words of the OpenAI protocol. Throws `MODEL_REQUEST_INVALID` for what has none. */
export function wireMessages(model: string, request: ModelRequest): JsonObject[] {
  const system = request.system ? [{ role: "system", content: request.system }] : [];
  return [...system, ...request.messages.flatMap((message) => wireMessage(model, message))];
}

export function wireTool({ name, description, parameters }: ModelTool): JsonObject {
  return { type: "function", function: { name, ...(description ? { description } : {}), parameters } };
}

function wireMessage(model: string, { role, content }: Message): JsonObject[] {
  if (typeof content === "string") return [{ role, content }];
  const results = content.filter((part) => part.type === "tool_result");
  const calls = content.filter((part) => part.type === "tool_call");
  const rest = content.filter((part) => part.type !== "tool_result" && part.type !== "tool_call");
  const messages: JsonObject[] = results.map(({ id, output }) => ({
    role: "tool",
    tool_call_id: id,
    content: typeof output === "string" ? output : JSON.stringify(output),
  }));
  if (calls.length > 0) {
    messages.push({
      role: "assistant",
      content: rest.length === 0 ? null : wireContent(model, rest),
      tool_calls: calls.map(wireCall),
    });
  } else if (rest.length > 0 || results.length === 0) messages.push({ role, content: wireContent(model, rest) });
  return messages;
}

function wireCall({ id, name, arguments: given }: ToolCall): JsonObject {
  return { id, type: "function", function: { name, arguments: JSON.stringify(given) } };
}

type SpokenPart = Exclude<ContentPart, { type: "tool_call" | "tool_result" }>;

/** Text alone goes as text: many servers read nothing else. */
function wireContent(model: string, parts: readonly SpokenPart[]): Json {
  if (parts.every((part) => part.type === "text")) return parts.map(({ text }) => text).join("\n");
  return parts.map((part) => wirePart(model, part));
}

function wirePart(model: string, part: SpokenPart): JsonObject {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text };
    case "image":
      return { type: "image_url", image_url: { url: part.url, ...(part.detail ? { detail: part.detail } : {}) } };
    case "file":
      return wireFile(model, part);
    default: {
      const { type } = part as { readonly type: string };
      const reason = `a message has a part of type ${type}; known are text, image, file, tool_call and tool_result.`;
      throw new AppError("MODEL_REQUEST_INVALID", { model, reason });
    }
  }
}

const AUDIO: Readonly<Record<string, string>> = { "audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3" };

function wireFile(model: string, { url, mediaType, name }: Extract<ContentPart, { type: "file" }>): JsonObject {
  if (mediaType.startsWith("image/")) return { type: "image_url", image_url: { url } };
  if (!url.startsWith("data:")) {
    const reason = "the protocol takes files of this kind as data: addresses only.";
    throw new AppError("MODEL_REQUEST_INVALID", { model, reason });
  }
  const format = AUDIO[mediaType];
  if (format) return { type: "input_audio", input_audio: { data: url.slice(url.indexOf(",") + 1), format } };
  return { type: "file", file: { filename: name ?? "file", file_data: url } };
}
