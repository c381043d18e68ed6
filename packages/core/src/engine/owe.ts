import type { Command } from "./command.ts";
import type { RunState } from "./state.ts";

/** From now on the world owes the run this. A command owed already is replaced, and keeps its place. */
export function owe(state: RunState, command: Command): void {
  state.owed.set(command.id, command);
  state.fresh.push(command);
}

/** It is owed no more, and whoever is about it should be told. */
export function withdraw(state: RunState, id: string): void {
  if (state.owed.delete(id)) state.withdrawn.push(id);
}
