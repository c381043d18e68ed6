import { Mask, type MaskedStream } from "../../secrets/mask.ts";
import type { Secret } from "../../secrets/secret.ts";
import type { Model, ModelPart, ModelResult } from "../model.ts";

/** Names of headers that sign in. Others, such as the name of an organisation, may be words of an answer. */
const CREDENTIAL = /auth|key|token|secret|cookie|password/i;

export function isCredential(header: string): boolean {
  return CREDENTIAL.test(header);
}

/**
 * A model whose answers never hold the secrets that its calls are signed with: a server that repeats what it was sent
 * puts them into no result, stream or record.
 */
export function maskedModel(model: Model, secrets: readonly Secret[]): Model {
  if (secrets.length === 0) return model;
  const mask = new Mask(secrets);
  return {
    id: model.id,
    provider: model.provider,
    ...(model.abilities ? { abilities: model.abilities } : {}),
    generate: async (request, context) => maskedResult(await model.generate(request, context), mask),
    async *stream(request, context) {
      const texts = { text_delta: mask.stream(), reasoning_delta: mask.stream() };
      for await (const part of model.stream(request, context)) yield* maskedPart(part, texts, mask);
    },
  };
}

type Texts = Readonly<Record<"text_delta" | "reasoning_delta", MaskedStream>>;

/** Text may come later than the model gave it; what is held back goes out before whatever ends it. */
function* maskedPart(part: ModelPart, texts: Texts, mask: Mask): Generator<ModelPart> {
  switch (part.type) {
    case "text_delta":
    case "reasoning_delta": {
      const text = texts[part.type].push(part.text);
      if (text !== "") yield { ...part, text };
      return;
    }
    case "text_start":
      yield part;
      return;
    case "text_end":
      yield* rest("text_delta", texts);
      yield part;
      return;
    case "tool_call":
      yield { ...part, arguments: mask.value(part.arguments) };
      return;
    case "finish":
      yield* rest("reasoning_delta", texts);
      yield part.object === undefined ? part : { ...part, object: mask.value(part.object) };
  }
}

function* rest(type: keyof Texts, texts: Texts): Generator<ModelPart> {
  const text = texts[type].end();
  if (text !== "") yield { type, text };
}

function maskedResult(result: ModelResult, mask: Mask): ModelResult {
  const { text, reasoning, object, toolCalls } = result;
  return {
    ...result,
    text: mask.text(text),
    ...(reasoning === undefined ? {} : { reasoning: mask.text(reasoning) }),
    ...(object === undefined ? {} : { object: mask.value(object) }),
    ...(toolCalls === undefined
      ? {}
      : { toolCalls: toolCalls.map((call) => ({ ...call, arguments: mask.value(call.arguments) })) }),
  };
}
