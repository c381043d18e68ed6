/**
 * Reads the text out of files that people write.
 *
 * D1. A document is hostile until it is read: what it takes in time, memory and output is bounded, and what goes beyond
 *     is refused. The event loop never waits for a parser.
 * D2. Nothing of a document is run, fetched or written: no macros, no scripts, no links, no entities.
 * D3. The same bytes under the same name give the same text.
 */
export interface Documents {
  /**
   * The text of one document. Throws `DOCUMENT_TYPE_UNKNOWN`, `DOCUMENT_UNREADABLE`, `DOCUMENT_TOO_LARGE`, and what the
   * bytes throw; ends by throwing the signal's reason when that fires.
   */
  read(document: DocumentSource, options: ReadOptions): Promise<string>;
  /** Ends what still reads. */
  close(): Promise<void>;
}

export interface DocumentSource {
  /** Its extension decides how it is read; without a known one, the media type does. */
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface ReadOptions extends TextOptions {
  readonly signal: AbortSignal;
}

export interface TextOptions {
  /** HTML as it is written (the default), or its text alone. */
  readonly html?: "source" | "text";
  /** How plain text is encoded, as `gb18030`. Left out: told from the bytes. */
  readonly encoding?: string;
}

export interface DocumentLimits {
  /** Bytes of one document. */
  readonly bytesMax: number;
  /** Characters of its text. */
  readonly charsMax: number;
  /** Milliseconds that reading one may take. */
  readonly timeMs: number;
  /** Bytes of heap that a parser may use. */
  readonly memoryBytes: number;
  /** Pages of a PDF. */
  readonly pagesMax: number;
  /** Of the archives that Office documents and books are: entries, bytes when expanded, and bytes out for each in. */
  readonly entriesMax: number;
  readonly expandedBytesMax: number;
  readonly ratioMax: number;
}

/** Limits where nothing is configured. */
export const DOCUMENT_LIMITS: DocumentLimits = {
  bytesMax: 50 * 1024 ** 2,
  charsMax: 10_000_000,
  timeMs: 60_000,
  memoryBytes: 512 * 1024 ** 2,
  pagesMax: 5000,
  entriesMax: 10_000,
  expandedBytesMax: 256 * 1024 ** 2,
  ratioMax: 200,
};
