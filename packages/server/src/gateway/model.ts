import type { Json, JsonObject } from "@weftwork/core";

/**
 * One call to one model. Everything that speaks to a model (a step, a facade, a policy of the gateway) sees this and
 * nothing else; a policy wraps a model and is a model.
 *
 * M1. `generate` and `stream` of the same request say the same: the text is the deltas joined.
 * M2. `stream` yields, for a text, one `text_start`, deltas, one `text_end`; then tool calls; last, one `finish`.
 *     What a model thinks aloud comes apart, as `reasoning_delta`, before or between these; it is no part of the text.
 * M3. A stream that ends without `finish` was cut; its reader must not take what it has for the whole.
 * M4. When the signal fires, the call ends by throwing the signal's reason; it yields nothing further.
 * M5. A failure is thrown as an `AppError`. A model never retries by itself.
 */
export interface Model {
  /** The name callers ask for, such as `builtin/extract`. */
  readonly id: string;
  /** Who serves it, such as `builtin` or `openai`. */
  readonly provider: string;
  /** What it can do. Left out: nobody has said; then it is sent everything, and its server refuses what it cannot take. */
  readonly abilities?: ModelAbilities;
  generate(request: ModelRequest, context: ModelContext): Promise<ModelResult>;
  stream(request: ModelRequest, context: ModelContext): AsyncIterable<ModelPart>;
}

export interface ModelAbilities {
  /** Kinds of files that it reads. */
  readonly media: readonly MediaKind[];
  /** Whether it can ask for tools. */
  readonly tools: boolean;
}

/** What a file is to a model: `document` is everything that is neither seen nor heard. */
export type MediaKind = (typeof MEDIA_KINDS)[number];
export const MEDIA_KINDS = ["image", "audio", "video", "document"] as const;

/** One call that turns texts into vectors of one length. Equal texts get equal vectors; the order is that of the texts. */
export interface EmbeddingModel {
  readonly id: string;
  readonly provider: string;
  /** Length of its vectors; null: only its server knows. */
  readonly dimensions: number | null;
  embed(texts: readonly string[], context: ModelContext): Promise<EmbeddingResult>;
}

export interface EmbeddingResult {
  readonly vectors: readonly (readonly number[])[];
  readonly usage: Usage;
}

export interface ModelRequest {
  readonly messages: readonly Message[];
  /** The instruction that stands above the conversation. The same as a first message of role `system`. */
  readonly system?: string;
  /** A JSON Schema that the answer must fit. The answer is then JSON, in `text` and as `object`. */
  readonly schema?: JsonObject;
  readonly tools?: readonly ModelTool[];
  /** Settings such as `temperature` or `max_tokens`, under the names of the OpenAI protocol; others go through. */
  readonly params?: JsonObject;
  readonly seed?: number;
}

export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | readonly ContentPart[];
}

export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  /** `url` may be a `data:` address. `detail` is how closely the model looks: `low`, `high` or `auto`. */
  | { readonly type: "image"; readonly url: string; readonly detail?: string }
  | { readonly type: "file"; readonly url: string; readonly mediaType: string; readonly name?: string }
  | ToolCall
  | { readonly type: "tool_result"; readonly id: string; readonly output: Json };

export interface ToolCall {
  readonly type: "tool_call";
  readonly id: string;
  readonly name: string;
  readonly arguments: Json;
}

export interface ModelTool {
  readonly name: string;
  readonly description?: string;
  readonly parameters: JsonObject;
}

export interface ModelContext {
  readonly signal: AbortSignal;
}

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "other";

export interface ModelResult {
  readonly text: string;
  /** What the model thought aloud, where its provider keeps that apart. */
  readonly reasoning?: string;
  readonly object?: Json;
  readonly toolCalls?: readonly ToolCall[];
  readonly usage: Usage;
  readonly finishReason: FinishReason;
  /** What answered, as exactly as the provider tells: its `system_fingerprint`; `builtin` for the builtin models. */
  readonly fingerprint: string;
}

export type ModelPart =
  | { readonly type: "text_start" }
  | { readonly type: "text_delta"; readonly text: string }
  | { readonly type: "text_end" }
  | { readonly type: "reasoning_delta"; readonly text: string }
  | ToolCall
  | {
      readonly type: "finish";
      readonly object?: Json;
      readonly usage: Usage;
      readonly finishReason: FinishReason;
      readonly fingerprint: string;
    };
