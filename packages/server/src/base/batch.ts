export interface BatchOptions<Item, Answer> {
  readonly clock: {
    /** Calls back when the work that is under way has had its turn. */
    soon(callback: () => void): void;
  };
  /** Items in one call at most. */
  readonly max: number;
  /** Calls under way at the same time. Default: one. */
  readonly calls?: number;
  /** Answers in the order of the items. */
  readonly call: (items: readonly Item[]) => Promise<readonly Answer[]>;
}

/**
 * Puts together what is asked for in the same moment, and while a call is on its way: many small questions become few
 * statements. A question never joins a call that is under way; a call that fails fails those who are in it.
 */
export class Batch<Item, Answer> {
  private readonly options: BatchOptions<Item, Answer>;
  private waiting: {
    readonly item: Item;
    readonly resolve: (answer: Answer) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  private working = 0;

  constructor(options: BatchOptions<Item, Answer>) {
    this.options = options;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.working >= (this.options.calls ?? 1)) return;
      this.working += 1;
      this.options.clock.soon(() => void this.work());
    });
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      const asked = this.waiting.splice(0, this.options.max);
      try {
        const answers = await this.options.call(asked.map(({ item }) => item));
        for (const [at, { resolve }] of asked.entries()) resolve(answers[at]!);
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.working -= 1;
  }
}
