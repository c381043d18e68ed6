import type { ServerResponse } from "node:http";
import type { JsonObject } from "@weftwork/core";
import { lastMessage, type Chunks, type ScriptedAnswer, type ScriptedToolCall } from "./model-script.ts";

type Spoken = Extract<ScriptedAnswer, { text: Chunks; toolCalls?: unknown }>;
type Fault = Extract<ScriptedAnswer, { fault: unknown }>;
type Refused = Extract<ScriptedAnswer, { status: unknown }>;

/** The same for every answer, so that recorded runs are equal. */
const HEAD = { id: "chatcmpl-scripted", created: 1_700_000_000, system_fingerprint: "scripted" };

/** Sends a scripted answer to a chat call, streamed or whole as the call asks. Ends early when the caller has left. */
export async function sendAnswer(response: ServerResponse, body: JsonObject, answer: ScriptedAnswer): Promise<void> {
  if ("status" in answer) return sendRefusal(response, answer);
  if ("fault" in answer) return sendFault(response, body, answer);
  const spoken: Spoken =
    "json" in answer ? { text: JSON.stringify(answer.json) } : "text" in answer ? answer : { text: "", ...answer };
  if (body["stream"] === true) await sendStream(response, body, spoken);
  else await sendWhole(response, body, spoken);
}

async function sendStream(response: ServerResponse, body: JsonObject, spoken: Spoken): Promise<void> {
  const options = body["stream_options"] as JsonObject | undefined;
  beginStream(response);
  sendDelta(response, body, { role: "assistant", content: "" });
  if (spoken.reasoning) sendDelta(response, body, { reasoning_content: spoken.reasoning });
  for (const chunk of chunksOf(spoken.text)) {
    if (typeof chunk !== "string") await chunk;
    else if (chunk !== "") sendDelta(response, body, { content: chunk });
    if (response.destroyed) return;
  }
  for (const [index, call] of (spoken.toolCalls ?? []).entries()) sendCall(response, body, call, index);
  const choice = { index: 0, delta: {}, finish_reason: finishReason(spoken) };
  sendEvent(response, { ...head(body, "chat.completion.chunk"), choices: [choice] });
  const usage = options?.["include_usage"] === true ? await usageOf(body, spoken) : null;
  if (usage) sendEvent(response, { ...head(body, "chat.completion.chunk"), choices: [], usage });
  response.end("data: [DONE]\n\n");
}

/** The call's arguments in two pieces, as servers send them. */
function sendCall(response: ServerResponse, body: JsonObject, call: ScriptedToolCall, index: number): void {
  const { id, function: called } = wireCall(call, index);
  const half = Math.ceil(called.arguments.length / 2);
  const first = {
    index,
    id,
    type: "function",
    function: { name: called.name, arguments: called.arguments.slice(0, half) },
  };
  sendDelta(response, body, { tool_calls: [first] });
  sendDelta(response, body, { tool_calls: [{ index, function: { arguments: called.arguments.slice(half) } }] });
}

async function sendWhole(response: ServerResponse, body: JsonObject, spoken: Spoken): Promise<void> {
  const text = await joined(spoken.text);
  if (response.destroyed) return;
  const message = {
    role: "assistant",
    content: text,
    ...(spoken.reasoning ? { reasoning_content: spoken.reasoning } : {}),
    ...(spoken.toolCalls ? { tool_calls: spoken.toolCalls.map(wireCall) } : {}),
  };
  const choices = [{ index: 0, message, finish_reason: finishReason(spoken) }];
  const usage = await usageOf(body, spoken);
  sendJson(response, 200, { ...head(body, "chat.completion"), choices, ...(usage ? { usage } : {}) });
}

function sendRefusal(response: ServerResponse, refused: Refused): void {
  const { status, message = `refused with ${status}`, code = null, type = null, retryAfter, headers = {} } = refused;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (retryAfter !== undefined) response.setHeader("retry-after", String(retryAfter));
  sendJson(response, status, { error: { message, type, code } });
}

function sendFault(response: ServerResponse, body: JsonObject, { fault, text = "Half an answer" }: Fault): void {
  const half = text.slice(0, Math.ceil(text.length / 2));
  switch (fault) {
    case "hang":
      return;
    case "stall":
      beginStream(response);
      response.flushHeaders();
      return;
    case "html":
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Sign in</title>");
      return;
    case "empty":
      response.writeHead(200, { "content-type": "application/json" }).end();
      return;
    case "invalid_json":
      if (body["stream"] !== true) response.writeHead(200, { "content-type": "application/json" }).end('{"choices": [');
      else {
        beginStream(response);
        response.end('data: {"choices": [\n\n');
      }
      return;
    default:
      beginStream(response);
      sendDelta(response, body, { role: "assistant", content: half });
  }
  if (fault === "end") response.end();
  else if (fault === "error_event") {
    sendEvent(response, { error: { message: "The server had an error", type: "server_error", code: null } });
    response.end();
    // What was written leaves before the connection breaks.
  } else setImmediate(() => response.destroy());
}

function beginStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
}

function sendDelta(response: ServerResponse, body: JsonObject, delta: object): void {
  sendEvent(response, {
    ...head(body, "chat.completion.chunk"),
    choices: [{ index: 0, delta, finish_reason: null }],
  });
}

function sendEvent(response: ServerResponse, event: object): void {
  response.write(`data: ${JSON.stringify(event)}\n\n`);
}

export function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function head(body: JsonObject, object: string): JsonObject {
  return { ...HEAD, object, model: body["model"] ?? "scripted" };
}

function wireCall({ name, id, arguments: given }: ScriptedToolCall, index: number) {
  return { id: id ?? `call_${index + 1}`, type: "function", function: { name, arguments: JSON.stringify(given) } };
}

function finishReason({ finishReason: said, toolCalls = [] }: Spoken): string {
  return said ?? (toolCalls.length > 0 ? "tool_calls" : "stop");
}

async function usageOf(body: JsonObject, spoken: Spoken): Promise<JsonObject | null> {
  if (spoken.usage === null) return null;
  const input = spoken.usage?.input_tokens ?? words(lastMessage(body));
  const output = spoken.usage?.output_tokens ?? words(await joined(spoken.text));
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

function words(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}

async function joined(text: Chunks): Promise<string> {
  let whole = "";
  for (const chunk of chunksOf(text)) {
    if (typeof chunk === "string") whole += chunk;
    else await chunk;
  }
  return whole;
}

/** A text without chunks of its own goes word by word. */
function chunksOf(text: Chunks): readonly (string | PromiseLike<unknown>)[] {
  return typeof text === "string" ? (text.match(/\S+\s*|\s+/g) ?? []) : text;
}
