/**
 * Periodic work that one process at a time does for all of them.
 *
 * U1. Two processes may be at it at once all the same (one stood still past its lease): such work is harmless then.
 * U2. Where the one that has the turn dies, another one gets it within `LEASE_MS` and its own next look.
 */
export interface Turns {
  /** Asks for the turn of `name`, which comes back `everyMs` after the end of the last one. */
  ask(name: string, everyMs: number): Promise<TurnAnswer>;
}

export type TurnAnswer =
  | { readonly turn: Turn }
  /** Somebody has it, or it is not time. `lastMs`: since the last one ended in order; null: none has. */
  | { readonly turn: null; readonly waitMs: number; readonly lastMs: number | null };

/** A turn is kept up until it ends. */
export interface Turn {
  /** False once it was lost: the work stops at its next step. */
  isHeld(): boolean;
  /** `done` false: somebody shall try again soon. */
  end(done: boolean): Promise<void>;
}

/** Objects of the blob store that hold payloads. */
export interface Objects {
  /** Deletes those that nothing has named for a day. Stops early where `goOn` says so. Returns how many went. */
  collect(goOn: () => boolean): Promise<number>;
}
