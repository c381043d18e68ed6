import type { Membership } from "../journal/journal.ts";

/**
 * This process as a worker of the store, for as long as it lives: one membership after the other, so that a process which
 * was cut off for long works again without a restart.
 *
 * B1. A membership whose deadline was missed is ended, even where it could come back: what was sent under it and not
 *     answered may still arrive, and must then find nobody who seems to hold what it writes.
 * B2. Runs held under an ended membership are let go before the next one begins: nothing of theirs is carried out.
 * B3. A flush belongs to the membership under which it was begun, and is never sent again under another.
 */
export class Member implements Membership {
  private current: Membership;
  private readonly join: () => Promise<Membership>;
  private ended = false;
  private left = false;

  constructor(first: Membership, join: () => Promise<Membership>) {
    this.current = first;
    this.join = join;
  }

  get workerKey(): number {
    return this.current.workerKey;
  }

  /** The membership that holds now. */
  present(): Membership {
    return this.current;
  }

  deadline(): number {
    return this.ended ? Number.NEGATIVE_INFINITY : this.current.deadline();
  }

  /** The deadline was missed. */
  end(): void {
    this.ended = true;
  }

  /** The membership is over for good, while the process is not. */
  get isOver(): boolean {
    return !this.left && this.deadline() === Number.NEGATIVE_INFINITY;
  }

  async joinAgain(): Promise<void> {
    // Where the store is not told, the lease ends by itself.
    await this.current.leave().catch(() => undefined);
    const next = await this.join();
    this.current = next;
    this.ended = false;
    if (this.left) await next.leave();
  }

  async leave(): Promise<void> {
    this.left = true;
    await this.current.leave();
  }
}
