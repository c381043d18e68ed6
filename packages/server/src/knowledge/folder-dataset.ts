import { createHash } from "node:crypto";
import { setImmediate as otherWork } from "node:timers/promises";
import { extname } from "node:path";
import { AppError, type JsonObject } from "@weftwork/core";
import type { Documents } from "../documents/documents.ts";
import { Bm25, countTerms, Vocabulary, type CountedText, type Ranked } from "../words/bm25.ts";
import { chunksOf, type Chunk } from "./chunk.ts";
import { bytesBelow, filesBelow, type FolderFile } from "./folder-files.ts";
import { frontMatterOf } from "./front-matter.ts";

/** What a folder may hold: all of it lies in memory. */
const FILES_MAX = 10_000;
const CHARS_MAX = 200_000_000;
/** Terms that are remembered. What documents had that are gone is forgotten beyond that, by counting all anew. */
const TERMS_MAX = 5_000_000;
/** A folder is looked at again after that, and only when it is asked. */
const LOOK_MS = 2000;
/** How long a text is cut and counted before other work gets its turn. */
const SLICE_MS = 20;

export interface FolderDocument {
  readonly id: string;
  readonly name: string;
  readonly metadata: JsonObject;
  readonly chunks: readonly Chunk[];
}

export interface FolderChunk {
  readonly document: FolderDocument;
  readonly chunk: Chunk;
  /** From 1. */
  readonly position: number;
}

/** A folder as it was when it was last looked at. Never changes. */
export interface FolderIndex {
  readonly chunks: readonly FolderChunk[];
  rank(query: string): readonly Ranked[];
}

interface Read {
  readonly file: FolderFile;
  /** Null: it cannot be read, which has been told. */
  readonly document: FolderDocument | null;
  readonly counted: readonly CountedText[];
  readonly chars: number;
}

export interface FolderDatasetOptions {
  readonly name: string;
  readonly folder: string;
  readonly documents: Documents;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Told once of each file that cannot be read. */
  readonly problem: (message: string, error: unknown) => void;
}

/**
 * The documents of a folder in memory, read when they are first asked for. What has changed is read again; a document
 * that cannot be read is told of and left out, and the others are found.
 */
export class FolderDataset {
  private readonly options: FolderDatasetOptions;
  private vocabulary = new Vocabulary();
  private read = new Map<string, Read>();
  private index: FolderIndex | null = null;
  private lookedAt = -Infinity;
  private looking: Promise<FolderIndex> | null = null;

  constructor(options: FolderDatasetOptions) {
    this.options = options;
  }

  /** The folder as it is now, or was two seconds ago. Throws `DATASET_UNREADABLE`. */
  async current(): Promise<FolderIndex> {
    const { now } = this.options;
    if (this.index !== null && now() - this.lookedAt < LOOK_MS) return this.index;
    // All who ask meanwhile wait for one look.
    this.looking ??= this.look().finally(() => void (this.looking = null));
    return this.looking;
  }

  private async look(): Promise<FolderIndex> {
    const { folder, name, now } = this.options;
    const files = await filesBelow(folder, FILES_MAX + 1).catch((error: unknown) => {
      const { code = "" } = error as NodeJS.ErrnoException;
      throw new AppError("DATASET_UNREADABLE", { dataset: name, reason: `its folder cannot be listed (${code})` });
    });
    if (files.length > FILES_MAX) throw this.tooLarge(`more than ${FILES_MAX} files`);
    const hasChanged = files.length !== this.read.size || files.some((file) => !this.isKnown(file));
    if (hasChanged || this.index === null) this.index = await this.build(files);
    this.lookedAt = now();
    return this.index;
  }

  private isKnown(file: FolderFile): boolean {
    const known = this.read.get(file.path)?.file;
    return known?.size === file.size && known.modifiedMs === file.modifiedMs;
  }

  private async build(files: readonly FolderFile[]): Promise<FolderIndex> {
    if (this.vocabulary.size > TERMS_MAX) {
      this.vocabulary = new Vocabulary();
      this.read.clear();
    }
    const read = new Map<string, Read>();
    let chars = 0;
    for (const file of files) {
      const one = this.isKnown(file) ? this.read.get(file.path)! : await this.readFile(file);
      chars += one.chars;
      if (chars > CHARS_MAX) throw this.tooLarge(`more than ${CHARS_MAX} characters`);
      read.set(file.path, one);
    }
    this.read = read;
    const all = [...read.values()];
    const bm25 = new Bm25(
      all.flatMap(({ counted }) => counted),
      this.vocabulary,
    );
    return {
      chunks: all.flatMap(({ document }) =>
        document === null
          ? []
          : document.chunks.map((chunk, at): FolderChunk => ({ document, chunk, position: at + 1 })),
      ),
      rank: (query) => bm25.rank(query),
    };
  }

  private tooLarge(what: string): AppError {
    const reason = `its folder has ${what}, which do not fit into memory; make several of it`;
    return new AppError("DATASET_UNREADABLE", { dataset: this.options.name, reason });
  }

  private async readFile(file: FolderFile): Promise<Read> {
    const { folder, name: dataset, documents, problem } = this.options;
    const name = file.path.slice(file.path.lastIndexOf("/") + 1);
    let text: string;
    try {
      const bytes = bytesBelow(folder, file.path);
      // Whoever asked may leave; the next one wants the document all the same.
      const { signal } = new AbortController();
      text = await documents.read({ name, mimeType: "", bytes }, { signal, html: "text" });
    } catch (error) {
      problem(`the file ${file.path} of the dataset ${dataset} is left out`, error);
      return { file, document: null, counted: [], chars: 0 };
    }
    const { metadata, body } = /\.(?:md|mdx|markdown)$/i.test(name)
      ? frontMatterOf(text)
      : { metadata: {}, body: text };
    const { chunks, counted } = await this.cut(body);
    const document: FolderDocument = {
      id: createHash("sha256").update(`${dataset}\n${file.path}`).digest("hex").slice(0, 32),
      name,
      metadata: {
        ...metadata,
        document_name: name,
        path: file.path,
        extension: extname(name).slice(1).toLowerCase(),
        size: file.size,
        last_update_date: Math.floor(file.modifiedMs / 1000),
      },
      chunks,
    };
    return { file, document, counted, chars: body.length };
  }

  /** Chunks, and their terms with those of the headings above them. */
  private async cut(body: string): Promise<Pick<Read, "counted"> & { readonly chunks: readonly Chunk[] }> {
    const chunks: Chunk[] = [];
    const counted: CountedText[] = [];
    let end = performance.now() + SLICE_MS;
    for (const chunk of chunksOf(body)) {
      chunks.push(chunk);
      counted.push(countTerms(`${chunk.headings.join("\n")}\n${chunk.content}`, this.vocabulary));
      if (performance.now() < end) continue;
      await otherWork();
      end = performance.now() + SLICE_MS;
    }
    return { chunks, counted };
  }
}
