import type { Journal, RunHead } from "../journal/journal.ts";
import type { Clock } from "../runtime/clock.ts";
import { Recurring } from "../runtime/recurring.ts";
import type { DeliveryLog } from "./delivery-log.ts";
import type { Directory } from "./directory.ts";
import { CALLBACK, type EndpointTable, type StoredEndpoint } from "./endpoint-table.ts";
import { isWanted, RANKS } from "./events.ts";
import { readNews } from "./read-news.ts";
import type { Teller } from "./teller.ts";
import type { WatchTable } from "./watch-table.ts";

/** A younger run is not looked at yet: the row that creates it may still be on its way, or its messages are. */
const SETTLE_MS = 15_000;
const EVERY_MS = 4000;
/** For how long one process alone looks; another one takes over when it is silent so long. */
const HOLD_MS = 10_000;
const PAGE = 200;
/** Watched runs looked at in one step, and when they are looked at again. */
const LOOKS = 200;
const LOOK_PAGES = 5;
const LOOK_AGAIN_MS = 10_000;
/** Of a run that stays as it is the pauses between two looks double up to this: one may wait for a person for weeks. */
const LOOK_LATE_MS = 120_000;
const SEEN_MAX = 100_000;
/** Longest stretch of time looked at in one step; it grows where nothing happened. */
const STRETCH_MS_MAX = 400 * 24 * 3_600_000;
const OPEN = ["pending", "running", "waiting"] as const;

export interface ScannerOptions {
  readonly journal: Pick<Journal, "find" | "head" | "read">;
  readonly directory: Directory;
  readonly endpoints: EndpointTable;
  readonly watch: WatchTable;
  readonly log: DeliveryLog;
  readonly teller: Teller;
  readonly clock: Clock;
  readonly tenant: string;
  /** Unique for this process. */
  readonly holder: string;
  readonly problem: (message: string, error: unknown) => void;
}

/**
 * Finds what a crash has kept from being told: the end of a run was recorded, and its owner died before it stored the
 * messages. Runs are followed in the order of their creation; those that are open then are watched until their end is
 * told. What is there already is passed over, so it may be done twice.
 */
export class Scanner {
  private readonly options: ScannerOptions;
  private stretchMs = 60_000;
  /** How watched runs stood at the last looks, and at how many in a row. */
  private readonly seen = new Map<string, { readonly stand: string; readonly looks: number }>();
  private readonly steps: Recurring;

  constructor(options: ScannerOptions) {
    this.options = options;
    this.steps = new Recurring({
      clock: options.clock,
      firstMs: EVERY_MS,
      everyMs: EVERY_MS,
      work: () => this.step(),
      failed: (error) => {
        if (!this.steps.isClosed) options.problem("runs could not be looked through for webhooks; trying again", error);
      },
    });
  }

  start(): void {
    this.steps.start();
  }

  async close(): Promise<void> {
    await this.steps.close();
    if (!this.options.directory.isEmpty) await this.options.watch.leave(this.options.holder).catch(() => undefined);
  }

  /** One step. Does nothing while another process looks. */
  async step(): Promise<void> {
    const { directory, watch, holder } = this.options;
    if (directory.isEmpty) return;
    const held = await watch.hold(holder, HOLD_MS);
    if (held === null) return;
    for (const endpoint of directory.endpoints) if (!endpoint.watched) await this.watchOpen(endpoint);
    await this.look();
    let { at } = held;
    // So much and no more in one step: the others are to be looked at as well.
    for (let pages = 0; pages < 20 && !this.steps.isClosed; pages++) {
      const to = await this.advance(at, held.now - SETTLE_MS);
      if (to === null) return;
      at = to;
    }
  }

  /** The runs that are open while an endpoint begins. */
  private async watchOpen(endpoint: StoredEndpoint): Promise<void> {
    const { journal, watch, endpoints, tenant, directory, holder } = this.options;
    const { workflow } = endpoint;
    const query = { tenant, status: OPEN, limit: PAGE, ...(workflow === null ? {} : { workflow }) };
    let page = await journal.find(query);
    for (;;) {
      // Not all in one: whoever has the right to look next begins again with it.
      if (this.steps.isClosed || (await watch.hold(holder, HOLD_MS)) === null) return;
      await watch.add(
        page.runs.map(({ id }) => id),
        LOOK_AGAIN_MS,
      );
      if (page.nextCursor === null) break;
      page = await journal.find({ ...query, cursor: page.nextCursor });
    }
    await endpoints.watched(endpoint);
    await directory.changed();
  }

  /** Runs that were open and may have ended since. */
  private async look(): Promise<void> {
    const { journal, watch, endpoints, tenant } = this.options;
    let found = LOOKS;
    for (let page = 0; found === LOOKS && page < LOOK_PAGES && !this.steps.isClosed; page++) {
      const runs = await watch.due(LOOKS, LOOK_AGAIN_MS);
      found = runs.length;
      const ended: RunHead[] = [];
      const open: RunHead[] = [];
      for (const run of runs) {
        const head = await journal.head(tenant, run);
        if (head === null) {
          // It never began, or is deleted.
          await watch.remove([run]);
          await endpoints.removeCallback(run);
        } else if (head.finishedAt === null) open.push(head);
        else ended.push(head);
        if (head?.finishedAt !== null) this.seen.delete(run);
      }
      await this.ensurePauses(open.filter(({ status }) => status === "waiting"));
      await this.putOff(open);
      await this.ensure(ended);
      await watch.remove(ended.map(({ id }) => id));
    }
  }

  /** Those that stood so at the last look as well are looked at later and later. */
  private async putOff(heads: readonly RunHead[]): Promise<void> {
    if (this.seen.size > SEEN_MAX) this.seen.clear();
    const later = new Map<number, string[]>();
    for (const { id, status, epoch } of heads) {
      const stand = `${status} ${epoch}`;
      const before = this.seen.get(id);
      const looks = before?.stand === stand ? before.looks + 1 : 0;
      this.seen.set(id, { stand, looks });
      const ms = Math.min(LOOK_LATE_MS, LOOK_AGAIN_MS * 2 ** looks);
      later.set(ms, [...(later.get(ms) ?? []), id]);
    }
    for (const [ms, runs] of later) if (ms > LOOK_AGAIN_MS) await this.options.watch.putOff(runs, ms);
  }

  /** Looks at the runs created in the next stretch of time. Null: there is none yet. */
  private async advance(cursor: number, settled: number): Promise<number | null> {
    const { directory, journal, watch, tenant, holder } = this.options;
    if (directory.endpoints.length === 0) return null;
    const from = Math.max(cursor, Math.min(...directory.endpoints.map(({ enabledAt }) => enabledAt)));
    if (from >= settled) return null;
    let to = Math.min(from + this.stretchMs, settled);
    const pageOf = (end: number, more = {}): ReturnType<Journal["find"]> =>
      journal.find({ tenant, createdAfter: from - 1, createdBefore: end, limit: PAGE, ...more });
    let page = await pageOf(to);
    while (page.nextCursor !== null && to - from > 1) {
      to = from + Math.max(1, Math.floor((to - from) / 2));
      this.stretchMs = to - from;
      page = await pageOf(to);
    }
    const heads = [...page.runs];
    while (page.nextCursor !== null) {
      page = await pageOf(to, { cursor: page.nextCursor });
      heads.push(...page.runs);
    }
    if (heads.length < PAGE / 2) this.stretchMs = Math.min(STRETCH_MS_MAX, this.stretchMs * 2);
    const wanted = heads.filter(({ workflow }) => directory.of(workflow).length > 0);
    await this.ensure(wanted.filter(({ finishedAt }) => finishedAt !== null));
    await this.ensurePauses(wanted.filter(({ status }) => status === "waiting"));
    await watch.add(
      wanted.filter(({ finishedAt }) => finishedAt === null).map(({ id }) => id),
      LOOK_AGAIN_MS,
    );
    await watch.advance(holder, to);
    return to;
  }

  /** Tells of ended runs that have not been told of. */
  private async ensure(heads: readonly RunHead[]): Promise<void> {
    const { log, endpoints } = this.options;
    for (let at = 0; at < heads.length; at += PAGE) {
      const some = heads.slice(at, at + PAGE);
      const ids = some.map(({ id }) => id);
      const known = new Set((await log.known(ids)).map(({ run, endpoint, type }) => keyOf(run, endpoint, type)));
      const called = await endpoints.callbacksOf(ids);
      for (const head of some) {
        if (!this.isTold(head, known, called)) await this.tell(head, 1, true);
      }
    }
  }

  /**
   * Tells of pauses that have not been told of: a run that waits for somebody is owned by nobody, so no next owner would
   * tell. What stands behind the last message is seldom more than nothing.
   */
  private async ensurePauses(heads: readonly RunHead[]): Promise<void> {
    const { log, endpoints, directory } = this.options;
    for (let at = 0; at < heads.length; at += PAGE) {
      const ids = heads.slice(at, at + PAGE).map(({ id }) => id);
      const called = await endpoints.callbacksOf(ids);
      const last = await log.lastPositions(ids);
      for (const head of heads.slice(at, at + PAGE)) {
        const wants = directory.of(head.workflow).some(({ events }) => isWanted(events, "run.paused"));
        if (!wants && !called.has(head.id)) continue;
        await this.tell(head, Math.max(1, Math.floor((last.get(head.id) ?? 0) / RANKS)), false);
      }
    }
  }

  /** Tells what the journal has of a run from a row on. */
  private async tell(head: RunHead, seq: number, isOver: boolean): Promise<void> {
    const { journal, teller, problem } = this.options;
    try {
      const found = await readNews(journal, head.runKey, seq);
      if (found && (isOver || found.news.length > 0)) await teller.tell(found, isOver);
    } catch (error) {
      if ((error as { readonly retryable?: unknown }).retryable === true) throw error;
      problem(`the run ${head.id} cannot be read, so no webhook tells of it`, error);
    }
  }

  /** Whether the last message that each endpoint wants of the run is there. */
  private isTold(head: RunHead, known: ReadonlySet<string>, called: ReadonlySet<string>): boolean {
    const { id, workflow, status, finishedAt, startedAt } = head;
    if (called.has(id) && !known.has(keyOf(id, CALLBACK, `run.${status}`))) return false;
    return this.options.directory.of(workflow).every(({ id: endpoint, events, enabledAt }) => {
      if (finishedAt! < enabledAt) return true;
      if (isWanted(events, `run.${status}`)) return known.has(keyOf(id, endpoint, `run.${status}`));
      // Pauses are in the journal alone.
      if (isWanted(events, "run.paused")) return false;
      if (startedAt === null || startedAt < enabledAt || !isWanted(events, "run.started")) return true;
      return known.has(keyOf(id, endpoint, "run.started"));
    });
  }
}

function keyOf(run: string, endpoint: string, type: string): string {
  return JSON.stringify([run, endpoint, type]);
}
