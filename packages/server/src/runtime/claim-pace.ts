import { Ramp } from "../limits/ramp.ts";

/** Runs that one look takes over at most (O17). */
export const CLAIM_MAX = 64;
/** Leases that are lost within this time say that the process cannot keep them (F7). */
const LOSSES_MS = 60_000;
const LOSSES = 2;

/**
 * How many runs a process takes over at a look. After a takeover from a dead owner it begins slowly (O18); a process
 * that keeps losing its lease takes a quarter of what others take, so that runs do not wander between two of them.
 */
export class ClaimPace {
  private readonly ramp = new Ramp();
  private losses: readonly number[] = [];

  /** The lease of this process was lost. Milliseconds that never jump, here and below. */
  lost(now: number): void {
    this.losses = [...this.losses.filter((at) => now - at < LOSSES_MS), now];
  }

  /** How many may be taken over now, if so many find a place; not above 64. */
  room(places: number, now: number): number {
    const flaps = this.losses.filter((at) => now - at < LOSSES_MS).length >= LOSSES;
    return Math.max(0, Math.min(flaps ? CLAIM_MAX / 4 : CLAIM_MAX, places, this.ramp.room(now)));
  }

  /** What was asked for and taken, and how many of it from dead owners. */
  took(asked: number, taken: number, fromDead: number, now: number): void {
    this.ramp.took(fromDead, taken < asked, now);
  }

  /** Whether more will be let through soon. */
  isHeldBack(now: number): boolean {
    return this.ramp.room(now) <= 0;
  }
}
