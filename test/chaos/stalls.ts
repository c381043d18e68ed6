import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

/** A time in which the machine itself did nothing, in milliseconds since 1970. */
export interface Stall {
  readonly from: number;
  readonly until: number;
}

/** The longest time between two calls. */
export interface Gap {
  /** By the clock on the wall. */
  readonly ms: number;
  /** Of all gaps the longest when the time in which the machine stood still is taken off. */
  readonly ownMs: number;
}

const EVERY_MS = 50;
/** A beat that is later than this, or a commit that takes longer, tells of a machine that stood still. */
const STALL_MS = 100;
const ANSWER_MS_MAX = 60_000;

/**
 * The longest time without a call between `from` and `until`, which both end a gap. Each moment of a stall is taken off
 * once, and only from the gap in which it lies.
 */
export function longestGap(calls: readonly number[], stalls: readonly Stall[], from: number, until: number): Gap {
  const within = calls.filter((at) => at > from && at < until).toSorted((a, b) => a - b);
  let [ms, ownMs, before] = [0, 0, from];
  for (const at of [...within, until]) {
    ms = Math.max(ms, at - before);
    ownMs = Math.max(ownMs, at - before - stalledMs(stalls, before, at));
    before = at;
  }
  return { ms, ownMs };
}

/** Milliseconds between the two times in which the machine stood still. */
export function stalledMs(stalls: readonly Stall[], from: number, until: number): number {
  let sum = 0;
  let reached = from;
  for (const stall of stalls.toSorted((a, b) => a.from - b.from)) {
    const [begin, end] = [Math.max(stall.from, reached), Math.min(stall.until, until)];
    if (end <= begin) continue;
    sum += end - begin;
    reached = end;
  }
  return sum;
}

/**
 * Notes when the machine stands still, whatever the engine does: an event loop that beats late, and a row that nobody
 * else knows of whose commit waits for the disk. It holds no lock that the engine could wait for, and waits for none.
 */
export class StallProbe {
  readonly stalls: Stall[] = [];
  private readonly database: Client;
  private readonly beating: Promise<unknown>;
  private closed = false;

  private constructor(database: Client) {
    this.database = database;
    // A connection that breaks is told by the row that is written next.
    database.on("error", () => undefined);
    this.beating = Promise.all([this.beat(), this.write()]);
    // Told at the end.
    this.beating.catch(() => undefined);
  }

  static async open(url: string): Promise<StallProbe> {
    const database = new Client({ connectionString: url, query_timeout: ANSWER_MS_MAX });
    await database.connect();
    await database.query("create schema if not exists chaos; create table if not exists chaos.beat (at int8 not null)");
    return new StallProbe(database);
  }

  /** Resolves when what is under way is noted. Throws where the database did not answer. */
  async close(): Promise<void> {
    this.closed = true;
    try {
      await this.beating;
    } finally {
      await this.database.end();
    }
  }

  private async beat(): Promise<void> {
    while (!this.closed) {
      const due = Date.now() + EVERY_MS;
      await sleep(EVERY_MS);
      this.note(due);
    }
  }

  private async write(): Promise<void> {
    while (!this.closed) {
      const from = Date.now();
      await this.database.query({ name: "beat", text: "insert into chaos.beat (at) values ($1)", values: [from] });
      this.note(from);
      await sleep(EVERY_MS);
    }
  }

  private note(from: number): void {
    const until = Date.now();
    if (until - from >= STALL_MS) this.stalls.push({ from, until });
  }
}
