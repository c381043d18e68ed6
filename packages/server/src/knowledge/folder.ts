import { createHash } from "node:crypto";
import { AppError } from "@weftwork/core";
import type { Documents } from "../documents/documents.ts";
import { tokensOf } from "../words/tokens.ts";
import { fits } from "./filter.ts";
import { FolderDataset, type FolderChunk } from "./folder-dataset.ts";
import type { RetrievedChunk, Retriever } from "./retrieve.ts";

export interface FolderRetrieverOptions {
  /** Folders by the name of the dataset. Every tenant may ask them. */
  readonly folders: Readonly<Record<string, string>>;
  readonly documents: Documents;
  readonly now: () => number;
  readonly problem: (message: string, error: unknown) => void;
}

/** Datasets that are folders of documents, searched by their words: BM25 in memory. */
export function folderRetriever(options: FolderRetrieverOptions): Retriever {
  const { folders, ...shared } = options;
  const datasets = new Map(
    Object.entries(folders).map(([name, folder]) => [name, new FolderDataset({ ...shared, name, folder })] as const),
  );
  return {
    datasets: () => [...datasets.keys()],
    async retrieve(_tenant, name, query, { topK, scoreThreshold, filter, signal }) {
      const dataset = datasets.get(name);
      if (!dataset) {
        const known = [...datasets.keys()].join(", ") || "none";
        throw new AppError("DATASET_NOT_FOUND", { dataset: name.slice(0, 100), known });
      }
      const index = await unlessAborted(dataset.current(), signal);
      const found: RetrievedChunk[] = [];
      for (const { at, score } of index.rank(query)) {
        if (found.length >= topK || score < (scoreThreshold ?? 0)) break;
        const chunk = index.chunks[at]!;
        if (filter === null || fits(filter, chunk.document.metadata)) found.push(retrieved(name, chunk, score));
      }
      return found;
    },
  };
}

function retrieved(dataset: string, { document, chunk, position }: FolderChunk, score: number): RetrievedChunk {
  const { content, start, end, headings } = chunk;
  return {
    content,
    score,
    dataset: { id: dataset, name: dataset },
    document: { id: document.id, name: document.name, metadata: document.metadata },
    segment: {
      id: `${document.id}-${position}`,
      position,
      start,
      end,
      headings,
      words: tokensOf(content).length,
      hash: createHash("sha256").update(content).digest("hex"),
    },
  };
}

/** What goes on for others goes on; this one leaves when it is told to. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let leave = (): void => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener("abort", leave);
  });
  try {
    return await Promise.race([work, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
