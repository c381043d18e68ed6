import type { Journal } from "../journal/journal.ts";
import { resultId } from "../tasks/task-store.ts";
import type { HotRun } from "./hot-run.ts";
import { decodeInput } from "./inbox.ts";
import type { Member } from "./member.ts";
import type { Owner } from "./owner.ts";

export interface OfferedOptions {
  readonly journal: Journal;
  readonly membership: Member;
  readonly owner: Owner;
  /** The result of a task that was done elsewhere came in. */
  readonly reported: (run: HotRun, commandId: string) => void;
  readonly problem: (message: string, run: { readonly id: string }, error: unknown) => void;
}

/** Inputs of one look at most: as many may mean that more wait. */
export const INBOX_MAX = 512;
/** What the inbox ids of results of tasks begin with. */
const RESULT = resultId("");

/**
 * Takes in what others offered to the runs held here. One look at a time: what is offered meanwhile is found by the next,
 * so that many words about inputs cost few looks.
 */
export class Offered {
  private readonly options: OfferedOptions;
  private looking: Promise<number> | null = null;
  /** What is to be looked at when the look under way is done; null: nothing. */
  private again: "all" | "lately" | null = null;

  constructor(options: OfferedOptions) {
    this.options = options;
  }

  /** Something was offered: look soon. Where the store does not answer, the look that comes anyhow finds it. */
  hear(): void {
    void this.start("lately").catch(() => undefined);
  }

  /** Takes what waits now; resolves with how many that were. */
  look(): Promise<number> {
    return this.start("all");
  }

  /** A look that is under way may have asked before what is looked for was there: then another one follows. */
  private start(what: "all" | "lately"): Promise<number> {
    if (this.again !== "all") this.again = what;
    this.looking ??= this.lookAll();
    return this.looking;
  }

  private async lookAll(): Promise<number> {
    let sum = 0;
    try {
      while (this.again !== null) {
        const what = this.again;
        this.again = null;
        sum += await this.lookOnce(what);
      }
      return sum;
    } finally {
      this.looking = null;
    }
  }

  private async lookOnce(what: "all" | "lately"): Promise<number> {
    const { journal, membership, owner, reported, problem } = this.options;
    // Inputs come for runs that are held: without any there is nothing to ask for.
    if (owner.runs.size === 0) return 0;
    const isQuick = what === "lately" && journal.inboxLately !== undefined;
    const inputs = await (isQuick ? journal.inboxLately!(membership, INBOX_MAX) : journal.inbox(membership, INBOX_MAX));
    let taken = 0;
    for (const { runKey, inputId, body } of inputs) {
      const run = owner.runs.get(runKey);
      if (!run || run.gone || holds(run, inputId)) continue;
      try {
        const input = decodeInput(body);
        if (inputId.startsWith(RESULT)) reported(run, inputId.slice(RESULT.length));
        owner.take(run, input, inputId);
        taken += 1;
      } catch (error) {
        // It stays where it is, for a version that can read it; the others go on.
        if (!run.isBlocked) problem("an input cannot be read", run, error);
        run.isBlocked = true;
      }
    }
    // Those that are not taken yet must not hide those behind them for long.
    if (inputs.length === INBOX_MAX && taken > 0) this.again = "all";
    return taken;
  }
}

/** Whether the run has this inbox row already and only has not recorded it yet. */
function holds(run: HotRun, inboxId: string): boolean {
  return [run.inputs, run.open.inputs, run.sending?.inputs ?? []].some((inputs) =>
    inputs.some((input) => input.inboxId === inboxId),
  );
}
