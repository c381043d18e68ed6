import type { Journal } from "../journal/journal.ts";
import { isFinal, rankOf } from "../journal/rules.ts";
import type { Ticket } from "../transport/transport.ts";
import { MemoryHolders } from "./memory-holders.ts";
import { MemoryQueue } from "./memory-queue.ts";
import {
  resultId,
  type PoolDepth,
  type PostedTask,
  type StandingTask,
  type TakenTask,
  type TaskName,
  type TaskResult,
  type TaskStore,
} from "./task-store.ts";

export interface MemoryTasksOptions {
  /** Where results go, and where it is known which runs are open. */
  readonly journal: Pick<Journal, "offer" | "head">;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Entry {
  readonly number: number;
  readonly postedAt: number;
  task: PostedTask & { readonly owner: number };
  holder: number | null;
  takes: number;
  toldAt: number;
  /** Its result is on its way to the journal, or it has left: nobody takes it. */
  isLeaving: boolean;
  isWaiting(): boolean;
}

/** The tasks of one pool that wait, by class, and how many are held. */
interface Pool {
  readonly queues: readonly MemoryQueue<Entry>[];
  held: number;
}

const CLASSES = 4;
/** A run has read its inbox after this time. */
const READ_WITHIN_MS = 60_000;

/**
 * The task store of a journal that one process owns. It is gone with the process, whose next start puts up again what
 * its runs still owe.
 */
export class MemoryTasks implements TaskStore {
  /** Users' own workers. */
  readonly holders: MemoryHolders;
  private readonly journal: MemoryTasksOptions["journal"];
  private readonly now: () => number;
  private readonly entries = new Map<string, Entry>();
  private readonly runs = new Map<number, Set<Entry>>();
  private readonly byHolder = new Map<number, Set<Entry>>();
  private readonly pools = new Map<string, Pool>();
  /** Tasks whose results were given to the journal, and when: their runs may not have read them yet. */
  private readonly reported = new Map<string, number>();
  private nextNumber = 0;

  constructor({ journal, now }: MemoryTasksOptions) {
    this.journal = journal;
    this.now = now;
    this.holders = new MemoryHolders(now, {
      of: (holder) => Array.from(this.byHolder.get(holder) ?? [], ({ task, takes }) => ({ ...task, takes })),
      giveAllBack: (holder) => {
        for (const entry of this.byHolder.get(holder) ?? []) if (!entry.isLeaving) this.free(entry, 1);
      },
    });
  }

  async post(owner: number, tasks: readonly PostedTask[]): Promise<void> {
    const epochs = new Map<string, number | null>();
    for (const task of tasks) {
      const run = `${task.runKey} ${task.tenant}`;
      if (!epochs.has(run)) epochs.set(run, await this.epochOf(task));
      if (epochs.get(run) !== task.epoch || this.reported.has(nameOf(task))) continue;
      const entry = this.entries.get(nameOf(task));
      if (!entry) this.put({ ...task, owner });
      else if (entry.task.epoch <= task.epoch) entry.task = { ...entry.task, epoch: task.epoch, owner };
    }
  }

  /** Null when the run has ended or is not there. */
  private async epochOf({ tenant, runId, runKey }: PostedTask): Promise<number | null> {
    const head = await this.journal.head(tenant, runId);
    return head && head.runKey === runKey && !isFinal(head.status) ? head.epoch : null;
  }

  private put({ holder, ...task }: PostedTask & { readonly owner: number }): void {
    const postedAt = this.now();
    const entry: Entry = {
      number: this.nextNumber++,
      postedAt,
      task,
      holder: null,
      takes: 0,
      toldAt: postedAt,
      isLeaving: false,
      isWaiting: () => entry.holder === null && !entry.isLeaving,
    };
    this.entries.set(nameOf(task), entry);
    groupOf(this.runs, task.runKey).add(entry);
    this.queueOf(entry).add(entry);
    if (holder !== undefined) this.hold(entry, holder);
  }

  async take(holder: number, names: readonly TaskName[]): Promise<readonly TakenTask[]> {
    if (!this.holders.isLive(holder)) return [];
    const taken: TakenTask[] = [];
    for (const name of names) {
      const entry = this.entries.get(nameOf(name));
      if (!entry || entry.isLeaving) continue;
      if (entry.holder !== null) {
        if (this.holders.isLive(entry.holder)) continue;
        this.free(entry, 0);
      }
      taken.push(this.hold(entry, holder));
    }
    return taken;
  }

  async next(holder: number, pool: string, limit: number): Promise<readonly TakenTask[]> {
    const taken: TakenTask[] = [];
    if (!this.holders.isLive(holder)) return taken;
    for (const queue of this.pools.get(pool)?.queues ?? []) {
      for (let entry = queue.oldest(); entry && taken.length < limit; entry = queue.oldest()) {
        taken.push(this.hold(entry, holder));
      }
    }
    return taken;
  }

  /** A result is the run's as soon as the journal has it; until then nobody else can take the task. */
  async report(holder: number, results: readonly TaskResult[]): Promise<readonly ("reported" | "stale")[]> {
    const answers: ("reported" | "stale")[] = [];
    for (const result of results) answers.push(await this.reportOne(holder, result));
    return answers;
  }

  private async reportOne(holder: number, result: TaskResult): Promise<"reported" | "stale"> {
    const entry = this.entries.get(nameOf(result));
    if (!entry || entry.holder !== holder || entry.isLeaving || !this.holders.isLive(holder)) return "stale";
    entry.isLeaving = true;
    try {
      const { tenant, runId, task } = entry.task;
      const [offered] = await this.journal.offer([{ tenant, runId, inputId: resultId(task), body: result.input }]);
      this.remove(entry);
      this.reported.set(nameOf(result), this.now());
      return offered === "offered" ? "reported" : "stale";
    } finally {
      entry.isLeaving = false;
      // Not when it has left. Its holder may have gone while the journal was asked.
      if (entry.holder !== null && !this.holders.isLive(entry.holder)) this.free(entry, 0);
    }
  }

  async giveBack(holder: number, names: readonly TaskName[]): Promise<void> {
    for (const entry of this.found(names)) if (entry.holder === holder && !entry.isLeaving) this.free(entry, 1);
  }

  async withdraw(names: readonly (TaskName & { readonly epoch: number })[]): Promise<void> {
    for (const name of names) {
      const entry = this.entries.get(nameOf(name));
      if (entry && entry.task.epoch <= name.epoch) this.remove(entry);
    }
  }

  async expire(names: readonly TaskName[]): Promise<readonly TaskName[]> {
    const free = this.found(names).filter((entry) => entry.isWaiting());
    for (const entry of free) this.remove(entry);
    return free.map(({ task: { runKey, task } }) => ({ runKey, task }));
  }

  async holding(holder: number): Promise<readonly TaskName[]> {
    return Array.from(this.byHolder.get(holder) ?? [], ({ task: { runKey, task } }) => ({ runKey, task }));
  }

  async held(holder: number, names: readonly TaskName[]): Promise<readonly TaskName[]> {
    return names.filter((name) => this.entries.get(nameOf(name))?.holder === holder);
  }

  async present(names: readonly TaskName[]): Promise<readonly TaskName[]> {
    return names.filter((name) => this.entries.has(nameOf(name)) || this.reported.has(nameOf(name)));
  }

  async sweep(quietMs: number, limit: number): Promise<readonly Ticket[]> {
    for (const holder of this.holders.endLapsed()) {
      for (const entry of this.byHolder.get(holder) ?? []) if (!entry.isLeaving) this.free(entry, 0);
    }
    const now = this.now();
    for (const [name, at] of this.reported) {
      if (at > now - READ_WITHIN_MS) break;
      this.reported.delete(name);
    }
    const quiet: Entry[] = [];
    for (const entry of this.entries.values()) {
      if (quiet.length === limit) break;
      if (entry.isWaiting() && entry.toldAt <= now - quietMs) quiet.push(entry);
    }
    const tickets: Ticket[] = [];
    for (const entry of quiet) {
      entry.toldAt = now;
      const { tenant, pool, priority, runKey, task } = entry.task;
      if ((await this.epochOf(entry.task)) === null) this.remove(entry);
      else tickets.push({ tenant, pool, priority, runKey, task });
    }
    return tickets.toSorted((a, b) => rankOf(a.priority) - rankOf(b.priority));
  }

  async of(runKey: number): Promise<readonly StandingTask[]> {
    return Array.from(this.runs.get(runKey) ?? [], ({ task: { task, pool }, postedAt, holder }) => {
      return { runKey, task, pool, postedAt, isHeld: holder !== null };
    }).toSorted((a, b) => (a.task < b.task ? -1 : 1));
  }

  async depths(): Promise<readonly PoolDepth[]> {
    return [...this.pools]
      .map(([pool, { queues, held }]) => ({
        pool,
        waiting: queues.reduce((sum, queue) => sum + queue.size, 0),
        held,
        waitingSince: earliest(queues.map((queue) => queue.oldest()?.postedAt)),
      }))
      .filter(({ waiting, held }) => waiting + held > 0)
      .toSorted((a, b) => (a.pool < b.pool ? -1 : 1));
  }

  async close(): Promise<void> {
    this.entries.clear();
  }

  private found(names: readonly TaskName[]): Entry[] {
    return names.flatMap((name) => this.entries.get(nameOf(name)) ?? []);
  }

  private poolOf({ task: { pool: name } }: Entry): Pool {
    const known = this.pools.get(name);
    if (known) return known;
    const pool = { queues: Array.from({ length: CLASSES }, () => new MemoryQueue<Entry>()), held: 0 };
    this.pools.set(name, pool);
    return pool;
  }

  private queueOf(entry: Entry): MemoryQueue<Entry> {
    return this.poolOf(entry).queues[rankOf(entry.task.priority)]!;
  }

  private hold(entry: Entry, holder: number): TakenTask {
    entry.holder = holder;
    entry.takes += 1;
    groupOf(this.byHolder, holder).add(entry);
    this.poolOf(entry).held += 1;
    this.queueOf(entry).left();
    return { ...entry.task, takes: entry.takes };
  }

  /** Waits again, and is told of with the next sweep. `takes`: how many do not count. */
  private free(entry: Entry, takes: number): void {
    this.letGo(entry);
    entry.takes -= takes;
    entry.toldAt = 0;
    this.queueOf(entry).add(entry);
  }

  private letGo(entry: Entry): void {
    const holder = entry.holder!;
    leave(this.byHolder, holder, entry);
    entry.holder = null;
    this.poolOf(entry).held -= 1;
  }

  private remove(entry: Entry): void {
    if (!this.entries.delete(nameOf(entry.task))) return;
    leave(this.runs, entry.task.runKey, entry);
    const wasHeld = entry.holder !== null;
    if (wasHeld) this.letGo(entry);
    // Whoever still has it in hand finds that it waits for nobody.
    entry.isWaiting = () => false;
    if (!wasHeld) this.queueOf(entry).left();
  }
}

const nameOf = ({ runKey, task }: TaskName): string => `${runKey} ${task}`;

function groupOf(groups: Map<number, Set<Entry>>, key: number): Set<Entry> {
  let group = groups.get(key);
  if (!group) groups.set(key, (group = new Set()));
  return group;
}

function leave(groups: Map<number, Set<Entry>>, key: number, entry: Entry): void {
  const group = groups.get(key);
  group?.delete(entry);
  if (group?.size === 0) groups.delete(key);
}

function earliest(times: readonly (number | undefined)[]): number | null {
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? Math.min(...known) : null;
}
