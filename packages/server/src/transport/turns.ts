import { PRIORITIES } from "@weftwork/core";

/** Messages that the classes may take, of 15, while all have some waiting. In the order of `PRIORITIES`. */
export const CLASS_WEIGHTS: readonly number[] = [8, 4, 2, 1];

/** Places of the classes, most urgent first. */
export const RANKS: readonly number[] = PRIORITIES.map((_, rank) => rank);

/**
 * Whose turn it is among the classes: stride scheduling. Each class has a time at which its next message is due; the
 * earliest is served, the more urgent first among equals, and its time moves on by 1/weight. So with messages in all
 * classes the shares are 8:4:2:1, an urgent one that comes waits for one message at most, and none starves.
 *
 * Source: Waldspurger and Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource Management" (1995).
 */
export class ClassTurns {
  /** Classes that had a message when they were last asked, where asking is all that tells. */
  readonly live = new Set<number>();
  private readonly due = RANKS.map(() => 0);

  /** The class whose turn it is among those that have a message; null when none has. */
  next(waits: (rank: number) => boolean): number | null {
    let best: number | null = null;
    for (const rank of RANKS) {
      if (waits(rank) && (best === null || this.due[rank]! < this.due[best]!)) best = rank;
    }
    return best;
  }

  /** A message of the class was served. Classes that were due before had none waiting: they save nothing up. */
  served(rank: number): void {
    const now = this.due[rank]!;
    for (const other of RANKS) this.due[other] = Math.max(this.due[other]!, now);
    this.due[rank] = now + strideOf(rank);
    // Kept small, for the numbers would lose their fractions after some 10^15 messages.
    const least = Math.min(...this.due);
    for (const other of RANKS) this.due[other] = this.due[other]! - least;
  }

  /** When each class is due, for a service that orders messages itself. */
  times(): readonly number[] {
    return [...this.due];
  }

  /** The same state, for a plan that may not come true. */
  copy(): ClassTurns {
    const other = new ClassTurns();
    for (const rank of RANKS) other.due[rank] = this.due[rank]!;
    return other;
  }
}

/** Time between two messages of a class. */
export function strideOf(rank: number): number {
  return 1 / CLASS_WEIGHTS[rank]!;
}

/**
 * Takes up to `limit` messages one by one, each class in its turn, where asking is all that tells whether a class has
 * any. A class that had one when it was last asked is asked as often as its turns come, at the same time; another once.
 */
export async function takeByTurns<T>(
  limit: number,
  turns: ClassTurns,
  takeOne: (rank: number) => Promise<T | null>,
): Promise<readonly T[]> {
  const taken: T[] = [];
  const empty = new Set<number>();
  while (taken.length < limit) {
    const ranks = planned(limit - taken.length, turns, empty);
    if (ranks.length === 0) break;
    const answers = await Promise.allSettled(ranks.map((rank) => takeOne(rank)));
    for (const [at, answer] of answers.entries()) {
      const rank = ranks[at]!;
      if (answer.status === "rejected") continue;
      if (answer.value === null) {
        empty.add(rank);
        turns.live.delete(rank);
      } else {
        turns.served(rank);
        turns.live.add(rank);
        taken.push(answer.value);
      }
    }
    const failed = answers.find((answer) => answer.status === "rejected");
    // What was taken is in hand; the failure shows again at the next call.
    if (failed && taken.length === 0) throw failed.reason;
    if (failed) break;
  }
  return taken;
}

function planned(limit: number, turns: ClassTurns, empty: ReadonlySet<number>): readonly number[] {
  const plan = turns.copy();
  const ranks: number[] = [];
  while (ranks.length < limit) {
    const rank = plan.next((one) => !empty.has(one) && (turns.live.has(one) || !ranks.includes(one)));
    if (rank === null) break;
    plan.served(rank);
    ranks.push(rank);
  }
  return ranks;
}
