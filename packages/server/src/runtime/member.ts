import type { Membership } from "../journal/journal.ts";

/**
 * This process as a worker of the store, for as long as it lives: one membership, and another one when the first is over
 * for good, so that a process which was cut off for long works again without a restart.
 *
 * B1. Runs held under an ended membership are let go before the next one begins: nothing of theirs is carried out.
 */
export class Member implements Membership {
  private current: Membership;
  private readonly join: () => Promise<Membership>;
  private left = false;

  constructor(first: Membership, join: () => Promise<Membership>) {
    this.current = first;
    this.join = join;
  }

  get workerKey(): number {
    return this.current.workerKey;
  }

  deadline(): number {
    return this.current.deadline();
  }

  /** The membership is over for good, while the process is not. */
  get isOver(): boolean {
    return !this.left && this.current.deadline() === Number.NEGATIVE_INFINITY;
  }

  async joinAgain(): Promise<void> {
    const next = await this.join();
    if (this.left) await next.leave();
    else this.current = next;
  }

  async leave(): Promise<void> {
    this.left = true;
    await this.current.leave();
  }
}
