/**
 * A set that may say "maybe" of what was never added, and never says "no" of what was. m = -n ln p / (ln 2)² bits and
 * k = (m / n) ln 2 hashes, which are made of two (Kirsch and Mitzenmacher, 2006).
 */
export class Bloom {
  /** Keys that it was made for. */
  readonly capacity: number;
  private readonly bits: Uint32Array;
  private readonly size: number;
  private readonly hashes: number;
  private added = 0;

  constructor(capacity: number, falseRate: number) {
    this.capacity = Math.max(1, capacity);
    const bits = Math.ceil((-this.capacity * Math.log(falseRate)) / Math.LN2 ** 2);
    this.bits = new Uint32Array(Math.max(1, Math.ceil(bits / 32)));
    this.size = this.bits.length * 32;
    this.hashes = Math.max(1, Math.round((this.size / this.capacity) * Math.LN2));
  }

  /** Keys that were added, each time counted. */
  get count(): number {
    return this.added;
  }

  add(key: string): void {
    const [first, second] = hashesOf(key);
    for (let at = 0; at < this.hashes; at++) {
      const bit = (first + at * second) % this.size;
      this.bits[bit >>> 5]! |= 1 << (bit & 31);
    }
    this.added += 1;
  }

  mayHave(key: string): boolean {
    const [first, second] = hashesOf(key);
    for (let at = 0; at < this.hashes; at++) {
      const bit = (first + at * second) % this.size;
      if ((this.bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/**
 * A filter for keys that come for ever: when the young generation is full it becomes the old one. So it holds the last
 * `capacity` keys at least, and twice as many at most. Until it is told that it knows all keys it says "maybe".
 */
export class TwoGenerations {
  private readonly capacity: number;
  private readonly falseRate: number;
  private young: Bloom;
  private old: Bloom | null = null;
  private complete = false;

  constructor(capacity: number, falseRate = 0.01) {
    this.capacity = capacity;
    this.falseRate = falseRate;
    this.young = new Bloom(capacity, falseRate);
  }

  add(key: string): void {
    if (this.young.count >= this.capacity) {
      // What falls out of the old one was added: a filter that has forgotten cannot say "no" any more.
      if (this.old !== null) this.complete = false;
      this.old = this.young;
      this.young = new Bloom(this.capacity, this.falseRate);
    }
    this.young.add(key);
  }

  mayHave(key: string): boolean {
    return !this.complete || this.young.mayHave(key) || (this.old?.mayHave(key) ?? false);
  }

  /** Begins anew, knowing nothing. What is added meanwhile counts. */
  begin(): void {
    this.complete = false;
    this.old = null;
    this.young = new Bloom(this.capacity, this.falseRate);
  }

  /** All keys that there are have been added since `begin`. */
  finish(): void {
    this.complete = this.old === null || this.young.count + this.old.count <= 2 * this.capacity;
  }
}

/** FNV-1a with two seeds over the text, finished by the mixer of MurmurHash3; the second is odd. */
function hashesOf(key: string): readonly [number, number] {
  let [first, second] = [0x811c9dc5, 0x2f0b4a27];
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x5bd1e995);
  }
  return [mix(first), (mix(second) | 1) >>> 0];
}

function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
