import type { JsonObject } from "@weftwork/core";
import type { Filter } from "./filter.ts";

/**
 * Finds the parts of documents that answer a question.
 *
 * R1. The same question of the same documents gives the same chunks in the same order.
 * R2. A chunk is a part of its document as its reader gives it: nothing is added, and its place is told.
 * R3. A dataset that is not there, or cannot be read, is an error; one in which nothing fits gives no chunks.
 */
export interface Retriever {
  /** The best chunks, the best first. Throws `DATASET_NOT_FOUND` with the known names, and `DATASET_UNREADABLE`. */
  retrieve(
    tenant: string,
    dataset: string,
    query: string,
    options: RetrieveOptions,
  ): Promise<readonly RetrievedChunk[]>;
  /** The datasets that a tenant may ask. */
  datasets(tenant: string): readonly string[];
}

export interface RetrieveOptions {
  /** How many chunks at most. */
  readonly topK: number;
  /** Chunks with less are left out; null: all that have a word of the query. */
  readonly scoreThreshold: number | null;
  /** Conditions on the metadata of documents; null: all documents. */
  readonly filter: Filter | null;
  readonly signal: AbortSignal;
}

export interface RetrievedChunk {
  readonly content: string;
  /** 0 to 1; comparable between chunks of one query. */
  readonly score: number;
  readonly dataset: { readonly id: string; readonly name: string };
  readonly document: {
    readonly id: string;
    readonly name: string;
    readonly metadata: JsonObject;
  };
  readonly segment: {
    readonly id: string;
    /** From 1, in the order of the document. */
    readonly position: number;
    /** Where it begins and ends in the text of the document, in UTF-16 units. */
    readonly start: number;
    readonly end: number;
    /** The headings above it, the highest first. */
    readonly headings: readonly string[];
    readonly words: number;
    /** SHA-256 of the content, in hexadecimal. */
    readonly hash: string;
  };
}
