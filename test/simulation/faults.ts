import type { Random } from "./random.ts";

/** Places where a process may crash, named as in the reference on reliability. */
export const FAILPOINTS = [
  "before flush",
  "flush sent but not answered",
  "answered but memory not updated",
  "before effect",
  "after effect before record",
  "lease granted",
  "lease renewal sent",
  "snapshot written",
  "blob written but not referenced",
  "run claimed but not loaded",
  "run released but not forgotten",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/** What becomes of one message and its answer. */
export type Delivery =
  | "delivered"
  /** The store answers with an error and does nothing. */
  | "refused"
  /** Nothing arrives; the caller gives up after a while. */
  | "lost"
  /** It is carried out, and the answer is lost. */
  | "answer lost"
  /** The caller gives up, and then it is carried out after all. */
  | "late"
  /** It is carried out, and carried out once more later. */
  | "twice";

export interface FaultOptions {
  /** How many crashes at failpoints there may be. */
  readonly crashes: number;
  /** Crash at this point the first time it is passed behind a number of others; for the test of each point. */
  readonly crashAt: { readonly point: Failpoint; readonly pass: number } | null;
  /** Share of messages that something happens to. */
  readonly messages: number;
}

/** Decides what goes wrong, from the seed. After `heal` nothing does any more. */
export class Faults {
  /** How often each point was passed. */
  readonly passed = new Map<Failpoint, number>();
  private readonly random: Random;
  private readonly options: FaultOptions;
  private crashesLeft: number;
  private healed = false;

  constructor(random: Random, options: FaultOptions) {
    this.random = random;
    this.options = options;
    this.crashesLeft = options.crashes;
  }

  heal(): void {
    this.healed = true;
  }

  /** Whether a process that passes this point dies here. */
  crashes(point: Failpoint): boolean {
    const pass = (this.passed.get(point) ?? 0) + 1;
    this.passed.set(point, pass);
    if (this.healed) return false;
    const { crashAt } = this.options;
    if (crashAt?.point === point && crashAt.pass === pass) return true;
    if (this.crashesLeft === 0 || !this.random.chance(0.01)) return false;
    this.crashesLeft -= 1;
    return true;
  }

  /** Whether a process is stopped here, for longer than its lease. */
  stops(): boolean {
    return !this.healed && this.options.messages > 0 && this.random.chance(0.01);
  }

  /** `repeatable`: the sender's protocol allows that a message arrives twice. */
  deliver(repeatable: boolean): Delivery {
    if (this.healed || !this.random.chance(this.options.messages)) return "delivered";
    return this.random.weighted({
      refused: 3,
      lost: 2,
      "answer lost": 3,
      late: repeatable ? 2 : 0,
      twice: repeatable ? 2 : 0,
    });
  }
}
