import { AppError, type Priority } from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import { Entrance, SUBMISSIONS_MAX } from "../limits/entrance.ts";
import type { Permit } from "../limits/limiter.ts";
import { pressureOf, refusedAfter, worstOf, type Signals } from "../limits/pressure.ts";
import { Throttle } from "../limits/throttle.ts";
import type { Clock } from "./clock.ts";

/** Why new work was refused, as metrics name it. */
export type Refusal = "pressure" | "runs" | "tasks" | "backlog" | "queue";

/** How the process is doing, apart from its work. `load`: share of the time for which the event loop was at work. */
export type ProcessSignals = Pick<Signals, "loopDelayMs" | "heapShare"> & { readonly load: number };

export interface OverloadOptions {
  readonly journal: Pick<Journal, "stats">;
  readonly clock: Clock;
  readonly tenant: string;
  /** Runs held in this process, and how many it may hold. */
  readonly runsHere: () => number;
  readonly runsMax: number;
  /** Tasks that wait in this process. */
  readonly tasksWaiting: () => number;
  /** Open runs of the tenant at most, in all processes. */
  readonly backlogMax: number;
  /** How the process is doing since the last time it was asked. */
  readonly signals: () => Omit<Signals, "submissionsWaiting"> & ProcessSignals;
  /** Whether new work is refused and waiting work put off under pressure. Off where the program around may be what keeps the process busy. */
  readonly sheds: boolean;
  /** Begins no tasks of these classes for now. */
  readonly hold: (classes: readonly Priority[]) => void;
  readonly refused: (priority: Priority | "unread", reason: Refusal) => void;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Tasks that may wait in one process; no more runs are begun or claimed then (O14). */
export const TASKS_WAITING_MAX = 100_000;
/** Between two looks. */
export const LOOK_MS = 100;
/** Looks that must agree: a shorter burst, or pause, says nothing. */
export const LOOKS = 4;
/** What is held back gets a look's time after so long, so that it never starves. */
const HOLD_MS_MAX = 30_000;
const STATS_MS = 1000;
/** An event loop that is at work for this share of the time has none left. */
const FULL_LOAD = 0.98;
/** Share of a full backlog that is worked off before more is asked for again. */
const ROOM_SHARE = 0.1;
/** Times to work something off that are told, in seconds. */
const DRAIN_MIN = 1;
const DRAIN_MAX = 60;
const DRAIN_UNKNOWN = 5;
/** The classes whose waiting tasks are held back under pressure. */
const DEFERRED: readonly Priority[] = ["batch", "background"];
const NONE: ReadonlySet<Priority> = new Set();

/**
 * Keeps a process from taking more than it can do (O6, O14). New work is refused by class, the least urgent first; work
 * that was accepted never is, it waits. Waiting tasks of the two lowest classes are not begun while the pressure is above
 * their threshold.
 *
 * U1. What is refused is refused before anything of it is recorded, with the time after which to come again.
 * U2. A queue in front of a full pool is a backlog, and no overload: it is bounded by its length alone.
 */
export class Overload {
  private readonly options: OverloadOptions;
  private readonly entrance: Entrance;
  private samples: number[] = [];
  private worst: keyof Signals = "loopDelayMs";
  private readonly throttle = new Throttle();
  private refusing = NONE;
  private crowded = false;
  private held = NONE;
  private heldSince = 0;
  /** Open runs of the tenant, as they were known last, and those begun here since. */
  private open = 0;
  private begun = 0;
  private readAt = Number.NEGATIVE_INFINITY;
  private endedBefore: number | null = null;
  private asksForStats = false;
  /** Ends of runs a second: of the tenant, and here. */
  private endsOfAll = 0;
  private endsHere = 0;
  private endedHere = 0;
  private cancel: () => void = () => undefined;
  private closed = false;

  constructor(options: OverloadOptions) {
    this.options = options;
    this.entrance = new Entrance(options.clock);
  }

  start(): void {
    this.cancel = this.options.clock.after(LOOK_MS, () => {
      this.look();
      if (!this.closed) this.start();
    });
  }

  close(): void {
    this.closed = true;
    this.cancel();
  }

  /** As it was last; 1: as much to do as can be done. */
  get pressure(): number {
    return this.samples.at(-1) ?? 0;
  }

  /** Whether this process has room for runs of others. */
  get hasRoom(): boolean {
    return !this.crowded;
  }

  /**
   * Why no new run is taken, of whatever class; null: some may be. For those who could save the reading of a submission:
   * what is refused must cost little, or refusing is what keeps the process busy.
   */
  shut(): AppError | null {
    this.entrance.came();
    const overload = this.overloadOf("interactive", "unread");
    if (overload || !this.options.sheds || this.entrance.hasTime()) return overload;
    return this.refusal("unread", "queue", "more submissions came in one moment than it can take");
  }

  /** Throws `OVERLOADED` or `BACKLOG_FULL` where a new run of this class is not taken. */
  admit(priority: Priority): void {
    const overload = this.overloadOf(priority, priority);
    if (overload) throw overload;
    this.throttle.take();
    const { backlogMax, refused } = this.options;
    if (this.open + this.begun < backlogMax) return;
    refused(priority, "backlog");
    this.asksForStats = true;
    const retryAfter = this.after((backlogMax * ROOM_SHARE) / this.endsOfAll);
    throw new AppError("BACKLOG_FULL", { limit: backlogMax, retryAfter });
  }

  /**
   * A place among the submissions of callers that are being recorded, for those who wait for an answer: too many at a
   * time would only all be late. Throws `OVERLOADED` when none is free in time.
   */
  async enter(priority: Priority): Promise<Permit> {
    const permit = await this.entrance.enter();
    if (permit) return permit;
    throw this.refusal(priority, "queue", `${SUBMISSIONS_MAX} submissions are being recorded, and more wait`);
  }

  /** A run was admitted and is there. */
  began(): void {
    this.begun += 1;
    this.asksForStats = true;
  }

  /** A run has ended here. */
  ended(): void {
    this.endedHere += 1;
  }

  private overloadOf(priority: Priority, told: Priority | "unread"): AppError | null {
    const { runsHere, runsMax } = this.options;
    if (runsHere() >= runsMax) return this.refusal(told, "runs", `${runsMax} runs are open in this process`);
    if (this.crowded) return this.refusal(told, "tasks", `${TASKS_WAITING_MAX} tasks wait for a place in this process`);
    if (!this.refusing.has(priority) && this.throttle.hasRoom(priority === "interactive")) return null;
    return this.refusal(told, "pressure", `its ${SAID[this.worst]}; ${priority} work is refused for now`);
  }

  private refusal(told: Priority | "unread", refusal: Refusal, reason: string): AppError {
    this.options.refused(told, refusal);
    const retryAfter = this.after(this.options.runsHere() / this.endsHere);
    return withoutStack(() => new AppError("OVERLOADED", { reason, retryAfter }));
  }

  /** Seconds after which to come again: the time to work it off, and up to as much more, so that not all come at once. */
  private after(seconds: number): number {
    const drain = Number.isFinite(seconds) ? Math.min(DRAIN_MAX, Math.max(DRAIN_MIN, seconds)) : DRAIN_UNKNOWN;
    return Math.ceil(drain * (1 + this.options.random()));
  }

  private look(): void {
    const { signals, clock, tasksWaiting, sheds } = this.options;
    const { load, ...measured } = signals();
    const seen = { ...measured, submissionsWaiting: this.entrance.waiting };
    this.crowded = tasksWaiting() >= TASKS_WAITING_MAX;
    this.worst = worstOf(seen);
    this.samples = [...this.samples, pressureOf(seen)].slice(-LOOKS);
    if (sheds && this.samples.length === LOOKS) this.refusing = refusedAfter(this.refusing, this.samples);
    const isLate = this.entrance.isLate();
    this.throttle.look(this.endedHere, sheds && this.refusing.has("normal"), load >= FULL_LOAD && isLate);
    this.endsHere += ((this.endedHere * 1000) / LOOK_MS - this.endsHere) / LOOKS;
    this.endedHere = 0;
    this.holdBack(clock.monotonic());
    if (this.asksForStats && clock.monotonic() - this.readAt >= STATS_MS) void this.readStats();
  }

  private holdBack(now: number): void {
    const wanted = new Set(DEFERRED.filter((priority) => this.refusing.has(priority)));
    // One look's time for what waits behind it, and then again.
    const pauses = this.held.size > 0 && now - this.heldSince >= HOLD_MS_MAX;
    const next = pauses ? NONE : wanted;
    if (this.held.size === 0 && next.size > 0) this.heldSince = now;
    if (next.size === this.held.size && [...next].every((priority) => this.held.has(priority))) return;
    this.held = next;
    this.options.hold([...next]);
  }

  /** Counted by the store for all processes; asked for once a second at most, and only while runs begin. */
  private async readStats(): Promise<void> {
    const { journal, tenant, clock } = this.options;
    const before = this.readAt;
    this.readAt = clock.monotonic();
    this.asksForStats = false;
    const counted = this.begun;
    try {
      const { open, submitted } = await journal.stats(tenant);
      this.open = open;
      this.begun -= counted;
      const ended = submitted - open;
      const seconds = (this.readAt - before) / 1000;
      if (this.endedBefore !== null && Number.isFinite(seconds))
        this.endsOfAll += ((ended - this.endedBefore) / seconds - this.endsOfAll) / 2;
      this.endedBefore = ended;
    } catch {
      // The store does not answer: commits tell of it, and the count stays as it was.
      this.asksForStats = true;
    }
  }
}

/** Where a refusal was made says nothing, and to find out is a tenth of what it costs. */
function withoutStack<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** What a signal says, for those who are refused. */
const SAID: Readonly<Record<keyof Signals, string>> = {
  flushWaitMs: "store is behind",
  poolWaitMs: "workers are behind",
  loopDelayMs: "processor is busy",
  heapShare: "memory is nearly full",
  readyAgeMs: "oldest work waits too long",
  submissionsWaiting: "line of submissions is long",
};
