import { StoredText } from "@weftwork/core";

interface Recent {
  readonly text: Promise<StoredText>;
  /** Null while it is under way. */
  chars: number | null;
}

/**
 * Texts of the payload store by hash: what is under way is read once, whoever asks meanwhile, and what was read last is
 * kept within so many characters. Whoever gets the same text has the same value as well, parsed once: steps of one
 * fan-out that are done far from its owner all name the same inputs.
 */
export class RecentTexts {
  private readonly charsMax: number;
  private readonly recent = new Map<string, Recent>();
  private chars = 0;

  constructor(charsMax: number) {
    this.charsMax = charsMax;
  }

  /** Each text by its hash. `read` is asked, once, for those that are not here; what it throws is not kept. */
  async get(
    tenant: string,
    hashes: readonly string[],
    read: (hashes: readonly string[]) => Promise<(hash: string) => Promise<string>>,
  ): Promise<ReadonlyMap<string, StoredText>> {
    const missing = hashes.filter((hash) => !this.recent.has(`${tenant}/${hash}`));
    if (missing.length > 0) {
      const reading = read(missing);
      for (const hash of missing) this.add(`${tenant}/${hash}`, hash, reading);
    }
    const found = hashes.map((hash) => this.recent.get(`${tenant}/${hash}`)!.text);
    const texts = await Promise.all(found);
    return new Map(hashes.map((hash, at) => [hash, texts[at]!]));
  }

  private add(key: string, hash: string, reading: Promise<(hash: string) => Promise<string>>): void {
    const text = reading.then(async (one) => new StoredText(await one(hash)));
    const entry: Recent = { text, chars: null };
    this.recent.set(key, entry);
    text.then(
      ({ text: { length } }) => this.keep(key, entry, length),
      () => void this.recent.delete(key),
    );
  }

  /** A map remembers the order in which keys came: the first was read first. What is larger than the whole is not kept. */
  private keep(key: string, entry: Recent, chars: number): void {
    this.recent.delete(key);
    if (chars > this.charsMax) return;
    entry.chars = chars;
    this.recent.set(key, entry);
    this.chars += chars;
    for (const [oldest, { chars: size }] of this.recent) {
      if (this.chars <= this.charsMax) break;
      if (size === null) continue;
      this.recent.delete(oldest);
      this.chars -= size;
    }
  }
}
