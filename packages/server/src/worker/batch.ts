import type { Clock } from "../runtime/clock.ts";

export interface BatchOptions<Item, Answer> {
  readonly clock: Pick<Clock, "soon">;
  /** Items in one call at most. */
  readonly max: number;
  /** Answers in the order of the items. */
  readonly call: (items: readonly Item[]) => Promise<readonly Answer[]>;
}

/**
 * Puts together what is asked for in the same moment, and while a call is on its way: many small questions become few
 * statements. One call at a time; a call that fails fails those who are in it.
 */
export class Batch<Item, Answer> {
  private readonly options: BatchOptions<Item, Answer>;
  private waiting: {
    readonly item: Item;
    readonly resolve: (answer: Answer) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  private working = false;

  constructor(options: BatchOptions<Item, Answer>) {
    this.options = options;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.working) return;
      this.working = true;
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
    this.working = false;
  }
}
