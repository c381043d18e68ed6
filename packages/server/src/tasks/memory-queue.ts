/** What the queue needs to know of what waits in it. */
export interface Queued {
  /** Milliseconds since 1970. */
  readonly postedAt: number;
  /** Breaks ties: in the order of putting up. */
  readonly number: number;
  /** Whether it waits now. What no longer does is passed over. */
  isWaiting(): boolean;
}

/** Shorter heaps are not worth tidying. */
const TIDY_FROM = 64;

/**
 * What waits in one class of one pool, the oldest first: a binary heap. An entry that is taken by its name stays in it
 * until it comes to the top, or until most entries are such ones.
 */
export class MemoryQueue<Entry extends Queued> {
  private heap: Entry[] = [];
  private readonly members = new Set<Entry>();
  private waiting = 0;

  /** An entry waits from now on. One that came back has its old place. */
  add(entry: Entry): void {
    this.waiting += 1;
    if (this.members.has(entry)) return;
    this.members.add(entry);
    this.heap.push(entry);
    this.up(this.heap.length - 1);
  }

  /** An entry that was added waits no longer. */
  left(): void {
    this.waiting -= 1;
    if (this.heap.length < TIDY_FROM || this.heap.length < 2 * this.waiting) return;
    this.heap = this.heap.filter((entry) => entry.isWaiting()).toSorted(byAge);
    this.members.clear();
    for (const entry of this.heap) this.members.add(entry);
  }

  get size(): number {
    return this.waiting;
  }

  /** The oldest that waits. It stays. */
  oldest(): Entry | null {
    for (;;) {
      const top = this.heap[0];
      if (!top) return null;
      if (top.isWaiting()) return top;
      this.members.delete(top);
      const last = this.heap.pop()!;
      if (this.heap.length === 0) return null;
      this.heap[0] = last;
      this.down();
    }
  }

  private up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (byAge(this.heap[parent]!, this.heap[at]!) <= 0) return;
      this.swap(parent, at);
      at = parent;
    }
  }

  private down(): void {
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.heap.length && byAge(this.heap[left]!, this.heap[least]!) < 0) least = left;
      if (right < this.heap.length && byAge(this.heap[right]!, this.heap[least]!) < 0) least = right;
      if (least === at) return;
      this.swap(least, at);
      at = least;
    }
  }

  private swap(a: number, b: number): void {
    const entry = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = entry;
  }
}

function byAge(a: Queued, b: Queued): number {
  return a.postedAt - b.postedAt || a.number - b.number;
}
