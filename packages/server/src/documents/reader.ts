import { AppError } from "@weftwork/core";
import { decodeText } from "./decode.ts";
import { DOCUMENT_LIMITS, type DocumentLimits, type Documents, type DocumentSource } from "./documents.ts";
import { documentKind } from "./kinds.ts";
import { beyond, DocumentProblem } from "./problem.ts";
import { ReaderThread } from "./reader-thread.ts";
import type { ReadAnswer, ReadJob } from "./wire.ts";

export interface DocumentReaderOptions {
  readonly limits?: Partial<DocumentLimits>;
  /** Documents that are read at the same time; the others wait in line. */
  readonly threads?: number;
}

/** How long a thread waits for another document. A fresh one costs about a tenth of a second. */
const IDLE_MS = 10_000;
/** Plain text up to here is decoded within a few milliseconds. */
const AT_ONCE_BYTES = 1024 ** 2;
const NAME_SHOWN_MAX = 100;

/** Reads documents in threads of this process. Plain text that is not long, which no parser touches, is read at once. */
export function documentReader(options: DocumentReaderOptions = {}): Documents {
  const limits = { ...DOCUMENT_LIMITS, ...options.limits };
  const { threads: threadsMax = 2 } = options;
  const all = new Set<ReaderThread>();
  const idle = new Map<ReaderThread, NodeJS.Timeout>();
  const line: (() => void)[] = [];
  let busy = 0;
  let isClosed = false;

  async function take(): Promise<ReaderThread> {
    if (busy >= threadsMax) await new Promise<void>((go) => line.push(go));
    else busy += 1;
    for (const [thread, timer] of idle) {
      clearTimeout(timer);
      idle.delete(thread);
      if (!thread.isOver) return thread;
      all.delete(thread);
    }
    const thread = new ReaderThread(limits.memoryBytes);
    all.add(thread);
    return thread;
  }

  function drop(thread: ReaderThread): void {
    idle.delete(thread);
    all.delete(thread);
    void thread.end();
  }

  function giveBack(thread: ReaderThread): void {
    if (thread.isOver || isClosed) drop(thread);
    else idle.set(thread, setTimeout(() => drop(thread), IDLE_MS).unref());
    // The place goes to whoever waits longest.
    const next = line.shift();
    if (next) next();
    else busy -= 1;
  }

  async function parse(job: ReadJob, signal: AbortSignal): Promise<ReadAnswer> {
    const thread = await take();
    try {
      signal.throwIfAborted();
      return await thread.read(job, signal);
    } finally {
      giveBack(thread);
    }
  }

  return {
    async read(document, { signal, ...asked }) {
      try {
        const kind = documentKind(document.name, document.mimeType);
        const bytes = await collect(document, limits.bytesMax, signal);
        signal.throwIfAborted();
        const isPlain = kind === "text" || (kind === "html" && asked.html !== "text");
        const answer =
          isPlain && bytes.length <= AT_ONCE_BYTES
            ? { text: decodeText(bytes, asked.encoding).toWellFormed() }
            : await parse({ ...asked, kind, bytes, limits }, signal);
        if (!("text" in answer)) throw new DocumentProblem(answer.problem, answer.reason);
        if (answer.text.length <= limits.charsMax) return answer.text;
        throw beyond(`its text has ${answer.text.length} characters; at most ${limits.charsMax} are taken`);
      } catch (error) {
        if (error instanceof DocumentProblem) throw appError(document, error);
        throw error;
      }
    },
    async close() {
      isClosed = true;
      for (const timer of idle.values()) clearTimeout(timer);
      await Promise.all([...all].map((thread) => thread.end()));
    },
  };
}

/** All bytes in one piece that belongs to nobody else. */
async function collect({ bytes }: DocumentSource, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    size += chunk.length;
    if (size > bytesMax) throw beyond(`it has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const CODES = { type: "DOCUMENT_TYPE_UNKNOWN", damaged: "DOCUMENT_UNREADABLE", limit: "DOCUMENT_TOO_LARGE" } as const;

function appError({ name }: DocumentSource, { kind, message }: DocumentProblem): AppError {
  return new AppError(CODES[kind], { file: name.slice(0, NAME_SHOWN_MAX), reason: message });
}
