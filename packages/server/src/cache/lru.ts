export interface Kept<Value> {
  readonly value: Value;
  /** On the scale of the clock that was given: until when it is fresh, and until when it may be used at all. */
  readonly freshUntil: number;
  readonly usableUntil: number;
  readonly bytes: number;
}

/** Values by key, within so many bytes: those that were not used for longest go first. */
export class Lru<Value> {
  private readonly bytesMax: number;
  private readonly kept = new Map<string, Kept<Value>>();
  private sum = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get size(): number {
    return this.kept.size;
  }

  get bytes(): number {
    return this.sum;
  }

  /** What is kept and usable at a time; it counts as used now. */
  get(key: string, now: number): Kept<Value> | undefined {
    const found = this.kept.get(key);
    if (!found) return undefined;
    this.kept.delete(key);
    if (found.usableUntil <= now) {
      this.sum -= found.bytes;
      return undefined;
    }
    // A map remembers the order in which keys came: the last is the one that was used last.
    this.kept.set(key, found);
    return found;
  }

  /** What is larger than the whole is not kept. */
  set(key: string, kept: Kept<Value>): void {
    this.delete(key);
    if (kept.bytes > this.bytesMax) return;
    this.kept.set(key, kept);
    this.sum += kept.bytes;
    for (const [oldest, { bytes }] of this.kept) {
      if (this.sum <= this.bytesMax) break;
      this.kept.delete(oldest);
      this.sum -= bytes;
    }
  }

  delete(key: string): void {
    const found = this.kept.get(key);
    if (!found) return;
    this.kept.delete(key);
    this.sum -= found.bytes;
  }

  clear(): void {
    this.kept.clear();
    this.sum = 0;
  }
}
