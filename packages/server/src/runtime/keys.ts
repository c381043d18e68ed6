import type { Journal } from "../journal/journal.ts";

const BLOCK = 10_000;

/** Run keys, a block of the journal's at a time, so that a run's key is known before anything of it is written. */
export class Keys {
  private readonly journal: Journal;
  private nextKey = 0;
  private end = 0;
  private reserving: Promise<void> | null = null;

  constructor(journal: Journal) {
    this.journal = journal;
  }

  next(): number | Promise<number> {
    return this.nextKey < this.end ? this.nextKey++ : this.afterReserving();
  }

  private async afterReserving(): Promise<number> {
    while (this.nextKey >= this.end) await (this.reserving ??= this.reserve());
    return this.nextKey++;
  }

  private async reserve(): Promise<void> {
    try {
      this.nextKey = await this.journal.reserveKeys(BLOCK);
      this.end = this.nextKey + BLOCK;
    } finally {
      this.reserving = null;
    }
  }
}
