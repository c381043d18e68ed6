import type { Command } from "./command.ts";
import type { RunState } from "./state.ts";

/** What the world still owes this run: everything, for an owner that takes over. */
export function outstanding(state: RunState): Command[] {
  return [...state.owed.values()];
}

/** What the events since the last call added and took back, for the owner that made them. Ends the notes. */
export function takeNotes(state: RunState): {
  readonly fresh: readonly Command[];
  readonly withdrawn: readonly string[];
} {
  const notes = {
    fresh: state.fresh.filter((command) => state.owed.get(command.id) === command),
    withdrawn: [...state.withdrawn],
  };
  state.fresh.length = 0;
  state.withdrawn.length = 0;
  return notes;
}
