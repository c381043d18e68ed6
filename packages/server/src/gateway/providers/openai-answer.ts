import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { FinishReason, ModelPart, ModelRequest, ToolCall, Usage } from "../model.ts";
import { systemText, textOf } from "../parts.ts";
import { estimateTokens } from "../tokens.ts";
import { jsonOf } from "./openai-schema.ts";

interface OpenCall {
  id: string;
  name: string;
  arguments: string;
}

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};

/**
 * Makes the parts of an answer from the pieces of a stream. A whole completion is read as a stream of one piece, so
 * both ways say the same.
 */
export class AnswerReader {
  /** Whether something of the answer itself has come: text, reasoning or a tool call. */
  begun = false;
  private readonly model: string;
  private readonly request: ModelRequest;
  private text = "";
  private reasoning = "";
  private inText = false;
  private seen = false;
  private refused = false;
  private readonly calls = new Map<string, OpenCall>();
  private lastCall = "";
  private finishReason: FinishReason | null = null;
  private usage: JsonObject | null = null;
  private fingerprint = "";

  constructor(model: string, request: ModelRequest) {
    this.model = model;
    this.request = request;
  }

  /** Whether the model has said why it ended; a stream that ends before that was cut. */
  get isFinished(): boolean {
    return this.finishReason !== null;
  }

  /** Takes in a piece of a stream, or a completion, and gives what it adds. */
  push(data: JsonObject): ModelPart[] {
    if (isJsonObject(data["usage"])) this.usage = data["usage"];
    const fingerprint = data["system_fingerprint"] ?? data["model"];
    if (typeof fingerprint === "string" && (this.fingerprint === "" || data["system_fingerprint"] === fingerprint)) {
      this.fingerprint = fingerprint;
    }
    const choice = listOf(data["choices"]).find((one) => isJsonObject(one) && (one["index"] ?? 0) === 0);
    if (!isJsonObject(choice)) return [];
    this.seen = true;
    const piece = choice["delta"] ?? choice["message"];
    const parts = isJsonObject(piece) ? this.take(piece) : [];
    const reason = choice["finish_reason"];
    // A refusal says `stop` too.
    if (typeof reason === "string") this.finishReason = this.refused ? "content_filter" : (FINISH[reason] ?? "other");
    return parts;
  }

  /** What ends the answer. Throws where the model's tool calls cannot be read. */
  end(): ModelPart[] {
    if (!this.seen) {
      const reason = "it has no choices. Check the endpoint.";
      throw new AppError("MODEL_ANSWER_INVALID", { model: this.model, reason });
    }
    const parts: ModelPart[] = this.inText ? [{ type: "text_end" }] : [];
    const calls = [...this.calls.values()].map((call, at) => this.toolCall(call, at));
    const object = this.request.schema && calls.length === 0 ? jsonOf(this.text) : undefined;
    const finishReason = calls.length > 0 && this.finishReason === "stop" ? "tool_calls" : this.finishReason;
    return [
      ...parts,
      ...calls,
      {
        type: "finish",
        ...(object === undefined ? {} : { object }),
        usage: this.usageTold() ?? this.usageGuessed(),
        finishReason: finishReason ?? "other",
        fingerprint: this.fingerprint,
      },
    ];
  }

  private take(piece: JsonObject): ModelPart[] {
    const parts: ModelPart[] = [];
    const reasoning = textIn(piece["reasoning_content"]) || textIn(piece["reasoning"]);
    if (reasoning !== "") {
      this.reasoning += reasoning;
      parts.push({ type: "reasoning_delta", text: reasoning });
    }
    const refusal = textIn(piece["refusal"]);
    this.refused ||= refusal !== "";
    const text = textIn(piece["content"]) + refusal;
    if (text !== "") {
      if (!this.inText) parts.push({ type: "text_start" });
      this.inText = true;
      this.text += text;
      parts.push({ type: "text_delta", text });
    }
    const calls = listOf(piece["tool_calls"]);
    for (const call of calls) if (isJsonObject(call)) this.takeCall(call);
    this.begun ||= parts.length > 0 || calls.length > 0;
    return parts;
  }

  /** Pieces of one call share its index. Servers that number none, or all alike, tell calls apart by their ids. */
  private takeCall(piece: JsonObject): void {
    const id = textIn(piece["id"]);
    const { index } = piece;
    let key = typeof index === "number" ? `#${index}` : id === "" ? this.lastCall || "#0" : id;
    const known = this.calls.get(key);
    if (known && known.id !== "" && id !== "" && known.id !== id) key = id;
    this.lastCall = key;
    const call = this.calls.get(key) ?? { id: "", name: "", arguments: "" };
    this.calls.set(key, call);
    const named = isJsonObject(piece["function"]) ? piece["function"] : {};
    if (call.id === "") call.id = id;
    if (call.name === "") call.name = textIn(named["name"]);
    const given = named["arguments"];
    call.arguments += isJsonObject(given) ? JSON.stringify(given) : textIn(given);
  }

  private toolCall({ id, name, arguments: given }: OpenCall, at: number): ToolCall {
    const value = given.trim() === "" ? {} : jsonOf(given);
    if (name === "" || value === undefined) {
      const what = name === "" ? "a tool call names no tool" : `the arguments for the tool ${name} are not JSON`;
      const reason = this.finishReason === "length" ? `${what}; it was cut at its longest` : what;
      throw new AppError("MODEL_OUTPUT_INVALID", { model: this.model, reason });
    }
    return { type: "tool_call", id: id === "" ? `call_${at + 1}` : id, name, arguments: value };
  }

  /** What the provider counted, which is what it charges. */
  private usageTold(): Usage | null {
    const input = this.usage?.["prompt_tokens"];
    const output = this.usage?.["completion_tokens"] ?? 0;
    const total = this.usage?.["total_tokens"];
    if (!isCount(input) || !isCount(output)) return null;
    return { input_tokens: input, output_tokens: output, total_tokens: isCount(total) ? total : input + output };
  }

  private usageGuessed(): Usage {
    const { request } = this;
    const said = request.messages.filter(({ role }) => role !== "system").map(textOf);
    const input = [systemText(request), ...said].reduce((sum, text) => sum + estimateTokens(text), 0);
    const called = [...this.calls.values()].map((call) => call.name + call.arguments);
    const output = estimateTokens([this.text, this.reasoning, ...called].join(""));
    return { input_tokens: input, output_tokens: output, total_tokens: input + output };
  }
}

function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** A text, or the texts of a list of parts; thoughts within such a list are left out. */
function textIn(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return listOf(value)
    .map((part) => (isJsonObject(part) && part["type"] === "text" ? textIn(part["text"]) : ""))
    .join("");
}
