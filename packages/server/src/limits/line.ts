import { Heap } from "./heap.ts";

/** When something came, and how much earlier it counts as having come. Milliseconds that never jump. */
export interface Arrival {
  readonly at: number;
  readonly bonusMs: number;
}

/**
 * What waits within one flow, in the order of `at − bonusMs`: a bonus brings something forward by as much as if it had
 * come earlier, so whatever waits long enough comes before any bonus, and nothing starves.
 *
 * As long as everything comes in that order it is a plain list that costs next to nothing; the first that does not
 * makes it a heap, until it is empty.
 */
export class Line<T extends Arrival> {
  private items: T[] = [];
  /** Items before it have been taken; cut off now and then, so that taking one costs no shift. */
  private head = 0;
  private heap: Heap<T> | null = null;

  get size(): number {
    return this.heap ? this.heap.size : this.items.length - this.head;
  }

  /** The next one; undefined when none waits. */
  first(): T | undefined {
    return this.heap ? this.heap.top() : this.items[this.head];
  }

  push(item: T): void {
    const { items, head } = this;
    if (this.heap) this.heap.push(item);
    else if (head === items.length || !before(item, items[items.length - 1]!)) items.push(item);
    else {
      this.heap = new Heap<T>(before, undefined, items.slice(head));
      this.items = [];
      this.head = 0;
      this.heap.push(item);
    }
  }

  take(): T {
    if (this.heap) {
      const item = this.heap.pop()!;
      if (this.heap.size === 0) this.heap = null;
      return item;
    }
    const { items } = this;
    const item = items[this.head]!;
    // Not kept alive by its place in the list.
    items[this.head++] = undefined as never;
    if (this.head === items.length) items.length = this.head = 0;
    else if (this.head >= 1024 && this.head * 2 > items.length) {
      items.splice(0, this.head);
      this.head = 0;
    }
    return item;
  }
}

function before(a: Arrival, b: Arrival): boolean {
  return a.at - a.bonusMs < b.at - b.bonusMs;
}
