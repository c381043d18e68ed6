import { setImmediate as nextTurn } from "node:timers/promises";
import type { Json } from "@weftwork/core";
import type { FinishReason, Model, ModelContext, ModelPart, ModelRequest, ModelResult, Usage } from "../model.ts";
import { chunks } from "./chunks.ts";
import { cutStream, failFirst, faultOf } from "./fault.ts";
import { textOf } from "../parts.ts";
import { estimateTokens, firstTokens } from "../tokens.ts";

/** What a builtin model answers: a text, or a value whose JSON is the text. */
export type Reply = { readonly text: string } | { readonly object: Json };

interface Written {
  readonly text: string;
  readonly object?: Json;
  readonly usage: Usage;
  readonly finishReason: FinishReason;
}

/** The fingerprint of all of them, which says: this is no language model. */
export const BUILTIN_FINGERPRINT = "builtin";
/** After so many deltas a stream lets others run, so that timers and signals are seen. */
const DELTAS_A_TURN = 64;

/**
 * A model from a function. The function is pure: the same request gives the same reply, on every machine, at every
 * time. Added here are the stream, the count of tokens, `params.max_tokens`, and the faults that a test may ask for
 * by `params.fault` (see `fault`).
 */
export function builtinModel(id: string, reply: (request: ModelRequest) => Reply): Model {
  async function* stream(request: ModelRequest, { signal }: ModelContext): AsyncGenerator<ModelPart> {
    signal.throwIfAborted();
    const fault = faultOf(request.params);
    await failFirst(id, fault, signal);
    const written = write(request, reply(request), fault.bad_json === true);
    yield { type: "text_start" };
    let sent = 0;
    for (const text of chunks(written.text)) {
      if (sent > 0 && sent % DELTAS_A_TURN === 0) await nextTurn();
      signal.throwIfAborted();
      if (sent === fault.cut_after) throw cutStream(id, sent);
      yield { type: "text_delta", text };
      sent++;
    }
    signal.throwIfAborted();
    if (fault.cut_after !== undefined) throw cutStream(id, sent);
    yield { type: "text_end" };
    const { text: _text, ...rest } = written;
    yield { type: "finish", ...rest, fingerprint: BUILTIN_FINGERPRINT };
  }

  async function generate(request: ModelRequest, { signal }: ModelContext): Promise<ModelResult> {
    signal.throwIfAborted();
    const fault = faultOf(request.params);
    await failFirst(id, fault, signal);
    const written = write(request, reply(request), fault.bad_json === true);
    if (fault.cut_after !== undefined) throw cutStream(id, fault.cut_after);
    return { ...written, fingerprint: BUILTIN_FINGERPRINT };
  }

  return { id, provider: "builtin", abilities: { media: [], tools: false }, generate, stream };
}

function write(request: ModelRequest, reply: Reply, badJson: boolean): Written {
  const whole = "text" in reply ? reply.text : JSON.stringify(reply.object);
  if (badJson) return { text: broken(whole), usage: usageOf(request, broken(whole)), finishReason: "stop" };
  const most = request.params?.["max_tokens"] ?? request.params?.["max_completion_tokens"];
  const isText = "text" in reply;
  const text = isText && typeof most === "number" && most >= 0 ? firstTokens(whole, most) : whole;
  const finishReason = text === whole ? "stop" : "length";
  return { text, ...(isText ? {} : { object: reply.object }), usage: usageOf(request, text), finishReason };
}

/** Text that begins like JSON and is none. */
function broken(text: string): string {
  const start = /^[{[]/.test(text) ? text.slice(0, -1) : `{"text": ${JSON.stringify(text)}`;
  return `${start},`;
}

function usageOf(request: ModelRequest, output: string): Usage {
  const said = request.messages.reduce((sum, message) => sum + estimateTokens(textOf(message)), 0);
  const input = said + estimateTokens(request.system ?? "");
  const written = estimateTokens(output);
  return { input_tokens: input, output_tokens: written, total_tokens: input + written };
}
