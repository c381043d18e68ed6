import type { Random } from "./random.ts";

/** Who an event happens to. It does not happen to somebody who is dead, and waits for somebody who is stopped. */
export interface Actor {
  readonly name: string;
  readonly alive: boolean;
  /** Stopped (SIGSTOP) until this time; 0: not stopped. */
  readonly stoppedUntil: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly actor: Actor | null;
  readonly what: string;
  readonly happen: () => void;
  cancelled: boolean;
}

/** The tenant of every simulated run. */
export const TENANT = "acme";

/** Long ago enough to be recognised, so that nothing depends on the day of the test. */
export const START = Date.UTC(2026, 0, 1);

/**
 * Time, and what happens in it. One event after the other; between two events every promise that can go on does, so
 * that the same seed gives the same order of everything.
 */
export class World {
  readonly random: Random;
  now = START;
  /** Number of the event that happens now: the order of everything in a simulation. */
  order = 0;
  private nextOrder = 0;
  private readonly heap: Event[] = [];
  private readonly lines: string[] | null;
  private hash = 0x811c9dc5;

  /** `record`: keep the trace as text, not only its hash. */
  constructor(random: Random, record: boolean) {
    this.random = random;
    this.lines = record ? [] : null;
  }

  /** Lets something happen after a delay. The answer takes it back. */
  after(ms: number, actor: Actor | null, what: string, happen: () => void): () => void {
    const event = { at: this.now + Math.max(0, ms), order: this.nextOrder++, actor, what, happen, cancelled: false };
    this.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Runs until `done` says so or the time is over. */
  async run(until: number, done: () => boolean): Promise<void> {
    for (let next = this.heap[0]; next && next.at <= until; next = this.heap[0]) {
      this.pop();
      if (next.cancelled || next.actor?.alive === false) continue;
      if (next.actor && next.actor.stoppedUntil > next.at) {
        this.push({ ...next, at: next.actor.stoppedUntil });
        continue;
      }
      this.now = next.at;
      this.order += 1;
      this.note(`${next.actor?.name ?? "-"} ${next.what}`);
      next.happen();
      // A turn of the event loop comes only when no promise can go on any more.
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (done()) return;
    }
    this.now = Math.max(this.now, until);
  }

  /** Adds a line to the trace. */
  note(line: string): void {
    const text = `${(this.now - START).toFixed(3)} ${line}`;
    this.lines?.push(text);
    let { hash } = this;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.hash = hash;
  }

  /** Stands for the whole trace. */
  get traceHash(): string {
    return `${this.order}:${(this.hash >>> 0).toString(16)}`;
  }

  get trace(): readonly string[] {
    return this.lines ?? [];
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.push(event) - 1;
    for (let up = (at - 1) >> 1; at > 0 && before(heap[at]!, heap[up]!); at = up, up = (at - 1) >> 1) this.swap(at, up);
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    const event = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = event;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A promise whose maker has died. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
