/**
 * Gathers what comes while a flush is under way into the next one, so that a busy caller costs few round trips and an
 * idle one waits for nobody. Items whose caller has given up (`dropAfterMs`) are not flushed.
 */
export class Gather<Item> {
  private readonly flush: (items: readonly Item[]) => Promise<void>;
  private readonly most: number;
  private readonly dropAfterMs: number;
  private waiting: { readonly item: Item; readonly since: number; readonly end: PromiseWithResolvers<void> }[] = [];
  private running: Promise<void> | null = null;

  constructor(flush: (items: readonly Item[]) => Promise<void>, most: number, dropAfterMs = Infinity) {
    this.flush = flush;
    this.most = most;
    this.dropAfterMs = dropAfterMs;
  }

  /** Resolves when the item was flushed; rejects with the error of its flush. */
  add(item: Item): Promise<void> {
    const end = Promise.withResolvers<void>();
    this.waiting.push({ item, since: performance.now(), end });
    this.running ??= this.run();
    return end.promise;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    // What the same turn of the event loop adds goes along.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const due = this.waiting.splice(0, this.most);
      const since = performance.now() - this.dropAfterMs;
      const batch = due.filter((one) => one.since >= since);
      for (const one of due) if (one.since < since) one.end.reject(new Error("it waited too long"));
      if (batch.length === 0) continue;
      try {
        await this.flush(batch.map(({ item }) => item));
        for (const { end } of batch) end.resolve();
      } catch (error) {
        for (const { end } of batch) end.reject(error as Error);
      }
    }
    this.running = null;
  }
}
