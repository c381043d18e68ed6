import { PRIORITIES, type Priority } from "@weftwork/core";

/** Shares of the classes while all of them wait (8:4:2:1): urgent work goes first, and nothing starves. */
const WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 8, normal: 4, batch: 2, background: 1 };

interface Class<T> {
  readonly weight: number;
  readonly items: T[];
  /** Items before it have been taken; cut off now and then, so that taking one costs no shift. */
  head: number;
  credit: number;
}

/**
 * The tasks that wait in one pool, and how many are being done.
 *
 * Classes are served by smooth weighted round-robin: each waiting class earns its weight, the richest is served and
 * pays for all. Within a class the order is the order of arrival.
 */
export class Pool<T> {
  readonly name: string;
  readonly concurrency: number;
  active = 0;
  private readonly classes: readonly Class<T>[];
  private count = 0;

  constructor(name: string, concurrency: number) {
    this.name = name;
    this.concurrency = concurrency;
    this.classes = PRIORITIES.map((priority) => ({ weight: WEIGHTS[priority], items: [], head: 0, credit: 0 }));
  }

  get waiting(): number {
    return this.count;
  }

  get canStart(): boolean {
    return this.count > 0 && this.active < this.concurrency;
  }

  push(priority: Priority, item: T): void {
    this.classes[PRIORITIES.indexOf(priority)]!.items.push(item);
    this.count += 1;
  }

  /** The next task by class and arrival; undefined when none waits. */
  shift(): T | undefined {
    let richest: Class<T> | null = null;
    let total = 0;
    for (const one of this.classes) {
      if (one.head === one.items.length) continue;
      one.credit += one.weight;
      total += one.weight;
      if (richest === null || one.credit > richest.credit) richest = one;
    }
    if (richest === null) return undefined;
    richest.credit -= total;
    this.count -= 1;
    return take(richest);
  }
}

function take<T>(from: Class<T>): T {
  const item = from.items[from.head]!;
  from.items[from.head++] = undefined as never;
  if (from.head === from.items.length) {
    from.items.length = from.head = 0;
    from.credit = 0;
  } else if (from.head >= 1024 && from.head * 2 > from.items.length) {
    from.items.splice(0, from.head);
    from.head = 0;
  }
  return item;
}
