import { AppError } from "@weftwork/core";
import { z } from "zod";
import { defineNode } from "./define-node.ts";
import type { NodeExecutor } from "./node.ts";

/**
 * Work that the language knows and this version does not do yet. Such steps are read, checked and planned like any
 * other, so that a workflow can be written or imported today; running one fails with what is missing and the remedy.
 */
const REASONS: Readonly<Record<string, { readonly pool: string; readonly reason: string }>> = {
  agent: {
    pool: "agent",
    reason: "the agent loop is not part of this version; call the model with model_inference and its tools field",
  },
  retrieval: {
    pool: "retrieval",
    reason: "datasets are not part of this version; ask your search service with an http step",
  },
  embedding: {
    pool: "retrieval",
    reason: "embedding steps are not part of this version; ask an embedding service with an http step",
  },
  rerank: {
    pool: "retrieval",
    reason: "reranking is not part of this version; order with a list step, or ask a service with an http step",
  },
  classify: {
    pool: "generation",
    reason: "classify is not part of this version; ask a model with model_inference and a schema with an enum",
  },
  extract: {
    pool: "generation",
    reason: "extract is not part of this version; ask a model with model_inference and a schema",
  },
  document: {
    pool: "default",
    reason: "reading documents is not part of this version; give the step text, or ask a service with an http step",
  },
  worker: {
    pool: "default",
    reason: "steps done by your own process are not part of this version; call that process with an http step",
  },
};

/** Executors for all such types. */
export function unavailableNodes(): NodeExecutor[] {
  return Object.entries(REASONS).map(([type, { pool, reason }]) =>
    defineNode({
      type,
      pool,
      effect: "pure",
      config: z.unknown(),
      unavailable: () => reason,
      execute() {
        throw new AppError("NODE_NOT_AVAILABLE", { type, reason });
      },
    }),
  );
}
