import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Usage } from "../gateway/model.ts";
import { Bm25, countTerms, Vocabulary } from "../words/bm25.ts";
import { completed, defineNode } from "./define-node.ts";
import { contentOf, vectorsOf, type EmbeddingNodeOptions } from "./embedding.ts";
import type { NodeExecutor } from "./node.ts";
import { textOf } from "./text.ts";

const config = z.object({
  query: z.unknown().optional(),
  documents: z.array(z.unknown()).nullish(),
  items: z.array(z.unknown()).nullish(),
  method: z.enum(["bm25", "embedding"]).nullish(),
  model: z.string().nullish(),
  top_k: z.int().min(1).max(1000).nullish(),
  score_threshold: z.number().nullish(),
});

/**
 * `rerank {query|input documents|items method model top_k score_threshold}` → the documents, the best first, each a map
 * with `score`, `position` from 1, and `index`, its place in the list as given; a text becomes its `content`.
 *
 * `bm25` (the default) compares words, each text among the others; its scores are 0 to 1. `embedding`, the default where a
 * model is named, takes the cosine of vectors, −1 to 1. Equal ones keep their order.
 */
export function rerankNode({ embeddings }: EmbeddingNodeOptions): NodeExecutor {
  return defineNode({
    type: "rerank",
    effect: "idempotent",
    pool: "retrieval",
    timeoutMs: 600_000,
    config,
    async execute(fields, task) {
      const query = textOf(fields.query === undefined || fields.query === null ? task.input() : fields.query);
      const documents = (fields.documents ?? fields.items ?? []) as readonly Json[];
      const texts = documents.map(contentOf);
      const method = fields.method ?? (fields.model ? "embedding" : "bm25");
      let scores: readonly number[];
      let usage: Usage | null = null;
      if (method === "bm25") scores = wordScores(query, texts);
      else {
        const model = embeddings.get(fields.model ?? undefined);
        const embedded = await vectorsOf(model, [query, ...texts], task.signal);
        const [asked, ...vectors] = embedded.vectors;
        scores = vectors.map((vector) => cosine(asked!, vector));
        usage = embedded.usage;
      }
      const ranked = documents
        .map((document, index) => ({ document, index, score: scores[index]! }))
        .filter(({ score }) => score >= (fields.score_threshold ?? -Infinity))
        .toSorted((left, right) => right.score - left.score)
        .slice(0, fields.top_k ?? documents.length)
        .map(({ document, index, score }, at) => rankedDocument(document, { score, position: at + 1, index }));
      return usage === null ? ranked : completed(ranked, { usage });
    },
  });
}

/** A chunk says its score and place in its metadata too; there it is set anew. */
function rankedDocument(
  document: Json,
  place: { readonly score: number; readonly position: number; readonly index: number },
): JsonObject {
  if (!isJsonObject(document)) return { content: document, ...place };
  const { metadata } = document;
  const { score, position } = place;
  return { ...document, ...place, ...(isJsonObject(metadata) ? { metadata: { ...metadata, score, position } } : {}) };
}

function wordScores(query: string, texts: readonly string[]): readonly number[] {
  const vocabulary = new Vocabulary();
  const counted = texts.map((text) => countTerms(text, vocabulary));
  const scores = texts.map(() => 0);
  for (const { at, score } of new Bm25(counted, vocabulary).rank(query)) scores[at] = score;
  return scores;
}

/** 0 where one of them has no direction. */
function cosine(left: readonly number[], right: readonly number[]): number {
  let dot = 0;
  for (let at = 0; at < left.length; at++) dot += left[at]! * (right[at] ?? 0);
  const lengths = Math.hypot(...left) * Math.hypot(...right);
  return lengths === 0 ? 0 : dot / lengths;
}
