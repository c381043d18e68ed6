import type { Journal, RunHead } from "../journal/journal.ts";
import type { IndexedRun, SearchIndex } from "../search/search.ts";
import type { Clock } from "./clock.ts";
import type { Payloads } from "./payloads.ts";
import { searchText } from "./search-text.ts";
import { wordsOf } from "./search-words.ts";

/**
 * A run younger than this is not put into the index: the row that creates it may still be on its way, and the index never
 * looks back. A creation is refused once the lease of its process has ended (12 s).
 */
export const SETTLE_MS = 15_000;
const PAGE = 200;
/** Runs put in one transaction: it must not be felt by those who wait for the event loop. */
const PUT = 20;
/** Longest stretch of time looked at in one step; it grows where nothing happened. */
const STRETCH_MS_MAX = 400 * 24 * 3_600_000;
const IDLE_MS = 2000;
const PAUSE_MS_MIN = 50;
/** Pause after a step, in times of what it took: a fifth of the time is used, and one part in seventy from half load on. */
const PAUSE_CALM = 4;
const PAUSE_LOADED = 70;
const OPEN_EVERY_MS = 5000;
const OPEN_STEP = 50;
const SWEEP_EVERY_MS = 60_000;

export interface IndexerOptions {
  readonly journal: Journal;
  readonly payloads: Payloads;
  readonly index: SearchIndex;
  readonly clock: Clock;
  readonly tenant: string;
  /** How busy the process is since the last time it was asked, 0 to 1. */
  readonly load: () => number;
  readonly problem: (message: string, error: unknown) => void;
}

/**
 * Keeps the search index behind the journal, in the background and at the lowest priority: nothing of it happens where
 * runs are recorded. It goes through the runs in the order of their creation; those that are open then are looked at
 * again until they have ended. What retention has deleted is removed.
 */
export class Indexer {
  private readonly options: IndexerOptions;
  private stretchMs = 60_000;
  private nextOpen = 0;
  private nextSweep = 0;
  private cancel: (() => void) | null = null;
  private working: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(options: IndexerOptions) {
    this.options = options;
  }

  start(): void {
    this.options.load();
    this.arm(IDLE_MS);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.working;
  }

  /** One step. Resolves with whether there is more to do at once. */
  async step(): Promise<boolean> {
    const now = this.options.clock.now();
    if (now >= this.nextOpen) {
      this.nextOpen = now + OPEN_EVERY_MS;
      await this.lookAgain();
    }
    if (now >= this.nextSweep) {
      this.nextSweep = now + SWEEP_EVERY_MS;
      await this.sweep();
    }
    return this.advance(now - SETTLE_MS);
  }

  private arm(ms: number): void {
    if (this.closed) return;
    this.cancel = this.options.clock.after(ms, () => {
      this.working = this.work();
    });
  }

  private async work(): Promise<void> {
    const { clock, load, problem } = this.options;
    const startedAt = clock.monotonic();
    let more = false;
    try {
      more = await this.step();
    } catch (error) {
      if (!this.closed) problem("the search index could not be brought up to date; trying again", error);
    }
    const took = clock.monotonic() - startedAt;
    const pause = took * (PAUSE_CALM + (PAUSE_LOADED - PAUSE_CALM) * Math.min(1, load() * 2));
    this.arm(Math.max(more ? PAUSE_MS_MIN : IDLE_MS, pause));
  }

  /** Puts the runs of the next stretch of time. A stretch that holds many is made shorter first. */
  private async advance(settled: number): Promise<boolean> {
    const { index, journal, tenant } = this.options;
    const from = await index.progress();
    if (from >= settled) return false;
    const to = Math.min(from + this.stretchMs, settled);
    const query = { tenant, createdAfter: from - 1, createdBefore: to, limit: PAGE };
    let page = await journal.find(query);
    if (page.nextCursor !== null && to - from > 1) {
      this.stretchMs = Math.max(1, Math.floor((to - from) / 2));
      return true;
    }
    const heads = [...page.runs];
    while (page.nextCursor !== null) {
      page = await journal.find({ ...query, cursor: page.nextCursor });
      heads.push(...page.runs);
    }
    if (heads.length < PAGE / 2) this.stretchMs = Math.min(STRETCH_MS_MAX, this.stretchMs * 2);
    await this.put(heads.toReversed(), { from, to });
    return true;
  }

  private async put(heads: readonly RunHead[], advance: { readonly from: number; readonly to: number }): Promise<void> {
    for (let at = 0; at < heads.length && !this.closed; at += PUT)
      await this.options.index.put(await this.indexed(heads.slice(at, at + PUT)), null);
    if (!this.closed) await this.options.index.put([], advance);
  }

  private async indexed(heads: readonly RunHead[]): Promise<readonly IndexedRun[]> {
    const runs: IndexedRun[] = [];
    for (const { runKey, id, createdAt, finishedAt } of heads) {
      const words = await this.words(runKey);
      runs.push({ runKey, id, createdAt, words, open: finishedAt === null });
    }
    return runs;
  }

  /** A run whose record cannot be read is found by nothing; the others are. */
  private async words(runKey: number): Promise<readonly string[]> {
    try {
      return wordsOf(await searchText(this.options, runKey));
    } catch (error) {
      this.options.problem(`the run ${runKey} could not be read for the search index`, error);
      return [];
    }
  }

  /** Runs that were open when they were put and may have ended since. */
  private async lookAgain(): Promise<void> {
    const { index, journal, tenant } = this.options;
    const hits = await index.open(OPEN_STEP);
    const ended: RunHead[] = [];
    const open: number[] = [];
    const gone: number[] = [];
    for (const { id, runKey } of hits) {
      const head = await journal.head(tenant, id);
      if (head?.runKey !== runKey) gone.push(runKey);
      else if (head.finishedAt === null) open.push(runKey);
      else ended.push(head);
    }
    await index.remove(gone);
    await index.stillOpen(open);
    await index.put(await this.indexed(ended), null);
  }

  /** Retention deletes the oldest: so long as those are gone there are more. */
  private async sweep(): Promise<void> {
    const { index, journal, tenant } = this.options;
    for (;;) {
      const hits = await index.oldest(PAGE);
      const gone: number[] = [];
      for (const { id, runKey } of hits) if ((await journal.head(tenant, id))?.runKey !== runKey) gone.push(runKey);
      await index.remove(gone);
      if (gone.length < PAGE || this.closed) return;
    }
  }
}
