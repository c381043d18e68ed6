import type { LiveHolder, OwnWorker, TaskHolders } from "./task-holders.ts";
import type { TakenTask, TaskName } from "./task-store.ts";

interface Holder extends OwnWorker {
  readonly joinedAt: number;
  leaseUntil: number;
}

/** What the store tells of, and does with, the tasks of a holder. */
export interface HeldTasks {
  of(holder: number): readonly TakenTask[];
  /** The holder has left in order. */
  giveAllBack(holder: number): void;
}

/** Far from the keys that journals give to members. */
const FIRST_KEY = 2 ** 40;

/** Users' own workers, for a store that one process owns: they end with it and join again. */
export class MemoryHolders implements TaskHolders {
  private readonly now: () => number;
  private readonly store: HeldTasks;
  private readonly holders = new Map<number, Holder>();
  private nextKey = FIRST_KEY;

  constructor(now: () => number, store: HeldTasks) {
    this.now = now;
    this.store = store;
  }

  async join(worker: OwnWorker): Promise<number> {
    const key = this.nextKey++;
    const now = this.now();
    this.holders.set(key, { ...worker, joinedAt: now, leaseUntil: now + worker.leaseMs });
    return key;
  }

  async renew(key: number, leaseMs: number): Promise<boolean> {
    const holder = this.holders.get(key);
    if (holder) holder.leaseUntil = this.now() + leaseMs;
    return holder !== undefined;
  }

  async find(key: number): Promise<OwnWorker | null> {
    return this.holders.get(key) ?? null;
  }

  async leave(key: number): Promise<void> {
    if (this.holders.delete(key)) this.store.giveAllBack(key);
  }

  async read(key: number, names: readonly TaskName[]): Promise<readonly TakenTask[]> {
    const wanted = new Set(names.map(({ runKey, task }) => `${runKey} ${task}`));
    return this.store.of(key).filter(({ runKey, task }) => wanted.has(`${runKey} ${task}`));
  }

  async list(tenant: string): Promise<readonly LiveHolder[]> {
    return [...this.holders]
      .filter(([key, holder]) => holder.tenant === tenant && this.isLive(key))
      .map(([holder, { name, pools, joinedAt, leaseUntil }]) => ({ holder, name, pools, joinedAt, leaseUntil }));
  }

  /** The process itself holds for as long as it is there; the leases of others end. */
  isLive(key: number): boolean {
    if (key < FIRST_KEY) return true;
    return (this.holders.get(key)?.leaseUntil ?? 0) > this.now();
  }

  /** Ends for good those whose lease is over. */
  endLapsed(): readonly number[] {
    const ended = [...this.holders.keys()].filter((key) => !this.isLive(key));
    for (const key of ended) this.holders.delete(key);
    return ended;
  }
}
