import { AppError, type Json } from "@weftwork/core";
import type { Pool } from "@weftwork/sdk";
import type { Live } from "../live/live.ts";
import type { PoolDepth } from "../tasks/task-store.ts";
import type { PausedPool, PoolControlTable } from "./control-table.ts";

/** What a process has in front of it, as it says itself. */
export interface PoolShare {
  readonly name: string;
  readonly pid: number;
  readonly load: number;
  readonly pools: Readonly<
    Record<string, { readonly slots: number; readonly active: number; readonly waiting: number }>
  >;
}

export interface PoolsOptions {
  readonly table: PoolControlTable;
  readonly signals: Live<Json>;
  readonly now: () => number;
  /** The processes on the store, this one first. */
  readonly shares: () => readonly PoolShare[];
  readonly depths: () => Promise<readonly PoolDepth[]>;
  /** Begins nothing of these pools from now on, and again of all others. */
  readonly apply: (paused: ReadonlySet<string>) => void;
}

/** What pools can be called. */
const NAME = /^[a-z][a-z0-9_-]{0,63}$/;
/** Channel on which processes hear that a pool was paused or resumed. */
const CHANNEL = "pool-controls";

/**
 * The pools as an operator sees them, over all processes, and their controls. A paused pool begins nothing; what was
 * begun goes on to its end, and what comes waits.
 */
export class Pools {
  private readonly options: PoolsOptions;
  private readonly stopHearing: () => void;
  private paused: ReadonlyMap<string, PausedPool> = new Map();
  /** Reads that were begun, and the one that what is known comes from. */
  private begun = 0;
  private known = 0;

  constructor(options: PoolsOptions) {
    this.options = options;
    this.stopHearing = options.signals.subscribe(CHANNEL, () => void this.refresh().catch(() => undefined));
  }

  /** Reads which pools are paused: at the start, when told, and from time to time, for a word may be lost. */
  async refresh(): Promise<void> {
    const turn = ++this.begun;
    const paused = await this.options.table.list();
    // One that was begun later has answered sooner: it knows more.
    if (turn < this.known) return;
    this.known = turn;
    this.paused = new Map(paused.map((one) => [one.pool, one]));
    this.options.apply(new Set(this.paused.keys()));
  }

  isPaused(pool: string): boolean {
    return this.paused.has(pool);
  }

  async list(): Promise<readonly Pool[]> {
    const [depths] = await Promise.all([this.options.depths(), this.refresh()]);
    const shares = this.options.shares();
    const names = new Set([
      ...shares.flatMap(({ pools }) => Object.keys(pools)),
      ...depths.map(({ pool }) => pool),
      ...this.paused.keys(),
    ]);
    return [...names].toSorted().map((name) => this.view(name, shares, depths));
  }

  /** Throws `POOL_NOT_FOUND`. */
  async get(name: string): Promise<Pool> {
    const pools = await this.list();
    const pool = pools.find((one) => one.name === name);
    if (!pool) throw new AppError("POOL_NOT_FOUND", { pool: name, known: pools.map((one) => one.name).join(", ") });
    return pool;
  }

  /**
   * Begins nothing more of the pool in any process; tasks under way go on. One that nobody serves now can be paused as
   * well. Throws `POOL_NOT_FOUND` for what is no name of a pool.
   */
  async pause(name: string, reason: string | null): Promise<Pool> {
    if (!NAME.test(name)) await this.get(name);
    await this.options.table.pause({ pool: name, reason, pausedAt: this.options.now() });
    return this.changed(name);
  }

  /** Throws `POOL_NOT_FOUND`. */
  async resume(name: string): Promise<Pool> {
    await this.get(name);
    await this.options.table.resume(name);
    return this.changed(name);
  }

  close(): void {
    this.stopHearing();
  }

  private changed(name: string): Promise<Pool> {
    this.options.signals.publish(CHANNEL, name);
    return this.get(name);
  }

  private view(name: string, shares: readonly PoolShare[], depths: readonly PoolDepth[]): Pool {
    const workers = shares.flatMap(({ name: worker, pid, load, pools }) => {
      const share = pools[name];
      return share ? [{ name: worker, pid, ...share, load }] : [];
    });
    const depth = depths.find(({ pool }) => pool === name);
    const active = workers.reduce((sum, one) => sum + one.active, 0);
    const here = workers.reduce((sum, one) => sum + one.active + one.waiting, 0);
    // Tasks that users' own workers hold are in nobody's pool of slots.
    const elsewhere = Math.max(0, (depth?.held ?? 0) - here);
    const paused = this.paused.get(name);
    return {
      name,
      status: !paused ? "active" : active + elsewhere > 0 ? "draining" : "paused",
      paused_at: timeOf(paused?.pausedAt ?? null),
      reason: paused?.reason ?? null,
      slots: workers.reduce((sum, one) => sum + one.slots, 0),
      active: active + elsewhere,
      waiting: workers.reduce((sum, one) => sum + one.waiting, 0) + (depth?.waiting ?? 0),
      waiting_since: timeOf(depth?.waitingSince ?? null),
      workers,
    };
  }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
