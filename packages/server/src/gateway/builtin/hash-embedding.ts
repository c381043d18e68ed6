import type { EmbeddingModel, ModelContext } from "../model.ts";
import { hash32 } from "./random.ts";
import { estimateTokens } from "../tokens.ts";
import { terms } from "./words.ts";

export const HASH_EMBEDDING_DIMENSIONS = 256;
/** Only so much of one text is hashed; chunks for retrieval are far shorter. */
const TEXT_MAX = 200_000;

/**
 * `builtin/hash-embedding`: texts as vectors of length 1 by hashed features: terms (stems, Chinese pairs), pairs of
 * terms, and three-letter pieces of words, so that spellings that differ a little stay near. It knows words, not
 * meanings: texts that share no word are not near, whatever they say.
 */
export const hashEmbedding: EmbeddingModel = {
  id: "builtin/hash-embedding",
  provider: "builtin",
  dimensions: HASH_EMBEDDING_DIMENSIONS,
  async embed(texts: readonly string[], { signal }: ModelContext) {
    signal.throwIfAborted();
    const tokens = texts.reduce((sum, text) => sum + estimateTokens(text), 0);
    return { vectors: embed(texts), usage: { input_tokens: tokens, output_tokens: 0, total_tokens: tokens } };
  },
};

/** The vectors of texts, in their order. A text without words has the zero vector. */
export function embed(texts: readonly string[]): number[][] {
  return texts.map(embedOne);
}

function embedOne(text: string): number[] {
  const counts = new Map<string, number>();
  const add = (feature: string, value: number): void => void counts.set(feature, (counts.get(feature) ?? 0) + value);
  const words = terms(text.slice(0, TEXT_MAX).normalize("NFKC"));
  for (const [at, word] of words.entries()) {
    add(`w ${word}`, 1);
    const next = words[at + 1];
    if (next !== undefined) add(`b ${word} ${next}`, 0.4);
    if (word.length > 3) for (let i = 0; i + 3 <= word.length; i++) add(`g ${word.slice(i, i + 3)}`, 0.2);
  }
  const vector = Array.from({ length: HASH_EMBEDDING_DIMENSIONS }, () => 0);
  for (const [feature, value] of counts) {
    const hash = hash32(feature);
    // The sign comes from a bit that the place does not use, so that clashes cancel out as often as they add up.
    vector[hash % HASH_EMBEDDING_DIMENSIONS]! += Math.sqrt(value) * ((hash >>> 16) & 1 ? 1 : -1);
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
