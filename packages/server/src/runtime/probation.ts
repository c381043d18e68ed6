import type { RunHead } from "../journal/journal.ts";
import type { Clock } from "./clock.ts";
import type { HotRun } from "./hot-run.ts";

/** Crashes of its owners from which on a run is suspected of them. */
export const SUSPECT_MIN = 2;
/** A suspect that has lived so long with its owner has stood the test. */
const STOOD_MS = 1000;
/** Without a suspect for so long, the next one is alone again. */
const FORGET_MS = 10_000;
const GROWTH = 4;

/**
 * Keeps suspects apart (F8). A run that crashes its owner at once takes all runs beside it with it, and by the count of
 * crashes none can be told from another. So after two crashes a run is taken on by itself; when it comes on, ends, or
 * simply lives on, four are taken on together, then sixteen. The others are given back with their count as it is: what
 * was not at work when an owner crashed has not crashed it.
 */
export class Probation {
  private readonly clock: Pick<Clock, "monotonic">;
  private readonly watched = new Map<HotRun, { readonly since: number; readonly seq: number }>();
  private allowed = 1;
  private last = -Infinity;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.clock = clock;
  }

  /** Which of the suspects just claimed are to wait. Those with the fewest crashes go first. */
  heldBack(suspects: readonly RunHead[]): ReadonlySet<RunHead> {
    this.look();
    const room = Math.max(0, this.allowed - this.watched.size);
    return new Set(suspects.toSorted((a, b) => a.crashCount - b.crashCount).slice(room));
  }

  /** A run is taken on. */
  begins(run: HotRun, { crashCount }: RunHead): void {
    if (crashCount < SUSPECT_MIN) return;
    this.last = this.clock.monotonic();
    this.watched.set(run, { since: this.last, seq: run.nextSeq });
  }

  private look(): void {
    const now = this.clock.monotonic();
    if (now - this.last > FORGET_MS) this.allowed = 1;
    const before = this.watched.size;
    for (const [run, { since, seq }] of this.watched)
      if (run.gone || run.nextSeq > seq || now - since >= STOOD_MS) this.watched.delete(run);
    if (before > 0 && this.watched.size === 0) this.allowed *= GROWTH;
  }
}
