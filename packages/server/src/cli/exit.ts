/**
 * How `weft` ends. Scripts rely on these numbers; `weft --help` and docs/cli.md list them with the words of `words/exit.ts`.
 */
export const EXIT = {
  /** Done; for `run`: the run succeeded. */
  OK: 0,
  /** The run failed, or the command could not do its work. */
  FAILED: 1,
  /** The command line, the configuration or a workflow file is wrong. */
  USAGE: 2,
  /** The run was cancelled by somebody else. */
  CANCELLED: 3,
  /** This Node cannot run weft; said by `bin/weft.js`, which any Node can read. */
  NODE_TOO_OLD: 78,
  /** Ended by Ctrl-C. */
  INTERRUPTED: 130,
} as const;

/** A mistake of the command line, told without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What kept a command from its work, told without a stack. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
