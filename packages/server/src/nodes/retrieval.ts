import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import { readFilter } from "../knowledge/filter.ts";
import type { RetrievedChunk, Retriever } from "../knowledge/retrieve.ts";
import { defineNode } from "./define-node.ts";
import { isDify } from "./dify/dialect.ts";
import type { NodeExecutor } from "./node.ts";
import { textOf } from "./text.ts";

const TOP_K = 4;

const config = z.preprocess(
  fromDify,
  z.object({
    dataset: z.union([z.string(), z.array(z.string())]),
    query: z.unknown().optional(),
    top_k: z.int().min(1).max(1000).nullish(),
    score_threshold: z.number().nullish(),
    filter: z.unknown().optional(),
  }),
);

/**
 * `retrieval {dataset query|input top_k filter score_threshold}` → list of chunks, the best first: `{content, title, score,
 * position, files, metadata}`. Of several datasets the best of all. Without a query, or where nothing fits: `[]`.
 */
export function retrievalNode({ retriever }: { readonly retriever: Retriever }): NodeExecutor {
  return defineNode({
    type: "retrieval",
    // The answer is another one when the documents are.
    effect: "idempotent",
    pool: "retrieval",
    timeoutMs: 300_000,
    config,
    async execute(fields, task) {
      const query = textOf(fields.query === undefined || fields.query === null ? task.input() : fields.query).trim();
      const datasets = [...new Set(typeof fields.dataset === "string" ? [fields.dataset] : fields.dataset)];
      const topK = fields.top_k ?? TOP_K;
      const filter = readFilter((fields.filter ?? null) as Json);
      const options = { topK, scoreThreshold: fields.score_threshold ?? null, filter, signal: task.signal };
      const found: RetrievedChunk[] = [];
      for (const dataset of query === "" ? [] : datasets) {
        found.push(...(await retriever.retrieve(task.tenant, dataset, query, options)));
      }
      // Sorting is stable: of equal scores, the dataset that is named first.
      const best = found.toSorted((left, right) => right.score - left.score).slice(0, topK);
      const result = best.map((chunk, at) => shown(chunk, at + 1));
      return isDify(task.config) ? { result } : result;
    },
  });
}

/**
 * A chunk as workflows see it. The members of `metadata` are those of Dify's `result`, so that a workflow from there
 * reads what it expects; `headings`, `start` and `end` are ours.
 */
function shown({ content, score, dataset, document, segment }: RetrievedChunk, position: number): JsonObject {
  return {
    content,
    title: document.name,
    score,
    position,
    files: [],
    metadata: {
      _source: "knowledge",
      dataset_id: dataset.id,
      dataset_name: dataset.name,
      document_id: document.id,
      document_name: document.name,
      data_source_type: "upload_file",
      segment_id: segment.id,
      retriever_from: "workflow",
      score,
      child_chunks: [],
      // How often a chunk was found before is not counted.
      segment_hit_count: null,
      segment_word_count: segment.words,
      segment_position: segment.position,
      segment_index_node_hash: segment.hash,
      doc_metadata: document.metadata,
      position,
      headings: segment.headings,
      start: segment.start,
      end: segment.end,
    },
  };
}

/** The fields of a step that came from a Dify file, native ones as they are. Names of models for ranking say nothing here. */
function fromDify(written: unknown): unknown {
  if (!isJsonObject(written) || !isDify(written)) return written;
  const several = mapOf(written["multiple_retrieval_config"]);
  const [topK, threshold] = [several["top_k"], several["score_threshold"]];
  const isFiltered = written["metadata_filtering_mode"] === "manual";
  return {
    dataset: written["datasets"],
    query: written["query"],
    top_k: typeof topK === "number" ? Math.min(Math.max(1, Math.trunc(topK)), 1000) : null,
    score_threshold: typeof threshold === "number" ? threshold : null,
    ...(isFiltered ? { filter: written["metadata_filtering_conditions"] } : {}),
  };
}

function mapOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
