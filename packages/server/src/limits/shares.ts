import { Heap } from "./heap.ts";

/** One of those who share something, and what it has had of it. */
export class Share<Inner> {
  readonly name: string;
  readonly weight: number;
  /** What lies below: the queue of a flow, or the flows of a tenant. */
  readonly inner: Inner;
  /** Cost of what it was given, by its weight (a virtual time). */
  service = 0;
  waiting = 0;
  /** Taken, and not settled yet. */
  running = 0;
  /** Its place among those that wait; -1: nothing of it waits. */
  place = -1;

  constructor(name: string, weight: number, inner: Inner) {
    this.name = name;
    this.weight = weight;
    this.inner = inner;
  }
}

/** A share that does not wait, with the service it had when it stopped. */
interface Rest<Inner> {
  readonly share: Share<Inner>;
  readonly service: number;
}

/**
 * Fair shares by virtual counters (VTC, Sheng et al. 2024; start-time fair queueing): of those that wait, the one that
 * has had the least is next.
 *
 * V1. Idle time is not saved up: whoever waits again after a pause has had at least as much as the least of those that
 *     wait, or as those had that were served last.
 * V2. A debt is kept until the others have caught up; a share that waits for nothing and owes nothing is forgotten.
 */
export class Shares<Inner> {
  private readonly byName = new Map<string, Share<Inner>>();
  private readonly waiting = new Heap<Share<Inner>>(
    (a, b) => a.service < b.service,
    (share, at) => void (share.place = at),
  );
  private readonly resting = new Heap<Rest<Inner>>((a, b) => a.service < b.service);
  /** The most that any share had had when it was served. */
  private level = 0;
  private readonly made: (name: string) => Share<Inner>;

  constructor(made: (name: string) => Share<Inner>) {
    this.made = made;
  }

  /** Shares that are remembered. */
  get size(): number {
    return this.byName.size;
  }

  all(): Iterable<Share<Inner>> {
    return this.byName.values();
  }

  find(name: string): Share<Inner> | undefined {
    return this.byName.get(name);
  }

  /** The share of a name, which waits for one thing more now. */
  waits(name: string, count = 1): Share<Inner> {
    let share = this.byName.get(name);
    if (!share) this.byName.set(name, (share = this.made(name)));
    share.waiting += count;
    if (share.place < 0) {
      share.service = Math.max(share.service, this.waiting.top()?.service ?? this.level);
      this.waiting.push(share);
    }
    return share;
  }

  /** Takes over a share with what waits in it already. Only where none of its name is. */
  adopt(share: Share<Inner>, waiting: number): void {
    this.byName.set(share.name, share);
    this.waits(share.name, waiting);
  }

  /** Whose turn it is; undefined when nobody waits. */
  next(): Share<Inner> | undefined {
    return this.waiting.top();
  }

  /** The share whose turn it is takes one thing of this cost. */
  book(share: Share<Inner>, cost: number): void {
    this.level = Math.max(this.level, share.service);
    share.service += cost / share.weight;
    share.waiting -= 1;
    share.running += 1;
    if (share.waiting > 0) this.waiting.moved(share.place);
    else {
      this.waiting.pop();
      share.place = -1;
    }
    this.forget();
  }

  /** One thing that it took has ended, and did not cost what was booked but so much more (or less). */
  settle(share: Share<Inner>, more: number): void {
    share.running -= 1;
    share.service += more / share.weight;
    if (share.place >= 0) this.waiting.moved(share.place);
    else if (share.running === 0) {
      if (this.waiting.size === 0 || share.service <= this.level) this.byName.delete(share.name);
      else this.resting.push({ share, service: share.service });
    }
    this.forget();
  }

  /** Drops those that are idle and that the others have caught up with; all of them when nobody waits. */
  private forget(): void {
    const level = this.waiting.size === 0 ? Infinity : this.level;
    while ((this.resting.top()?.service ?? Infinity) <= level && this.resting.size > 0) {
      const { share } = this.resting.pop()!;
      // It may have come back since, and rest again with another service.
      const isIdle = share.place < 0 && share.running === 0 && this.byName.get(share.name) === share;
      if (isIdle && share.service <= level) this.byName.delete(share.name);
    }
  }
}
