import {
  AppError,
  decodeRow,
  evolve,
  initialState,
  keepUndecided,
  type Decision,
  type RunCreated,
  type RunEvent,
  type RunState,
  type ScopeState,
} from "@weftwork/core";
import type { RunAttempt } from "@weftwork/sdk";
import type { Journal, RunRecord } from "../journal/journal.ts";
import type { PreparedPlan } from "./workflows.ts";

/** Rows read at a time. */
const PAGE = 500;
/** Tries of a step that are kept: the newest ones. */
const ATTEMPTS_MAX = 20;

export interface HistoryOptions {
  readonly journal: Journal;
  readonly plansOf: (created: RunCreated) => Promise<PreparedPlan>;
  /** The scope whose steps are looked at while they begin. */
  readonly scope: string;
  /** Called when a step of that scope is about to work, and never again for the same try; the fold waits for it. */
  readonly begins?: (state: RunState, scope: ScopeState, node: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** What the record of a run tells of its past beyond the state it ended in. */
export interface RunHistory {
  readonly state: RunState;
  /** The scope that was asked for, open or not; null when it was never opened. */
  readonly scope: ScopeState | null;
  /** Tries by scope and step; those of scopes that ended are gone, but for the one that was asked for. */
  attemptsOf(scope: string, node: string): readonly RunAttempt[];
  /** The run a result was taken over from. */
  copiedFrom(scope: string, node: string): string | null;
  /** Ids of the scopes that were opened and have ended, oldest first. */
  readonly ended: readonly string[];
}

type Rows = RunRecord["rows"];

/**
 * Folds a run from its first row, in pages, and notes on the way what a state forgets. Costs as much as the run is long:
 * for those who look at one run, never for lists.
 */
export async function readHistory(options: HistoryOptions, runKey: number): Promise<RunHistory> {
  try {
    return await read(options, runKey);
  } catch (error) {
    if (error instanceof AppError || options.signal?.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError("RUN_DAMAGED", { reason }, { cause: error });
  }
}

async function read(options: HistoryOptions, runKey: number): Promise<RunHistory> {
  let history: History | null = null;
  for (let afterSeq = 0; ;) {
    const { rows } = await options.journal.read(runKey, { snapshot: false, afterSeq, limit: PAGE });
    history ??= await begin(options, rows);
    for (const row of rows) await history.fold(decodeRow(row.body));
    if (rows.length < PAGE) return history;
    afterSeq = rows.at(-1)!.seq;
    options.signal?.throwIfAborted();
  }
}

async function begin(options: HistoryOptions, rows: Rows): Promise<History> {
  const created = rows[0] && decodeRow(rows[0].body)[0]?.events[0];
  if (created?.type !== "run_created") throw new AppError("RUN_DAMAGED", { reason: "its first row is missing" });
  const { plan, nested } = await options.plansOf(created);
  return new History(options, initialState(plan, nested));
}

type Attempt = { -readonly [Name in keyof RunAttempt]: RunAttempt[Name] };

class History implements RunHistory {
  readonly state: RunState;
  readonly ended: string[] = [];
  scope: ScopeState | null = null;
  private readonly options: HistoryOptions;
  private readonly attempts = new Map<string, Map<string, Attempt[]>>();
  private readonly copies = new Map<string, string>();

  constructor(options: HistoryOptions, state: RunState) {
    this.options = options;
    this.state = state;
  }

  attemptsOf(scope: string, node: string): readonly RunAttempt[] {
    return this.attempts.get(scope)?.get(node) ?? [];
  }

  copiedFrom(scope: string, node: string): string | null {
    return this.copies.get(`${scope}/${node}`) ?? null;
  }

  async fold(decisions: readonly Decision[]): Promise<void> {
    const { state } = this;
    for (const { at, events } of decisions) {
      if (events.length > 0) state.at = at;
      for (const event of events) {
        if (isBegin(event)) await this.begins(event.scope, event.node, null);
        evolve(state, event);
        this.scope = state.scopes.get(this.options.scope) ?? this.scope;
        await this.noteStarts();
        this.note(event);
      }
    }
    state.seq += 1;
    state.withdrawn.length = 0;
    keepUndecided(state);
  }

  /** Work that came to be owed by the last event. */
  private async noteStarts(): Promise<void> {
    const fresh = this.state.fresh.splice(0);
    for (const command of fresh)
      if (command.type === "dispatch_task") await this.begins(command.scope, command.node, command.attempt);
  }

  /** `number` null: a control step, which has one try unless its task says otherwise. */
  private async begins(scope: string, node: string, number: number | null): Promise<void> {
    const attempts = this.listOf(scope, node);
    const last = attempts.at(-1);
    const attempt = number ?? last?.number ?? 1;
    // Parked and due again, or started again after a crash: the same try.
    if (last?.number === attempt && last.finished_at === null) return;
    const started_at = timeOf(this.state.at);
    attempts.push({ number: attempt, started_at, finished_at: null, error: null, usage: null });
    if (attempts.length > ATTEMPTS_MAX) attempts.shift();
    const state = this.state.scopes.get(scope);
    if (scope === this.options.scope && state) await this.options.begins?.(this.state, state, node);
  }

  private note(event: RunEvent): void {
    switch (event.type) {
      case "task_completed":
        this.ends(event.scope, event.node, { usage: event.usage ?? null });
        break;
      case "task_failed":
      case "task_retried":
        this.ends(event.scope, event.node, { error: event.failure, usage: event.usage ?? null });
        break;
      case "task_copied":
        this.copies.set(`${event.scope}/${event.node}`, event.from);
        break;
      case "item_ended":
      case "round_ended":
        if (event.from === undefined) this.leave(event.scope);
        break;
      default:
    }
  }

  private ends(scope: string, node: string, end: Partial<Attempt>): void {
    const at = timeOf(this.state.at);
    const attempts = this.listOf(scope, node);
    const last = attempts.at(-1);
    if (last && last.finished_at === null) Object.assign(last, end, { finished_at: at });
    else attempts.push({ number: 1, started_at: at, finished_at: at, error: null, usage: null, ...end });
  }

  private leave(scope: string): void {
    this.ended.push(scope);
    if (scope !== this.options.scope) this.attempts.delete(scope);
  }

  private listOf(scope: string, node: string): Attempt[] {
    let inScope = this.attempts.get(scope);
    if (!inScope) this.attempts.set(scope, (inScope = new Map()));
    let list = inScope.get(node);
    if (!list) inScope.set(node, (list = []));
    return list;
  }
}

/** Events by which a control step begins, or in which it begins and ends at once. */
function isBegin(event: RunEvent): event is Extract<RunEvent, { scope: string; node: string }> {
  switch (event.type) {
    case "items_started":
    case "loop_started":
    case "child_started":
    case "task_waiting":
      return true;
    case "variable_assigned":
      return event.from === undefined;
    default:
      return false;
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
