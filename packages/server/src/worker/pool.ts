import type { Priority } from "@weftwork/core";
import { FairQueue, type Request } from "../limits/fair-queue.ts";
import { fixedLimit } from "../limits/fixed.ts";
import type { Limit } from "../limits/limit.ts";

/** Something that waits for a place in a pool. */
export interface PoolTask extends Request {
  /** Tasks of one kind take about the same time. */
  readonly kind: string;
}

/** Seconds that a task of an unknown kind is booked with. */
const UNKNOWN_SECONDS = 0.1;
/** Weight of the newest time in the usual one. */
const LEARNING = 1 / 8;
/** A place costs something even for a moment. */
const LEAST_SECONDS = 1e-6;

/**
 * The tasks that wait in one pool, and how many are being done: at most as many as its limit says. They are shared out
 * fairly, counted in the time for which they take a place.
 */
export class Pool<T extends PoolTask> {
  readonly name: string;
  active = 0;
  /** Nothing is begun. */
  isPaused = false;
  /** Whether its limit learns from what is seen of its tasks. */
  readonly isAdaptive: boolean;
  private readonly limit: Limit;
  private places: number;
  private readonly queue = new FairQueue<T>({ cost: ({ kind }) => this.usual.get(kind) ?? UNKNOWN_SECONDS });
  /** Seconds that tasks of a kind usually take. Learnt only while tasks compete. */
  private readonly usual = new Map<string, number>();

  constructor(name: string, limit: Limit | number) {
    this.name = name;
    this.isAdaptive = typeof limit !== "number";
    this.limit = typeof limit === "number" ? fixedLimit(limit) : limit;
    this.places = this.limit.current();
    this.limit.onChange((places) => (this.places = places));
  }

  get concurrency(): number {
    return this.places;
  }

  get waiting(): number {
    return this.queue.waiting;
  }

  get canStart(): boolean {
    return !this.isPaused && this.active < this.places && this.queue.ready > 0;
  }

  /** When the one came that waits longest of those that are not held back; null: none waits. */
  get oldestAt(): number | null {
    return this.queue.oldestAt();
  }

  push(task: T): void {
    this.queue.push(task);
  }

  /** The next task; undefined when none waits that may be begun. It is told of by `left`, or by `withdraw`. */
  shift(): T | undefined {
    return this.queue.take();
  }

  /** A task that was taken is not done after all. */
  withdraw(task: T): void {
    this.queue.settle(task, 0);
  }

  /** A task has given its place back after so many milliseconds. */
  left(task: T, ms: number): void {
    this.active -= 1;
    if (task.booked === 0) return;
    const seconds = Math.max(ms / 1000, LEAST_SECONDS);
    const usual = this.usual.get(task.kind) ?? seconds;
    this.usual.set(task.kind, usual + (seconds - usual) * LEARNING);
    this.queue.settle(task, seconds);
  }

  /** What was seen of a task for the limit. `dropped`: what it asked refused it for load, or gave no answer in time. */
  saw(ms: number, dropped: boolean): void {
    this.limit.sample(ms, this.active, dropped);
  }

  /** Begins nothing of these classes for now. */
  hold(classes: readonly Priority[]): void {
    this.queue.hold(classes);
  }
}
