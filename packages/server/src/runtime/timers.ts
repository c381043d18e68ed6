import type { Clock } from "./clock.ts";

interface Entry {
  readonly dueAt: number;
  readonly key: string;
  readonly fire: () => void;
}

/**
 * The timers of the runs held in this process: one timer of the platform for all of them, a heap by due time.
 * A timer that fires early by the wall clock (a jump backwards) is asked for again, never delivered early.
 */
export class Timers {
  private readonly clock: Clock;
  private readonly heap: Entry[] = [];
  private readonly live = new Map<string, Entry>();
  private disarm: (() => void) | null = null;
  private armedFor = Infinity;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  set(key: string, dueAt: number, fire: () => void): void {
    const entry = { dueAt, key, fire };
    this.live.set(key, entry);
    this.heap.push(entry);
    this.up(this.heap.length - 1);
    if (this.heap.length > 1024 && this.heap.length > 2 * this.live.size) this.compact();
    if (dueAt < this.armedFor) this.arm();
  }

  /** Withdrawn entries stay in the heap until they come up, or until they are more than half of it. */
  clear(key: string): void {
    this.live.delete(key);
  }

  close(): void {
    this.disarm?.();
    this.heap.length = 0;
    this.live.clear();
  }

  private compact(): void {
    const left = this.heap.filter((entry) => this.live.get(entry.key) === entry);
    this.heap.length = 0;
    // A list in order is a heap.
    this.heap.push(...left.toSorted((a, b) => a.dueAt - b.dueAt));
  }

  private arm(): void {
    this.disarm?.();
    this.disarm = null;
    const next = this.heap[0];
    this.armedFor = next?.dueAt ?? Infinity;
    if (next) this.disarm = this.clock.after(next.dueAt - this.clock.now(), () => this.fireDue());
  }

  private fireDue(): void {
    this.disarm = null;
    this.armedFor = Infinity;
    const now = this.clock.now();
    for (let next = this.heap[0]; next && next.dueAt <= now; next = this.heap[0]) {
      this.pop();
      if (this.live.get(next.key) !== next) continue;
      this.live.delete(next.key);
      next.fire();
    }
    this.arm();
  }

  private pop(): void {
    const last = this.heap.pop()!;
    if (this.heap.length === 0) return;
    this.heap[0] = last;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && this.heap[child]!.dueAt < this.heap[least]!.dueAt) least = child;
      }
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private up(start: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.heap[parent]!.dueAt <= this.heap[at]!.dueAt) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private swap(a: number, b: number): void {
    const entry = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = entry;
  }
}
