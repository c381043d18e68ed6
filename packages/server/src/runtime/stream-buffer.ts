import type { PieceQuery, StandingText, StreamLog, StreamPiece } from "../streamlog/streamlog.ts";
import { comparePlaces } from "../streamlog/streamlog.ts";
import type { Clock } from "./clock.ts";

/** Pieces are written this long after the first of them came. */
const WRITE_MS = 50;
const BATCH_MAX = 500;
/** Pieces that may wait for a log that does not answer. */
const WAITING_MAX = 50_000;
const ATTEMPTS_MAX = 3;
const RETRY_MS = 500;

export interface StreamBufferOptions {
  readonly log: StreamLog;
  readonly clock: Clock;
  /** Pieces of these runs could not be kept. */
  readonly lost: (runKeys: ReadonlySet<number>) => void;
  readonly problem: (message: string, error: unknown) => void;
}

/**
 * Writes pieces to the stream log in small batches, beside everything else: nothing of a run ever waits for them. What
 * is still on its way can be read, so in this process a piece is there from the moment it was appended.
 */
export class StreamBuffer {
  readonly shared: boolean;
  private readonly options: StreamBufferOptions;
  /** In the order in which they came. */
  private waiting: StreamPiece[] = [];
  private readonly byRun = new Map<number, StreamPiece[]>();
  private writing: Promise<void> | null = null;
  private cancel: (() => void) | null = null;

  constructor(options: StreamBufferOptions) {
    this.options = options;
    this.shared = options.log.shared;
  }

  append(piece: StreamPiece): void {
    if (this.waiting.length >= WAITING_MAX) {
      this.options.problem("the stream log does not keep up; pieces are not kept", null);
      this.drop(this.waiting.splice(0, BATCH_MAX));
    }
    this.waiting.push(piece);
    const pieces = this.byRun.get(piece.runKey);
    if (pieces) pieces.push(piece);
    else this.byRun.set(piece.runKey, [piece]);
    if (this.waiting.length >= BATCH_MAX) this.write();
    else this.cancel ??= this.options.clock.after(WRITE_MS, () => this.write());
  }

  /** Pieces of a run behind a place, in order, those on their way included. */
  async read(runKey: number, query: PieceQuery): Promise<readonly StreamPiece[]> {
    // First what is on its way: what is written meanwhile is then found twice, and never not at all.
    const { behind, type, node, limit } = query;
    const own = (this.byRun.get(runKey) ?? []).filter(
      (piece) =>
        comparePlaces(piece, behind) > 0 &&
        (type === undefined || piece.type === type) &&
        (node === undefined || piece.node === node),
    );
    const kept = await this.options.log.read(runKey, query);
    if (own.length === 0) return kept;
    const merged = [...kept, ...own].toSorted(comparePlaces);
    return merged.filter((piece, at) => at === 0 || comparePlaces(piece, merged[at - 1]!) !== 0).slice(0, limit);
  }

  standing(runKeys: readonly number[]): Promise<readonly StandingText[]> {
    return this.options.log.standing(runKeys);
  }

  /** Resolves when nothing waits to be written. */
  async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      this.write();
      await this.writing;
    }
    await this.writing;
  }

  private write(): void {
    this.cancel?.();
    this.cancel = null;
    if (this.writing || this.waiting.length === 0) return;
    const batch = this.waiting.slice(0, BATCH_MAX);
    this.writing = this.store(batch).finally(() => {
      this.writing = null;
      if (this.waiting.length > 0) this.cancel ??= this.options.clock.after(WRITE_MS, () => this.write());
    });
  }

  private async store(batch: readonly StreamPiece[]): Promise<void> {
    const { log, clock, problem } = this.options;
    for (let attempt = 1; ; attempt++) {
      try {
        await log.append(batch);
        this.forget(batch);
        return;
      } catch (error) {
        problem("what steps said could not be kept in the stream log", error);
        if (attempt === ATTEMPTS_MAX) return this.drop(batch);
        await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
  }

  private drop(batch: readonly StreamPiece[]): void {
    this.forget(batch);
    this.options.lost(new Set(batch.map(({ runKey }) => runKey)));
  }

  private forget(batch: readonly StreamPiece[]): void {
    const gone = new Set(batch);
    this.waiting = this.waiting.filter((piece) => !gone.has(piece));
    for (const runKey of new Set(batch.map((piece) => piece.runKey))) {
      const left = this.byRun.get(runKey)?.filter((piece) => !gone.has(piece)) ?? [];
      if (left.length > 0) this.byRun.set(runKey, left);
      else this.byRun.delete(runKey);
    }
  }
}
