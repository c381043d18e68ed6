import { encodeRow, encodeSnapshot, isFinal, nodeOf, type RunEvent, type RunState } from "@weftwork/core";
import type { Append, HeadChange, Journal, Membership, RunStatus, Verdict } from "../journal/journal.ts";
import type { Clock } from "./clock.ts";
import { emptyRow, type HotRun } from "./hot-run.ts";
import type { Member } from "./member.ts";
import type { Payloads } from "./payloads.ts";

/** Runs and characters in one flush at most (O12). */
const FLUSH_RUNS_MAX = 64;
/**
 * Runs that make another flush worth its cost while one is on its way. Measured with 64 runs in flight: 16 and 64 are
 * slower on both databases.
 */
const LANE_RUNS_MIN = 24;
const FLUSH_CHARS_MAX = 256 * 1024;
/** A snapshot is written with the row that brings either of these since the last one. */
export const SNAPSHOT_EVENTS = 500;
const SNAPSHOT_CHARS = 256 * 1024;
const RETRY_MS_MAX = 2000;
/** While one flush is on its way, another lane takes what waits when that is enough, or after this time. */
const LANE_WAIT_MS = 5;
/** A flush that takes so long is not on its way, but stuck. */
const STUCK_MS = 1000;
/** Answers that are worth being worked on in two parts. */
const HALVES_MIN = 32;

export interface CommitOptions {
  readonly journal: Journal;
  readonly membership: Member;
  readonly payloads: Payloads;
  readonly clock: Clock;
  /** Flushes on their way at the same time. A run is in one of them at most. */
  readonly lanes: number;
  readonly snapshotEvents: number;
  /** The open row of the run is about to be sent. */
  readonly sending: (run: HotRun) => void;
  /** The row that was being sent is recorded, or is known not to be. Called once a row. */
  readonly answered: (run: HotRun, verdict: Verdict) => void;
  /** The lease has ended: every run held here belongs to somebody else by now. */
  readonly leaseLost: () => void;
  /** What was open of the run is on its way, and inputs wait that it had no room for. */
  readonly sent: (run: HotRun) => void;
  /** A store did not answer and is asked again. */
  readonly problem: (message: string, error: unknown) => void;
}

type Objects = readonly { readonly hash: string; readonly bytes: Uint8Array }[];

/**
 * Group commit. Runs with something to record queue here; a flush takes up to 64 of them.
 *
 * C1. A flush starts at once when no other is on its way, otherwise when one returns. There is no timer while idle.
 * C2. A flush whose answer did not arrive is sent again unchanged until it is answered or the lease ends: the journal
 *     takes a repeat for what it is.
 * C3. After the membership's deadline nothing is sent.
 * C4. Storing and deciding overlap. What became ready during a flush is sent before that flush's answers are worked on.
 *     Where all runs were in the one flush, nothing is ready: then half of the answers are worked on and what follows
 *     from them is sent, unless two flushes would cost more than the overlap saves.
 */
export class Commit {
  private readonly options: CommitOptions;
  private readonly dirty: HotRun[] = [];
  private scheduled = false;
  private flying = 0;
  /** Answers that are worked on in a later turn. */
  private answering = 0;
  private laneTimer: (() => void) | null = null;
  /** When the flushes that are on their way were sent, and how long one usually takes. */
  private readonly sentAt = new Set<{ readonly at: number }>();
  private storeMs = 0;
  /** Milliseconds that the answer to one run takes us, decisions and quick steps included. */
  private answerMs = 0;
  private idle: (() => void)[] = [];
  private givenUp = false;

  constructor(options: CommitOptions) {
    this.options = options;
  }

  /** The run has decisions to record. */
  add(run: HotRun): void {
    if (run.dirty || run.sending) return;
    run.dirty = true;
    this.dirty.push(run);
    this.schedule();
  }

  /**
   * How long something that is decided now will presumably wait for others to be recorded, in milliseconds. The time of
   * its own flush is not in it: a slow disk is no overload. A store that does not answer is.
   */
  waitMs(): number {
    const now = this.options.clock.monotonic();
    let oldest = 0;
    for (const { at } of this.sentAt) oldest = Math.max(oldest, now - at);
    const ahead = Math.floor(this.dirty.length / (FLUSH_RUNS_MAX * this.options.lanes)) * this.storeMs;
    return oldest >= STUCK_MS ? Math.max(oldest, ahead) : ahead;
  }

  /**
   * Resolves when nothing is left to record. After `graceMs` a store that does not answer is not asked again: what it did
   * not take is decided anew by the next owner.
   */
  async drain(graceMs = Infinity): Promise<void> {
    const cancel = Number.isFinite(graceMs) ? this.options.clock.after(graceMs, () => (this.givenUp = true)) : null;
    while (!this.isIdle()) await new Promise<void>((resolve) => this.idle.push(resolve));
    cancel?.();
  }

  private schedule(): void {
    if (this.scheduled || this.dirty.length === 0) return;
    if (!this.mayFlush()) {
      this.awaitLane();
      return;
    }
    this.scheduled = true;
    // Behind the work that is under way: runs that become ready in the same moment share a flush.
    this.options.clock.soon(() => {
      this.scheduled = false;
      if (this.mayFlush()) this.flush();
    });
  }

  /** A second lane with a few rows would only make every flush small. */
  private mayFlush(): boolean {
    if (this.flying === 0) return true;
    return this.flying < this.options.lanes && this.dirty.length >= LANE_RUNS_MIN;
  }

  private awaitLane(): void {
    if (this.laneTimer || this.flying >= this.options.lanes) return;
    this.laneTimer = this.options.clock.after(LANE_WAIT_MS, () => {
      this.laneTimer = null;
      if (this.dirty.length > 0 && this.flying < this.options.lanes) this.flush();
    });
  }

  private flush(): void {
    const runs: HotRun[] = [];
    const batch: Append[] = [];
    let chars = 0;
    let taken = 0;
    while (taken < this.dirty.length && batch.length < FLUSH_RUNS_MAX && chars < FLUSH_CHARS_MAX) {
      const run = this.dirty[taken++]!;
      run.dirty = false;
      if (run.gone || run.open.decisions.length === 0) continue;
      const { append, objects } = this.appendOf(run);
      if (objects.length > 0) {
        void this.sendAfter(objects, run, append);
        continue;
      }
      runs.push(run);
      batch.push(append);
      chars += append.body.length;
    }
    this.dirty.splice(0, taken);
    if (batch.length > 0) void this.send(runs, batch);
    this.schedule();
    this.tellIdle();
    for (const run of runs) if (run.inputs.length > 0) this.options.sent(run);
  }

  /** Large payloads are stored first; the row that names them follows when they are. */
  private async sendAfter(objects: Objects, run: HotRun, append: Append): Promise<void> {
    this.flying += 1;
    if (run.inputs.length > 0) this.options.sent(run);
    const membership = this.options.membership.present();
    const stored = await this.untilAnswered(membership, async () => {
      await this.options.payloads.putObjects(run.tenant, objects);
      return true;
    });
    this.flying -= 1;
    if (stored === null) this.lost(membership, [run]);
    else await this.send([run], [append], membership);
  }

  private async send(
    runs: readonly HotRun[],
    batch: readonly Append[],
    membership = this.options.membership.present(),
  ): Promise<void> {
    const { journal, clock } = this.options;
    this.flying += 1;
    const flight = { at: clock.monotonic() };
    this.sentAt.add(flight);
    const verdicts = await this.untilAnswered(membership, () => journal.append(membership, batch));
    this.sentAt.delete(flight);
    const storeMs = clock.monotonic() - flight.at;
    this.storeMs += (storeMs - this.storeMs) / 8;
    this.flying -= 1;
    if (verdicts === null) {
      this.lost(membership, runs);
      return;
    }
    if (this.dirty.length > 0 && this.mayFlush()) this.flush();
    // A flush has a cost of its own (the disk, the way there) and one for each run, which is about our own answerMs. Two
    // halves pay the former twice, and save our work for all runs while the store is busy.
    const ourMs = this.answerMs * runs.length;
    const halves = this.flying === 0 && runs.length >= HALVES_MIN && storeMs - ourMs < ourMs;
    this.answer(runs, verdicts, 0, halves ? Math.ceil(runs.length / 2) : runs.length);
  }

  /** The membership ended before the answer came. When another one holds by now, only these runs are concerned (B3). */
  private lost(membership: Membership, runs: readonly HotRun[]): void {
    if (this.options.membership.present() === membership && !this.givenUp) this.options.leaseLost();
    else for (const run of runs) this.options.answered(run, { type: "fenced" });
    this.schedule();
    this.tellIdle();
  }

  /** Works on so many answers, sends what follows from them, and then works on the others. */
  private answer(runs: readonly HotRun[], verdicts: readonly Verdict[], from: number, count: number): void {
    const { answered, clock } = this.options;
    const until = Math.min(from + count, runs.length);
    const startedAt = clock.monotonic();
    this.answering += 1;
    for (let i = from; i < until; i++) answered(runs[i]!, verdicts[i]!);
    clock.soon(() => {
      this.answering -= 1;
      this.answerMs += ((clock.monotonic() - startedAt) / (until - from) - this.answerMs) / 8;
      if (this.dirty.length > 0 && this.mayFlush()) this.flush();
      if (until < runs.length) this.answer(runs, verdicts, until, count);
      else {
        this.schedule();
        this.tellIdle();
      }
    });
  }

  /** Repeats a call to a store until it answers; null when the lease ended before it did. */
  private async untilAnswered<T>(membership: Membership, call: () => Promise<T>): Promise<T | null> {
    const { clock, problem } = this.options;
    for (
      let delay = 50;
      clock.monotonic() < membership.deadline() && !this.givenUp;
      delay = Math.min(delay * 2, RETRY_MS_MAX)
    ) {
      try {
        return await call();
      } catch (error) {
        // Whether it was recorded is not known; the same again will tell (J2).
        problem("the store does not answer; trying again", error);
        await new Promise<void>((resolve) => void clock.after(delay, resolve));
      }
    }
    return null;
  }

  private appendOf(run: HotRun): {
    readonly append: Append;
    readonly objects: readonly { hash: string; bytes: Uint8Array }[];
  } {
    this.options.sending(run);
    const row = run.open;
    run.sending = row;
    run.open = emptyRow();
    const { state } = run;
    const seq = run.nextSeq++;
    state.seq = seq;
    const events =
      row.decisions.length === 1 ? row.decisions[0]!.events : row.decisions.flatMap((decision) => decision.events);
    const { stored, objects } = this.options.payloads.externalize(events, (event) => isPinned(state, event));
    const body = encodeRow(row.decisions);
    run.eventsSinceSnapshot += events.length;
    run.bytesSinceSnapshot += body.length;
    const inputsTaken: string[] = [];
    for (const { inboxId } of row.inputs) if (inboxId !== null) inputsTaken.push(inboxId);
    const append: Append = {
      runKey: run.key,
      tenant: run.tenant,
      epoch: run.epoch,
      seq,
      body,
      create: run.creation,
      change: headChange(run),
      payloads: stored,
      inputsTaken,
      snapshot: this.snapshotOf(run),
    };
    run.creation = null;
    return { append, objects };
  }

  private snapshotOf(run: HotRun): string | null {
    if (run.eventsSinceSnapshot < this.options.snapshotEvents && run.bytesSinceSnapshot < SNAPSHOT_CHARS) return null;
    run.eventsSinceSnapshot = 0;
    run.bytesSinceSnapshot = 0;
    return encodeSnapshot(run.state);
  }

  private isIdle(): boolean {
    return this.flying === 0 && this.answering === 0 && this.dirty.length === 0;
  }

  private tellIdle(): void {
    if (!this.isIdle()) return;
    const waiting = this.idle;
    this.idle = [];
    for (const resolve of waiting) resolve();
  }
}

/** Values that control rules read stay in memory with the run. */
export function isPinned(state: RunState, event: RunEvent): boolean {
  switch (event.type) {
    case "task_completed":
    case "values_paged":
    case "task_copied": {
      const scope = state.scopes.get(event.scope);
      return scope === undefined || nodeOf(scope, event.node).readByControl;
    }
    default:
      return true;
  }
}

/** What a list of runs shows of it now. */
export function statusOf(state: RunState): RunStatus {
  if (state.status !== "running") return state.status;
  if (state.undecided.length > 0) return "running";
  for (const command of state.owed.values()) if (command.type === "dispatch_task") return "running";
  return "waiting";
}

function headChange(run: HotRun): HeadChange | null {
  const { state } = run;
  const status = statusOf(state);
  if (status === run.recordedStatus) return null;
  run.recordedStatus = status;
  const started = state.startedAt === null ? {} : { startedAt: state.startedAt };
  if (!isFinal(state.status)) return { status, ...started };
  const error = state.failure === null ? {} : { errorCode: state.failure.code };
  return { status, ...started, finishedAt: state.finishedAt ?? state.at, ...error };
}
