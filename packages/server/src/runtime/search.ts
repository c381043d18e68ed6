import { AppError } from "@weftwork/core";
import type { RunSearch } from "@weftwork/sdk";
import type { RunHead, RunQuery, RunStatus } from "../journal/journal.ts";
import type { SearchHit, SearchIndex, SearchWord } from "../search/search.ts";
import type { Clock } from "./clock.ts";
import { searchText, type TextSources } from "./search-text.ts";
import { askedWords, matches, wordsOf } from "./search-words.ts";

/** Runs that are read one by one for a question, because the index has not reached them. */
const SCAN_MAX = 1000;
const SCAN_MS_MAX = 500;
/** Open runs of the index that are looked at for what they have ended with since. */
const OPEN_MAX = 200;
/** Hits of the index that are looked at for one page, where other filters drop most of them. */
const HITS_MAX = 2000;
const PAGE = 200;

export interface SearchOptions extends TextSources {
  readonly index: SearchIndex;
  readonly clock: Clock;
}

export interface FoundRuns {
  readonly runs: readonly RunHead[];
  readonly nextCursor: string | null;
  readonly search: RunSearch;
}

/**
 * A page of the runs in which all words of the question stand, newest first. What the index has not reached is read
 * directly, within bounds; the answer says whether that was all of it. Throws `INVALID_REQUEST` for a question without a
 * word and for a cursor that no page gave.
 */
export async function searchRuns(options: SearchOptions, query: RunQuery & { readonly q: string }): Promise<FoundRuns> {
  const asked = askedWords(query.q);
  if (asked.length === 0) throw new AppError("INVALID_REQUEST", { reason: "q has no word to look for" });
  return new Search(options, query, asked).page();
}

/** Where there is no index: every run is too young for it. */
export const NO_INDEX: SearchIndex = {
  progress: async () => 0,
  put: async () => true,
  find: async () => [],
  open: async () => [],
  stillOpen: async () => {},
  oldest: async () => [],
  remove: async () => {},
  close: async () => {},
};

/** An index that does not answer is no defect of the server; its own errors are those of its database. */
async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = `the search index: ${error instanceof Error ? error.message : String(error)}`;
    throw new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
  }
}

interface Place {
  readonly createdAt: number;
  readonly runKey: number;
}

class Search {
  private readonly options: SearchOptions;
  private readonly query: RunQuery;
  private readonly asked: readonly SearchWord[];
  private readonly after: Place | null;
  private readonly found: RunHead[] = [];
  private readonly until: number;
  private scanned = 0;
  private complete = true;

  constructor(options: SearchOptions, query: RunQuery, asked: readonly SearchWord[]) {
    this.options = options;
    this.query = query;
    this.asked = asked;
    this.after = query.cursor === undefined ? null : placeOf(query.cursor);
    this.until = options.clock.monotonic() + SCAN_MS_MAX;
  }

  async page(): Promise<FoundRuns> {
    const indexed = await told(this.options.index.progress());
    await this.scan(indexed);
    const seen = this.isFull() ? this.found.at(-1)! : await this.look(indexed);
    return {
      runs: this.found,
      nextCursor: seen ? cursorOf(seen) : null,
      search: { indexed_until: indexed === 0 ? null : new Date(indexed).toISOString(), complete: this.complete },
    };
  }

  private isFull(): boolean {
    return this.found.length >= this.query.limit;
  }

  /** Runs that are too young for the index. */
  private async scan(indexed: number): Promise<void> {
    const { after } = this;
    if (after && after.createdAt < indexed) return;
    const { status, workflow, tenant, createdAfter = -Infinity, createdBefore = Infinity } = this.query;
    const to = Math.min(createdBefore, after ? after.createdAt + 1 : Infinity);
    let cursor: string | null = null;
    do {
      const page = await this.options.journal.find({
        tenant,
        createdAfter: Math.max(createdAfter, indexed - 1),
        limit: PAGE,
        ...(to === Infinity ? {} : { createdBefore: to }),
        ...(status ? { status } : {}),
        ...(workflow === undefined ? {} : { workflow }),
        ...(cursor === null ? {} : { cursor }),
      });
      for (const head of page.runs) {
        if (after && !isBehind(head, after)) continue;
        if (!this.mayRead()) return;
        if (await this.reads(head.runKey)) this.found.push(head);
        if (this.isFull()) return;
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** Runs of the index, and those among them that have ended since. The place to go on behind; null at the end. */
  private async look(indexed: number): Promise<Place | null> {
    const late = await this.endedSince();
    const { createdAfter, createdBefore = Infinity } = this.query;
    const bounds = {
      words: this.asked,
      limit: PAGE,
      createdBefore: Math.min(createdBefore, indexed),
      ...(createdAfter === undefined ? {} : { createdAfter }),
    };
    let after = this.after;
    for (let looked = 0; looked < HITS_MAX; looked += PAGE) {
      const hits = await told(this.options.index.find({ ...bounds, ...(after ? { after } : {}) }));
      const isLast = hits.length < PAGE;
      const border: SearchHit | null = isLast ? null : hits.at(-1)!;
      for (const hit of merged(hits, between(late, after, border))) {
        const head = await this.headOf(hit);
        if (head) this.found.push(head);
        if (this.isFull()) return hit;
      }
      if (isLast) return null;
      after = border;
    }
    return after;
  }

  /** Runs that the index knows as open, and that match now. */
  private async endedSince(): Promise<readonly SearchHit[]> {
    const open = await told(this.options.index.open(OPEN_MAX + 1));
    if (open.length > OPEN_MAX) this.complete = false;
    const late: SearchHit[] = [];
    for (const hit of open.slice(0, OPEN_MAX)) {
      if (this.after && !isBehind(hit, this.after)) continue;
      const head = await this.headOf(hit);
      // What it began with is in the index already.
      if (!head || head.finishedAt === null) continue;
      if (!this.mayRead()) break;
      if (await this.reads(hit.runKey)) late.push(hit);
    }
    return late;
  }

  private mayRead(): boolean {
    this.scanned += 1;
    const may = this.scanned <= SCAN_MAX && this.options.clock.monotonic() < this.until;
    if (!may) this.complete = false;
    return may;
  }

  private async reads(runKey: number): Promise<boolean> {
    try {
      return matches(wordsOf(await searchText(this.options, runKey)), this.asked);
    } catch (error) {
      // Deleted meanwhile, or damaged: it is found by nothing. Whoever opens it is told.
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  /** The head of a hit, where it is still there and the other filters let it pass. */
  private async headOf({ id, runKey }: SearchHit): Promise<RunHead | null> {
    const { tenant, status, workflow, createdAfter = -Infinity, createdBefore = Infinity } = this.query;
    const head = await this.options.journal.head(tenant, id);
    if (head?.runKey !== runKey) return null;
    const passes =
      isAmong(head.status, status) &&
      (workflow === undefined || head.workflow === workflow) &&
      head.createdAt > createdAfter &&
      head.createdAt < createdBefore;
    return passes ? head : null;
  }
}

function isAmong(status: RunStatus, wanted: readonly RunStatus[] | undefined): boolean {
  return wanted?.includes(status) ?? true;
}

function merged(hits: readonly SearchHit[], more: readonly SearchHit[]): readonly SearchHit[] {
  const all = new Map([...hits, ...more].map((hit) => [hit.runKey, hit]));
  return [...all.values()].toSorted((a, b) => b.createdAt - a.createdAt || b.runKey - a.runKey);
}

/** Those behind one place, up to and with another. */
function between(hits: readonly SearchHit[], after: Place | null, to: Place | null): readonly SearchHit[] {
  return hits.filter((hit) => (!after || isBehind(hit, after)) && (!to || !isBehind(hit, to)));
}

/** Whether it comes after the place in the order of the list. */
function isBehind(one: Place, place: Place): boolean {
  return one.createdAt < place.createdAt || (one.createdAt === place.createdAt && one.runKey < place.runKey);
}

function cursorOf({ createdAt, runKey }: Place): string {
  return Buffer.from(`q${createdAt}.${runKey}`).toString("base64url");
}

function placeOf(cursor: string): Place {
  const match = /^q(\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  if (!match)
    throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page of this search gave" });
  return { createdAt: Number(match[1]), runKey: Number(match[2]) };
}
