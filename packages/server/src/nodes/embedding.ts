import { AppError, isJsonObject, type Json } from "@weftwork/core";
import { z } from "zod";
import type { Catalog } from "../gateway/catalog.ts";
import type { EmbeddingModel, Usage } from "../gateway/model.ts";
import { completed, defineNode } from "./define-node.ts";
import type { NodeExecutor } from "./node.ts";

const TEXTS_MAX = 10_000;
/** Texts of one call: what every server takes. */
const BATCH = 64;

const config = z.object({ model: z.string().nullish() });

export interface EmbeddingNodeOptions {
  readonly embeddings: Catalog<EmbeddingModel>;
}

/**
 * `embedding {model input}` → the vector of a text; of a list of texts, or of chunks, the list of their vectors. Without a
 * model, that of the name `text_embedding`, or `builtin/hash-embedding`, which knows words and not meanings.
 */
export function embeddingNode({ embeddings }: EmbeddingNodeOptions): NodeExecutor {
  return defineNode({
    type: "embedding",
    effect: "idempotent",
    pool: "retrieval",
    timeoutMs: 600_000,
    config,
    async execute({ model }, task) {
      const input = task.input();
      const isList = Array.isArray(input);
      const texts = (isList ? (input as readonly Json[]) : [input]).map(contentOf);
      const found = embeddings.get(model ?? undefined);
      const { vectors, usage } = await vectorsOf(found, texts, task.signal);
      return completed(isList ? vectors : vectors[0], { usage });
    },
  });
}

/** The vectors of texts, in their order. Throws what the model throws, and `STEP_FAILED` for more than 10,000. */
export async function vectorsOf(
  model: EmbeddingModel,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly vectors: readonly (readonly number[])[]; readonly usage: Usage }> {
  if (texts.length > TEXTS_MAX) {
    throw new AppError("STEP_FAILED", { reason: `it was given ${texts.length} texts; at most ${TEXTS_MAX} are taken` });
  }
  const vectors: (readonly number[])[] = [];
  let tokens = 0;
  for (let at = 0; at < texts.length; at += BATCH) {
    const one = await model.embed(texts.slice(at, at + BATCH), { signal });
    vectors.push(...one.vectors);
    tokens += one.usage.input_tokens;
  }
  return { vectors, usage: { input_tokens: tokens, output_tokens: 0, total_tokens: tokens } };
}

/** The text of a text, or of a chunk. */
export function contentOf(value: Json): string {
  if (typeof value === "string") return value;
  if (isJsonObject(value)) {
    const { content, text } = value;
    if (typeof content === "string") return content;
    if (typeof text === "string") return text;
  }
  throw new AppError("STEP_FAILED", {
    reason: "what it was given is neither text nor a map with the text as content, nor a list of these",
  });
}
