import type { Json } from "@weftwork/core";
import type { Clock } from "../runtime/clock.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { Member } from "../runtime/member.ts";
import type { TaskStore } from "../tasks/task-store.ts";
import { nameOf, type ForeignTask } from "./foreign-task.ts";

export interface HeldTasksOptions {
  readonly store: Pick<TaskStore, "held" | "holding" | "giveBack">;
  readonly clock: Clock;
  readonly member: Member;
  /** What is done here for others. */
  readonly tasks: ReadonlyMap<HotRun, ForeignTask>;
  /** Names of tasks that came and are not among them yet. */
  readonly beginning: ReadonlySet<string>;
  /** Ends a task that is ours no longer. */
  readonly drop: (run: HotRun, task: ForeignTask) => void;
}

/** A task of this age is looked at. */
const LOOKED_AT_MS = 1000;
/** One that was handed over: by now it stands in the store, or its owner is gone. */
const HANDED_LOOKED_AT_MS = 15_000;

/** What is held and known to nobody for so long is forgotten: no taking is on its way for longer. */
const SUSPECT_MS = 1000;

/** Compares what is done here for others with what the store says. */
export class HeldTasks {
  private readonly options: HeldTasksOptions;
  /** Held by us, and known to nobody here: since when. */
  private suspects: ReadonlyMap<string, number> = new Map();

  constructor(options: HeldTasksOptions) {
    this.options = options;
  }

  /** Ends what is not held any more. */
  async look(): Promise<void> {
    const { clock, tasks } = this.options;
    const now = clock.monotonic();
    const old = ({ since, handed }: ForeignTask): boolean =>
      now - since >= (handed ? HANDED_LOOKED_AT_MS : LOOKED_AT_MS);
    await this.compare([...tasks].filter(([, task]) => old(task)));
  }

  /** Withdrawn by the owner of its run, as it says: whether that is so says the store. */
  unwanted(message: Json): void {
    const { tasks } = this.options;
    if (!Array.isArray(message) || tasks.size === 0) return;
    const names = new Set((message as readonly Json[]).map((name) => (Array.isArray(name) ? name.join("/") : "")));
    const named = [...tasks].filter(([, { taken }]) => names.has(nameOf(taken)));
    // Where the store does not answer now, the next look asks it again.
    if (named.length > 0) void this.compare(named).catch(() => undefined);
  }

  /** Under no lease nothing is begun, and what was begun is aborted. */
  endWithLease(): void {
    const { clock, member, tasks, drop } = this.options;
    if (clock.monotonic() < member.deadline()) return;
    for (const [run, task] of tasks) drop(run, task);
  }

  /**
   * Gives back what the store says is ours and nobody here knows of: the answer to a taking or a giving back was lost, or
   * what was handed over never came. Seen so for a while, for a taking may be on its way.
   */
  async lookForForgotten(): Promise<void> {
    const { store, member, clock } = this.options;
    const holder = member.workerKey;
    const known = this.known();
    const held = await store.holding(holder);
    const knownAfter = this.known();
    const unknown = held.filter((name) => !known.has(nameOf(name)) && !knownAfter.has(nameOf(name)));
    const now = clock.monotonic();
    const suspects = new Map(unknown.map((name) => [nameOf(name), this.suspects.get(nameOf(name)) ?? now] as const));
    this.suspects = suspects;
    const forgotten = unknown.filter((name) => now - suspects.get(nameOf(name))! >= SUSPECT_MS);
    if (forgotten.length === 0 || member.workerKey !== holder) return;
    await store.giveBack(holder, forgotten);
  }

  private known(): ReadonlySet<string> {
    const { tasks, beginning } = this.options;
    const names = new Set(beginning);
    for (const { taken } of tasks.values()) names.add(nameOf(taken));
    return names;
  }

  private async compare(tasks: readonly (readonly [HotRun, ForeignTask])[]): Promise<void> {
    const { store, member, drop } = this.options;
    const holder = member.workerKey;
    const ours: (readonly [HotRun, ForeignTask])[] = [];
    for (const [run, task] of tasks) {
      if (task.holder === holder) ours.push([run, task]);
      else drop(run, task);
    }
    if (ours.length === 0) return;
    const held = await store.held(
      holder,
      ours.map(([, { taken }]) => taken),
    );
    const names = new Set(held.map(nameOf));
    for (const [run, task] of ours) if (!names.has(nameOf(task.taken)) && this.options.tasks.has(run)) drop(run, task);
  }
}
