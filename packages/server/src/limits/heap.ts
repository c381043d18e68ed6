/** A binary heap: the first by `before` is on top. Tells each item its place, so that it can be moved when it changes. */
export class Heap<T> {
  private readonly items: T[];
  private readonly before: (a: T, b: T) => boolean;
  private readonly placed: (item: T, at: number) => void;

  /** `items` must be in order already, as a sorted array is; the heap takes them over. */
  constructor(
    before: (a: T, b: T) => boolean,
    placed: (item: T, at: number) => void = () => undefined,
    items: T[] = [],
  ) {
    this.before = before;
    this.placed = placed;
    this.items = items;
  }

  get size(): number {
    return this.items.length;
  }

  top(): T | undefined {
    return this.items[0];
  }

  push(item: T): void {
    this.items.push(item);
    this.rise(this.items.length - 1);
  }

  pop(): T | undefined {
    const first = this.items[0];
    const last = this.items.pop();
    if (this.items.length > 0) {
      this.items[0] = last!;
      this.sink(0);
    }
    return first;
  }

  /** The item at this place has another key now. */
  moved(at: number): void {
    if (at > 0 && this.before(this.items[at]!, this.items[(at - 1) >> 1]!)) this.rise(at);
    else this.sink(at);
  }

  clear(): void {
    this.items.length = 0;
  }

  private rise(from: number): void {
    const item = this.items[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.items[parent]!;
      if (!this.before(item, above)) break;
      this.put(above, at);
      at = parent;
    }
    this.put(item, at);
  }

  private sink(from: number): void {
    const { items, before } = this;
    const item = items[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child += 1;
      const below = items[child]!;
      if (!before(below, item)) break;
      this.put(below, at);
      at = child;
    }
    this.put(item, at);
  }

  private put(item: T, at: number): void {
    this.items[at] = item;
    this.placed(item, at);
  }
}
