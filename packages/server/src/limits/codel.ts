export interface CodelSettings {
  /** Longest time that waiting may take as a rule. */
  readonly targetMs: number;
  /** How long it may be longer, which is a burst; after it, it is overload. */
  readonly intervalMs: number;
}

export const CODEL_DEFAULTS: CodelSettings = { targetMs: 20, intervalMs: 100 };

interface Queued<T> {
  readonly item: T;
  readonly at: number;
  readonly deadline: number;
}

/**
 * A queue in front of something that answers callers (O6): controlled delay with adaptive LIFO. As a rule the order is
 * that of arrival. When the oldest has waited longer than the target for a whole interval, the newest is served first:
 * those who asked just now still wait for the answer, and most of the others have gone or will be refused.
 *
 * Times are milliseconds that never jump.
 */
export class CodelQueue<T> {
  private readonly settings: CodelSettings;
  private items: Queued<T>[] = [];
  private head = 0;
  /** Since when the oldest waits longer than the target; null: it does not. */
  private lateSince: number | null = null;

  constructor(settings: CodelSettings = CODEL_DEFAULTS) {
    this.settings = settings;
  }

  get size(): number {
    return this.items.length - this.head;
  }

  /** Whether the newest is served first. */
  isLate(now: number): boolean {
    this.look(now);
    return this.lateSince !== null && now - this.lateSince >= this.settings.intervalMs;
  }

  push(item: T, now: number, deadline: number): void {
    this.items.push({ item, at: now, deadline });
  }

  /** Those whose deadline has passed, out of the queue: they are to be refused. */
  expired(now: number): readonly T[] {
    const gone: T[] = [];
    this.look(now);
    // Deadlines come in the order of arrival, as all wait equally long.
    while (this.head < this.items.length && this.items[this.head]!.deadline <= now) gone.push(this.shift());
    return gone;
  }

  /** The next one to serve; undefined when none waits. Ask for the expired ones first. */
  take(now: number): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.isLate(now) ? this.items.pop()!.item : this.shift();
    if (this.size === 0) this.clear();
    return item;
  }

  private look(now: number): void {
    const oldest = this.items[this.head];
    if (!oldest || now - oldest.at <= this.settings.targetMs) this.lateSince = null;
    else this.lateSince ??= oldest.at + this.settings.targetMs;
  }

  private shift(): T {
    const { item } = this.items[this.head]!;
    this.items[this.head++] = undefined as never;
    if (this.head === this.items.length) this.clear();
    else if (this.head >= 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  private clear(): void {
    this.items.length = this.head = 0;
  }
}
