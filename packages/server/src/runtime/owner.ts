import { AppError, decide, failureOf, isFinal, start, takeNotes } from "@weftwork/core";
import type {
  ArmTimer,
  Command,
  Decision,
  DispatchTask,
  Failure,
  Input,
  RunCreated,
  RunEvent,
  RunState,
} from "@weftwork/core";
import type { Release, RunCreation, Verdict } from "../journal/journal.ts";
import type { Live } from "../live/live.ts";
import type { StreamPiece } from "../streamlog/streamlog.ts";
import type { Clock } from "./clock.ts";
import { type Commit, statusOf } from "./commit.ts";
import type { CreationAnswer, HotRun, OpenRow, QueuedInput } from "./hot-run.ts";
import { Pump } from "./pump.ts";
import { answers, putBack, REFUSALS_MAX, onceMore } from "./refused-row.ts";
import type { Timers } from "./timers.ts";

/** What the owner tells those who watch a run. */
export type RunNotice =
  | ({ readonly type: "recorded"; readonly decisions: readonly Decision[] } & RowNotice)
  /** The same of a row that another process has recorded: it is read from the journal. */
  | ({ readonly type: "written" } & RowNotice)
  /** A step said something. `after`: number of the piece that was told before it by the same owner; 0: none was. */
  | { readonly type: "piece"; readonly piece: StreamPiece; readonly after: number }
  /** The run is no longer held here; what comes next is in the journal. */
  | { readonly type: "left" };
/** Where it is told once more that a run has left: those who only wait for that are spared what happens until then. */
export const leavesChannel = (runKey: number): string => `${runKey}/leaves`;

export interface RowNotice {
  readonly seq: number;
  readonly epoch: number;
  /** Number of the last piece that was told before; 0: none was. */
  readonly said: number;
}

/** Does tasks. The owner hands them over and hears of them again by `report`. */
export interface Tasks {
  /** Whether the step may start before the events that led to it are recorded. */
  startsEarly(run: HotRun, command: DispatchTask): boolean;
  /** Takes a task over; false when nobody here serves its pool (whose name is then in `poolOf`). */
  dispatch(run: HotRun, command: DispatchTask): boolean;
  poolOf(run: HotRun, command: DispatchTask): string;
  /** The task must not be done twice, so its start is recorded first. */
  recordsStart(run: HotRun, command: DispatchTask): boolean;
  /**
   * Commands of a run that was taken over whose tasks other processes do, or have done without the result being taken in.
   * Asked before anything of the run is carried out.
   */
  elsewhere(run: HotRun): Promise<ReadonlySet<string>>;
  /** Such a task goes on where it is; its outcome is reported. */
  goOn(run: HotRun, command: DispatchTask): void;
  /** The outcome of a task that was done elsewhere came in. */
  reported(run: HotRun, commandId: string): void;
  abort(run: HotRun, commandId: string): void;
}

export interface OwnerOptions {
  readonly commit: (answered: (run: HotRun, verdict: Verdict) => void, sent: (run: HotRun) => void) => Commit;
  readonly tasks: Tasks;
  readonly timers: Timers;
  readonly live: Live<RunNotice>;
  readonly clock: Clock;
  /** Called when a run was taken over, before anything of it is carried out. */
  readonly adopted: (run: HotRun) => void;
  /** Told of rows that are recorded. Left out: nobody asks. */
  readonly recorded?: ((run: HotRun, seq: number, decisions: readonly Decision[]) => void) | undefined;
  /** Called when a run was lost to another owner, ended, or given up. */
  readonly left: (run: HotRun) => void;
  /** The journal put inputs before other runs (a slot was granted, a run must make room). */
  readonly offered: () => void;
  /** What is held here may no longer be what the journal says this process owns. */
  readonly doubt: () => void;
  /** The run cannot go on and ends with this failure, whoever takes it over. */
  readonly broken: (run: HotRun, failure: Failure) => void;
  /** A run whose next timer is further away than this does not stay in memory. */
  readonly restMsMin: number;
  /** This process advances the runs that begin in it. Where it does not, it records their beginning and lets them go. */
  readonly own: boolean;
  /** A run that was begun here can be claimed by others. */
  readonly claimable: () => void;
  /** Gives a run back to the journal; resolves when that is done, or cannot be. */
  readonly release: (release: Release) => Promise<void>;
  /** The state of a run as the journal has it, ready for decisions. */
  readonly reload: (run: HotRun) => Promise<RunState>;
  readonly problem: (message: string, run: HotRun, error: unknown) => void;
}

/** `restMsMin`, unless it is set. */
export const REST_MS_MIN = 5000;
/** Events of one run that may wait to be sent. */
const OPEN_EVENTS_MAX = 4000;
const NOTHING: ReadonlySet<string> = new Set();

/**
 * The owner advances runs. One process owns a run at a time, and every input to that run passes here, in order.
 *
 * Owns: the state of claimed runs, and the inputs waiting for each.
 * Does not own: the decision (engine/decide), storage (journal), execution (worker).
 *
 * O1. State that the outside can see changes only after the row is recorded; a refused row throws the state away.
 * O2. A stale epoch ends our part in that run at once: nothing further is carried out, its tasks are aborted.
 * O3. Carrying out a command twice is harmless, for its id is derived and not drawn.
 * O4. A task with an effect starts only after the row that led to it is recorded; a pure or idempotent one may start
 *     while the row is on its way.
 */
export class Owner {
  readonly runs = new Map<number, HotRun>();
  readonly commit: Commit;
  private readonly byId = new Map<string, HotRun>();
  private readonly options: OwnerOptions;
  private readonly queue: HotRun[] = [];
  private readonly pump: Pump;

  constructor(options: OwnerOptions) {
    this.options = options;
    this.commit = options.commit(
      (run, verdict) => this.answered(run, verdict),
      (run) => this.wake(run),
    );
    this.pump = new Pump(options.clock, () => this.step());
  }

  find(tenant: string, id: string): HotRun | undefined {
    return this.byId.get(`${tenant}/${id}`);
  }

  /** Begins a run here. The answer comes when its first row is recorded (or refused). */
  create(
    run: HotRun,
    created: RunCreated,
    copies: readonly RunEvent[],
    creation: RunCreation,
  ): Promise<CreationAnswer> {
    return new Promise((resolve) => {
      run.creation = creation;
      run.created = resolve;
      this.runs.set(run.key, run);
      const now = this.options.clock.now();
      try {
        this.record(run, { at: now, causes: [], events: start(run.state, created, copies, now) }, null);
      } catch (error) {
        // First, for a run that is dropped answers that its lease is lost.
        this.answerCreation(run, { type: "failed", error });
        this.drop(run);
      }
    });
  }

  /**
   * Takes over a run whose state was folded from the journal, and carries out what is owed. `elsewhere`: commands that
   * others carry out already.
   */
  adopt(run: HotRun, elsewhere: ReadonlySet<string> = NOTHING): void {
    const before = this.runs.get(run.key);
    if (before) this.drop(before);
    this.hold(run);
    this.options.adopted(run);
    for (const command of Array.from(run.state.owed.values())) {
      if (command.type !== "dispatch_task") this.carryOut(run, command);
      else if (elsewhere.has(command.id)) this.options.tasks.goOn(run, command);
      else if (command.started) this.unknownOutcome(run, command);
      else this.carryOut(run, command);
    }
    if (run.state.undecided.length > 0) this.take(run, { type: "resume" });
  }

  /** An input for a run that is held here. Resolves when what it caused is recorded. */
  submit(run: HotRun, input: Input, inboxId: string | null = null): Promise<void> {
    return new Promise((resolve, reject) => this.enqueue(run, { input, inboxId, recorded: resolve, failed: reject }));
  }

  /** The same for inputs that nobody waits for. */
  take(run: HotRun, input: Input, inboxId: string | null = null): void {
    this.enqueue(run, { input, inboxId, recorded: null, failed: null });
  }

  /**
   * Gives a run up; it is claimed again when it is due. In order only where nothing is open; otherwise, and where the store
   * has refused what was decided last, its state is ahead of what is recorded.
   */
  drop(run: HotRun, isAsRecorded = run.sending === null && run.open.decisions.length === 0): void {
    if (run.gone) return;
    run.gone = true;
    run.leftAsRecorded = isAsRecorded;
    this.runs.delete(run.key);
    const name = `${run.tenant}/${run.id}`;
    if (this.byId.get(name) === run) this.byId.delete(name);
    for (const command of run.state.owed.values()) this.withdraw(run, command.id);
    const waiting = [...(run.sending?.inputs ?? []), ...run.open.inputs, ...run.inputs];
    if (waiting.length > 0 || run.created) {
      // Made only when somebody hears it: most runs leave at their end, and an error costs its stack.
      const error = new AppError("LEASE_LOST", { retryAfter: 1 });
      for (const input of waiting) input.failed?.(error);
      run.inputs.length = 0;
      this.answerCreation(run, { type: "failed", error });
    }
    for (const channel of [String(run.key), leavesChannel(run.key)])
      this.options.live.publish(channel, { type: "left" });
    this.options.left(run);
  }

  /** The lease has ended: somebody else may own every run by now. */
  loseAll(): void {
    for (const run of Array.from(this.runs.values())) this.drop(run);
    this.options.doubt();
  }

  private hold(run: HotRun): void {
    this.runs.set(run.key, run);
    this.byId.set(`${run.tenant}/${run.id}`, run);
  }

  private enqueue(run: HotRun, input: QueuedInput): void {
    if (run.gone) {
      input.failed?.(new AppError("LEASE_LOST"));
      return;
    }
    run.inputs.push(input);
    this.wake(run);
  }

  private wake(run: HotRun): void {
    if (run.queued) return;
    run.queued = true;
    this.queue.push(run);
    this.pump.run();
  }

  /** Advances the next run in the queue by the inputs it has. */
  private step(): boolean {
    const run = this.queue.shift();
    if (!run) return false;
    run.queued = false;
    try {
      while (run.inputs.length > 0 && canAdvance(run)) this.advance(run, run.inputs.shift()!);
    } catch (error) {
      // A mistake of ours: the state may be half changed. The recorded one is failed with it, so nothing is repeated.
      this.options.problem("a decision failed", run, error);
      this.drop(run);
      this.options.broken(run, failureOf(error));
    }
    return this.queue.length > 0;
  }

  private advance(run: HotRun, queued: QueuedInput): void {
    const now = this.options.clock.now();
    const events = decide(run.state, queued.input, now);
    this.record(run, { at: now, causes: queued.inboxId === null ? [] : [queued.inboxId], events }, queued);
  }

  private record(run: HotRun, decision: Decision, cause: QueuedInput | null): void {
    if (decision.events.length === 0 && (cause === null || cause.inboxId === null)) {
      if (cause) this.answerUnheard(run, cause);
      return;
    }
    run.open.decisions.push(decision);
    run.open.events += decision.events.length;
    if (cause) run.open.inputs.push(cause);
    const { fresh, withdrawn } = takeNotes(run.state);
    for (const id of withdrawn) this.withdraw(run, id);
    this.commit.add(run);
    for (const command of fresh) {
      // A step that was carried out just now may have ended the run, or the scope that this one lies in.
      if (run.state.owed.get(command.id) !== command) continue;
      if (command.type === "dispatch_task" && this.options.own && this.options.tasks.startsEarly(run, command))
        this.carryOut(run, command);
      else run.open.commands.push(command);
    }
    if (run.state.undecided.length > 0) this.take(run, { type: "resume" });
  }

  /** It decided nothing, perhaps because of what is still on its way: its answer is not earlier than that (I8). */
  private answerUnheard(run: HotRun, cause: QueuedInput): void {
    if (run.open.decisions.length > 0) run.open.inputs.push(cause);
    else if (run.sending) run.sending.inputs.push(cause);
    else cause.recorded?.();
  }

  private carryOut(run: HotRun, command: Command): void {
    if (run.state.owed.get(command.id) !== command) return;
    if (command.type === "arm_timer") this.arm(run, command);
    else if (!command.started && this.options.tasks.recordsStart(run, command))
      this.take(run, { ...place(command), type: "task_starting" });
    else if (!this.options.tasks.dispatch(run, command))
      run.unserved.set(command.id, {
        pool: this.options.tasks.poolOf(run, command),
        since: this.options.clock.now(),
      });
  }

  private arm(run: HotRun, command: ArmTimer): void {
    this.options.timers.set(`${run.key}/${command.id}`, command.dueAt, () =>
      this.take(run, { type: "timer_fired", timer: command.id }),
    );
  }

  private withdraw(run: HotRun, id: string): void {
    if (id.includes("@")) this.options.timers.clear(`${run.key}/${id}`);
    else this.options.tasks.abort(run, id);
    run.unserved.delete(id);
  }

  private unknownOutcome(run: HotRun, command: DispatchTask): void {
    const failure = failureOf(new AppError("OUTCOME_UNKNOWN"));
    this.take(run, { ...place(command), type: "task_reported", outcome: { type: "failed", failure } });
  }

  private answered(run: HotRun, verdict: Verdict): void {
    const row = run.sending!;
    run.sending = null;
    if (run.gone) return;
    switch (verdict.type) {
      case "committed":
        this.committed(run, row, verdict);
        return;
      case "exists":
        this.answerCreation(run, { type: "exists", id: verdict.head.id });
        this.drop(run);
        return;
      case "fenced":
        this.drop(run, false);
        this.options.doubt();
        return;
      case "refused": {
        const error = new AppError(verdict.code, verdict.details);
        if (run.created) {
          this.answerCreation(run, { type: "failed", error });
          this.drop(run);
        } else if (verdict.code === "RUN_CONFLICT" || verdict.code === "RUN_NOT_FOUND") {
          // Memory is ahead of the store: something that was recorded is gone (F18). What is left of it decides.
          this.options.problem("the store has lost what it had recorded of a run", run, error);
          this.drop(run, false);
          this.options.doubt();
        } else void this.refused(run, row, error);
      }
    }
  }

  private committed(run: HotRun, row: OpenRow, verdict: Extract<Verdict, { type: "committed" }>): void {
    const seq = run.nextSeq - 1;
    if (run.created) this.hold(run);
    this.answerCreation(run, { type: "created", slot: verdict.slot });
    if (verdict.granted.length > 0 || verdict.cancel.length > 0) this.options.offered();
    for (const input of row.inputs) input.recorded?.();
    const { epoch, said } = run;
    this.options.live.publish(String(run.key), { type: "recorded", seq, epoch, said, decisions: row.decisions });
    this.options.recorded?.(run, seq, row.decisions);
    if (!this.options.own && !isFinal(run.state.status)) {
      this.leaveToOthers(run);
      return;
    }
    // The same input stands in the journal, for an owner that did not see this verdict.
    if (verdict.slot === "granted") this.take(run, { type: "slot_granted" }, "slot_granted");
    for (const command of row.commands) this.carryOut(run, command);
    if (run.gone) return;
    run.refusals = 0;
    if (run.open.decisions.length > 0) this.commit.add(run);
    else if (isFinal(run.state.status)) {
      run.endRecorded = true;
      this.drop(run);
    } else this.rest(run);
  }

  /** Begun here, to be advanced elsewhere. Without a concurrency key nobody owned it from the first. */
  private leaveToOthers(run: HotRun): void {
    const { key: runKey, epoch } = run;
    const { release, claimable, clock } = this.options;
    const isOwned = run.state.created!.waits?.type === "slot";
    this.drop(run);
    if (isOwned) void release({ runKey, epoch, availableAt: clock.now() }).then(claimable);
    else claimable();
  }

  /**
   * Gives a run back that only waits, and for long, so that waiting costs no memory: it is claimed again when it is due.
   * Not before the inputs that were offered to it are taken in: it would be due at once.
   */
  rest(run: HotRun): void {
    const isBusy = run.reloading || run.sending || run.open.decisions.length > 0 || run.inputs.length > 0;
    if (run.gone || run.isBlocked || isBusy || statusOf(run.state) === "running") return;
    let dueAt = Infinity;
    for (const command of run.state.owed.values())
      if (command.type === "arm_timer") dueAt = Math.min(dueAt, command.dueAt);
    if (dueAt - this.options.clock.now() <= this.options.restMsMin) return;
    const { key: runKey, epoch } = run;
    this.drop(run);
    void this.options.release({ runKey, epoch, availableAt: dueAt === Infinity ? null : dueAt });
  }

  private answerCreation(run: HotRun, answer: CreationAnswer): void {
    run.created?.(answer);
    run.created = null;
  }

  /** The journal will not take this row: the run goes on from what is recorded of it. */
  private async refused(run: HotRun, row: OpenRow, error: AppError): Promise<void> {
    this.options.problem("a row was refused", run, error);
    run.reloading = true;
    for (const command of run.state.owed.values()) this.withdraw(run, command.id);
    try {
      run.state = await this.options.reload(run);
    } catch (problem) {
      this.options.problem("a refused run cannot be read back", run, problem);
      this.drop(run);
      this.options.doubt();
      return;
    }
    run.reloading = false;
    if (run.gone) return;
    const unrecorded = putBack(run, row);
    if (run.refusals >= REFUSALS_MAX) this.take(run, { type: "run_refused", failure: failureOf(error) });
    for (const queued of unrecorded) {
      const again = row.inputs.includes(queued) ? onceMore(queued, error) : queued;
      if (again) this.enqueue(run, again);
      else queued.failed?.(error);
    }
    for (const command of Array.from(run.state.owed.values())) {
      if (unrecorded.some(({ input }) => answers(input, command))) continue;
      // What was under way was aborted above, and must not be done twice.
      if (command.type === "dispatch_task" && command.started) this.unknownOutcome(run, command);
      else this.carryOut(run, command);
    }
  }
}

/** A run that is far ahead of its store waits for it: what is open has a bound (I9). */
function canAdvance(run: HotRun): boolean {
  return !run.gone && !run.reloading && run.open.events < OPEN_EVENTS_MAX;
}

function place(command: DispatchTask): { readonly scope: string; readonly node: string; readonly attempt: number } {
  return { scope: command.scope, node: command.node, attempt: command.attempt };
}
