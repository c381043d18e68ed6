import { AppError } from "@weftwork/core";
import type { DeadLetter, DeadLetterDetail, DeadLetterRetry, Page, RunDetail, RunStatus } from "@weftwork/sdk";
import type { Journal, RunHead } from "../journal/journal.ts";
import type { RunAgain } from "../runtime/beginnings.ts";
import type { Runs } from "../runtime/runs.ts";
import { selectRuns, type SelectedRuns } from "../runtime/select-runs.ts";
import { linksOf } from "../runtime/view.ts";
import type { DeadLetterTable, StoredDeadLetter } from "./dead-letter-table.ts";

export interface DeadLettersOptions {
  readonly journal: Pick<Journal, "find" | "head">;
  readonly table: DeadLetterTable;
  readonly runs: Pick<Runs, "detail" | "step" | "rerun" | "failedAt">;
  readonly tenant: string;
  /** Nothing is written: for a look at what is stored. */
  readonly reading?: boolean;
}

/** Which dead letters are wanted. Times are milliseconds. */
export interface DeadLetterQuery {
  readonly workflow?: string;
  readonly errorCode?: string;
  readonly quarantined?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  readonly cursor?: string;
  readonly limit: number;
}

export const QUARANTINED = "RUN_QUARANTINED";

/**
 * Runs that failed, until somebody has settled them. They are read from the journal's own index of runs that ended badly;
 * the table beside it only holds what was done about them.
 *
 * D1. One piece of work is one entry. While a run that took over is open its predecessor stays in the list and points to
 *     it; when that run has succeeded the entry leaves, when it has failed it is the entry in its place. A retry that was
 *     cancelled settles nothing.
 * D2. Of two retries at the same time one begins a run, and both are answered with it (or one is refused, where they ask
 *     for different things): the key that the run is begun with is made of the failed run and the number of retries before
 *     it, whatever keys were given. A given key only says which retry a repeat means.
 */
export class DeadLetters {
  private readonly options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.options = options;
  }

  /** A page of the open ones, newest first. It may hold fewer than asked for although there is a next one. */
  async list(query: DeadLetterQuery): Promise<Page<DeadLetter>> {
    const entries = new Map<string, DeadLetter>();
    const { runs, nextCursor } = await this.select(query, entries);
    return { data: runs.map(({ id }) => entries.get(id)!), next_cursor: nextCursor };
  }

  /** Runs of a page of the open ones. */
  async page(query: DeadLetterQuery): Promise<SelectedRuns> {
    return this.select(query, new Map());
  }

  /** One, settled or not, with what helps to mend it. Throws `RUN_NOT_FOUND` and `DEAD_LETTER_NOT_FOUND`. */
  async get(id: string): Promise<DeadLetterDetail> {
    const head = await this.head(id);
    const entry = await this.entryOf(head, (await this.options.table.find([id])).get(id) ?? null);
    try {
      const detail = (await this.options.runs.detail(id))!;
      const at = await this.placeOf(id, detail);
      const failed_step = at === null ? null : await this.options.runs.step(id, at.node, { scope: at.scope });
      const steps = detail.steps.filter(({ scope }) => scope === "root");
      return { ...entry, inputs: detail.inputs, error: detail.error, failed_step, steps, damaged: null };
    } catch (error) {
      // Its record cannot be read; that it failed, and with what, the row of the run tells.
      if (!(error instanceof AppError) || !DAMAGES.has(error.code)) throw error;
      return { ...entry, inputs: null, error: null, failed_step: null, steps: [], damaged: error.message };
    }
  }

  /**
   * Begins a run that takes over: at the step that failed, or at the one it was at when it was set aside, with other
   * inputs where they are given. Throws `DEAD_LETTER_SETTLED` where that is done already or under way.
   */
  async retry(id: string, change: DeadLetterRetry & { readonly idempotencyKey?: string } = {}): Promise<RunAgain> {
    const { idempotencyKey, step, scope, ...rest } = change;
    const head = await this.head(id);
    const stored = (await this.options.table.find([id])).get(id) ?? null;
    const round = stored?.retries ?? 0;
    const given = (of: number): string | null =>
      idempotencyKey === undefined ? null : `${keyOf(id, of)} ${idempotencyKey}`;
    const isRepeat = given(round - 1) !== null && stored?.retryKey === given(round - 1);
    // A plain retry of the run was begun with the key as it is.
    const isPlainRepeat = idempotencyKey !== undefined && stored?.retryKey === idempotencyKey;
    if (!isRepeat && !isPlainRepeat) await this.checkOpen(head, stored);
    const target =
      step === undefined ? await this.beginningOf(id) : { node: step, ...(scope === undefined ? {} : { scope }) };
    const key = isPlainRepeat ? idempotencyKey : keyOf(id, isRepeat ? round - 1 : round);
    try {
      const again = await this.options.runs.rerun(id, { ...target, ...rest, idempotencyKey: key });
      if (!isRepeat && !isPlainRepeat) await this.options.table.noteRetry(id, again.run.id, given(round));
      return again;
    } catch (error) {
      if (isRepeat || isPlainRepeat || !(error instanceof AppError) || error.code !== "RUN_ID_TAKEN") throw error;
      // Whoever began that one may have died before it could note it.
      const other = String(error.details["run"]);
      await this.options.table.noteRetry(id, other, null);
      const reason = `the run ${other} has taken over with other settings`;
      throw new AppError("DEAD_LETTER_SETTLED", { run: id, reason }, { cause: error });
    }
  }

  /** Takes it from the list for good; a second time changes nothing. */
  async discard(id: string, reason: string | null = null): Promise<DeadLetter> {
    const head = await this.head(id);
    return this.entryOf(head, await this.options.table.discard(id, reason));
  }

  /** Forgets what was done about runs that are no longer there. */
  async sweep(before: number): Promise<void> {
    const { table, journal, tenant } = this.options;
    for (let after = ""; ;) {
      const runs = await table.quiet(before, after, SWEEP);
      const gone: string[] = [];
      for (const run of runs) if ((await journal.head(tenant, run)) === null) gone.push(run);
      await table.remove(gone);
      if (runs.length < SWEEP) return;
      after = runs.at(-1)!;
    }
  }

  private select(query: DeadLetterQuery, entries: Map<string, DeadLetter>): Promise<SelectedRuns> {
    const { quarantined, errorCode, ...rest } = query;
    const code = quarantined === true ? QUARANTINED : errorCode;
    if (quarantined === true && errorCode !== undefined && errorCode.toUpperCase() !== QUARANTINED)
      return Promise.resolve({ runs: [], nextCursor: null });
    return selectRuns(this.options.journal, {
      ...rest,
      tenant: this.options.tenant,
      status: ["failed"],
      ...(code === undefined ? {} : { errorCode: code }),
      keep: async (heads) => {
        const wanted = quarantined === false ? heads.filter((head) => head.errorCode !== QUARANTINED) : heads;
        const stored = await this.options.table.find(wanted.map(({ id }) => id));
        for (const head of wanted) {
          const row = stored.get(head.id) ?? null;
          const entry = row !== null && row.state !== "open" ? null : await this.entryOf(head, row);
          if (entry?.state === "open") entries.set(head.id, entry);
        }
        return wanted.filter(({ id }) => entries.has(id));
      },
    });
  }

  /** The entry; a retry that has ended since is noted, so that it is looked at once and never again. */
  private async entryOf(head: RunHead, stored: StoredDeadLetter | null): Promise<DeadLetter> {
    const { journal, table, tenant } = this.options;
    const retryRun = stored?.retryRun ?? null;
    const status: RunStatus | null =
      retryRun === null ? null : ((await journal.head(tenant, retryRun))?.status ?? null);
    let state = stored?.state ?? "open";
    if (state === "open" && (status === "succeeded" || status === "failed")) {
      if (this.options.reading !== true) await table.settle(head.id, retryRun!);
      state = "retried";
    }
    return {
      id: head.id,
      workflow: head.workflow,
      version: head.version,
      priority: head.priority,
      metadata: head.metadata,
      error_code: head.errorCode,
      quarantined: head.errorCode === QUARANTINED,
      state,
      retry: retryRun === null ? null : { run: retryRun, status },
      retries: stored?.retries ?? 0,
      reason: stored?.reason ?? null,
      created_at: timeOf(head.createdAt),
      started_at: head.startedAt === null ? null : timeOf(head.startedAt),
      failed_at: timeOf(head.finishedAt ?? head.createdAt),
      links: linksOf(head.id),
    };
  }

  private async checkOpen(head: RunHead, stored: StoredDeadLetter | null): Promise<void> {
    const { state, retry } = await this.entryOf(head, stored);
    const settled = (reason: string): AppError => new AppError("DEAD_LETTER_SETTLED", { run: head.id, reason });
    if (state === "discarded") throw settled("it was discarded; rerun the run itself");
    if (state === "retried") throw settled(`the run ${retry!.run} took over and has ${retry!.status ?? "ended"}`);
    if (retry !== null && retry.status !== null && retry.status !== "cancelled")
      throw settled(`the run ${retry.run} has taken over and is ${retry.status}`);
  }

  private async beginningOf(id: string): Promise<{ readonly node: string; readonly scope: string }> {
    const detail = await this.options.runs.detail(id);
    const at = detail && (await this.placeOf(id, detail));
    if (!at) throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: "it has no step that was not done" });
    return at;
  }

  /** The step that failed the run; where none did, the first that it was at, or would have come to. */
  private async placeOf(
    id: string,
    { steps }: RunDetail,
  ): Promise<{ readonly node: string; readonly scope: string } | null> {
    const failed = await this.options.runs.failedAt(id);
    if (failed !== null) return failed;
    // What was under way when the run was set aside counts as cancelled.
    const at =
      steps.find(({ status, pool }) => status === "cancelled" && pool !== null) ??
      steps.find(({ status }) => status === "cancelled") ??
      steps.find(({ status }) => status === "pending");
    return at ? { node: at.id, scope: at.scope } : null;
  }

  private async head(id: string): Promise<RunHead> {
    const head = await this.options.journal.head(this.options.tenant, id);
    if (!head) throw new AppError("RUN_NOT_FOUND", { run: id.slice(0, 200) });
    if (head.status !== "failed") throw new AppError("DEAD_LETTER_NOT_FOUND", { run: id, status: head.status });
    return head;
  }
}

const SWEEP = 200;
const DAMAGES: ReadonlySet<string> = new Set(["RUN_DAMAGED", "PAYLOAD_DAMAGED", "WORKFLOW_NOT_FOUND"]);

/** Under which the run that takes over is begun, behind so many retries. */
function keyOf(id: string, round: number): string {
  return `dead-letter:${id}:${round}`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
