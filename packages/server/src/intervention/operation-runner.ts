import { randomUUID } from "node:crypto";
import { failureOf } from "@weftwork/core";
import type { OperationError } from "@weftwork/sdk";
import type { Clock } from "../runtime/clock.ts";
import { Looker } from "../runtime/looker.ts";
import { chosenRuns, type ChoiceOptions } from "./chosen-runs.ts";
import { doItem, type ItemOptions } from "./operation-items.ts";
import type { OperationStep, OperationTable, StoredOperation } from "./operation-table.ts";

export interface RunnerOptions extends Omit<ItemOptions, "deadLetters">, Omit<ChoiceOptions, "deadLetters"> {
  readonly deadLetters: ItemOptions["deadLetters"] & ChoiceOptions["deadLetters"];
  readonly table: OperationTable;
  readonly clock: Clock;
  readonly problem: (message: string, error: unknown) => void;
}

/** With the pause between two looks: an operation of a process that died goes on after at most 13 s. */
const LEASE_MS = 8000;
const HOLD_MS = 2500;
const LOOK_MS = 4000;
/** Operations that one process works on at a time. */
const ACTIVE_MAX = 4;
/** Runs between two steps that are stored. */
const BATCH = 50;
/** Runs at work at the same time. */
const AT_ONCE = 8;
const COUNT_PAGE = 1000;
const NAP_MS = 250;
const ERRORS_MAX = 100;

/**
 * Carries out operations in the background. Several processes look; each operation is done by the one that holds its
 * lease. A batch is counted when it is stored, and only then: a process that dies in the middle of one leaves it to be
 * done again, which is harmless, and counted once.
 */
export class OperationRunner {
  private readonly options: RunnerOptions;
  private readonly active = new Set<Promise<void>>();
  private readonly looker: Looker;

  constructor(options: RunnerOptions) {
    this.options = options;
    this.looker = new Looker({
      clock: options.clock,
      everyMs: LOOK_MS,
      look: () => this.look(),
      failed: (error) => options.problem("operations could not be looked for; trying again", error),
    });
  }

  start(): void {
    this.looker.start();
  }

  /** Look now. Does nothing in a process that only reads. */
  poke(): void {
    this.looker.poke();
  }

  async close(): Promise<void> {
    await this.looker.close();
    await Promise.all(this.active);
  }

  private async look(): Promise<void> {
    while (!this.looker.isClosed && this.active.size < ACTIVE_MAX) {
      // Each taking has a name of its own: where a lease has ended unnoticed, this process takes the operation from itself.
      const holder = randomUUID();
      const taken = await this.options.table.take(holder, LEASE_MS);
      if (taken === null) return;
      const work = this.work(taken, holder)
        .catch((error: unknown) => this.options.problem(`the operation ${taken.id} is left for another try`, error))
        .finally(() => {
          this.active.delete(work);
          this.poke();
        });
      this.active.add(work);
    }
  }

  private async work(taken: StoredOperation, holder: string): Promise<void> {
    const lease = new Lease(this.options, taken.id, holder);
    try {
      await this.carryOut(taken, lease);
    } catch (error) {
      const { code, message, retryable } = failureOf(error);
      // What may pass by itself is tried again by whoever takes it next.
      if (retryable) throw error;
      await lease.step({ status: "failed", error: { code, message }, finishedAt: this.options.clock.now() }, 0);
    } finally {
      await lease.close();
    }
  }

  private async carryOut(taken: StoredOperation, lease: Lease): Promise<void> {
    const { clock } = this.options;
    let now: StoredOperation | null = taken;
    if (taken.status === "pending") now = await lease.step({ status: "running", startedAt: clock.now() });
    if (now !== null && now.total === null && now.status !== "aborting") {
      const total = await this.count(now, lease);
      if (total !== null) now = await lease.step({ total });
    }
    while (now !== null && !lease.lost) {
      if (now.status === "aborting") return void (await lease.step({ status: "aborted", finishedAt: clock.now() }, 0));
      if (this.looker.isClosed) return void (await lease.step({}, 0));
      const began = clock.monotonic();
      const page = await chosenRuns(this.options, now.request, now.cursor, BATCH);
      const { isWhole, ...counted } = await this.batch(now, page.runs, lease);
      if (lease.lost) return;
      if (!isWhole) {
        // Of a batch that was left nothing is counted, for it is done again; of one that was stopped, all that was done.
        now = await lease.step(lease.isAborting ? counted : {});
        continue;
      }
      const isLast = page.nextCursor === null;
      now = await lease.step(
        {
          ...counted,
          cursor: page.nextCursor,
          ...(isLast
            ? { status: "succeeded", finishedAt: clock.now(), skipped: leftOver(now, counted) }
            : { status: "running" }),
        },
        isLast ? 0 : LEASE_MS,
      );
      if (isLast) return;
      await this.pause(began + (page.runs.length * 1000) / taken.request.rate!, lease);
    }
  }

  /** Null: it is to be stopped first. */
  private async count({ request }: StoredOperation, lease: Lease): Promise<number | null> {
    let total = 0;
    for (let cursor: string | null = null; ;) {
      const page = await chosenRuns(this.options, request, cursor, COUNT_PAGE);
      total += page.runs.length;
      cursor = page.nextCursor;
      if (cursor === null) return total;
      if (this.looker.isClosed || lease.lost || lease.isAborting) return null;
    }
  }

  private async batch(operation: StoredOperation, runs: readonly string[], lease: Lease): Promise<Counted> {
    const errors: OperationError[] = [...operation.errors];
    let { done, failed, skipped } = operation;
    const queue = [...runs];
    const isOver = (): boolean => this.looker.isClosed || lease.lost || lease.isAborting;
    const work = async (): Promise<void> => {
      while (queue.length > 0 && !isOver()) {
        const run = queue.shift()!;
        try {
          if ((await doItem(this.options, operation, run, isOver)) === "done") done += 1;
          else skipped += 1;
        } catch (error) {
          failed += 1;
          const { code, message } = failureOf(error);
          if (errors.length < ERRORS_MAX) errors.push({ run, code, message });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return { isWhole: queue.length === 0, done, failed, skipped, errors };
  }

  /** Until a time, or until there is a reason to look up. */
  private async pause(until: number, lease: Lease): Promise<void> {
    const { clock } = this.options;
    for (;;) {
      const left = until - clock.monotonic();
      if (left <= 0 || this.looker.isClosed || lease.lost || lease.isAborting) return;
      await new Promise<void>((resolve) => void clock.after(Math.min(left, NAP_MS), resolve));
    }
  }
}

interface Counted extends Required<Pick<OperationStep, "done" | "failed" | "skipped" | "errors">> {
  /** Every run of the batch had its turn. */
  readonly isWhole: boolean;
}

/** Runs that were counted, and were no longer what the filter asks for when their page was read. */
function leftOver(
  { total }: StoredOperation,
  { done, failed, skipped }: { readonly done: number; readonly failed: number; readonly skipped: number },
): number {
  return total === null ? skipped : Math.max(skipped, total - done - failed);
}

/** The lease of one operation, held on to while a batch takes its time. */
class Lease {
  lost = false;
  /** Somebody has asked for the end, as far as the last step saw. */
  isAborting = false;
  private readonly options: RunnerOptions;
  private readonly id: string;
  private readonly holder: string;
  private cancel: (() => void) | null = null;
  private holding: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: RunnerOptions, id: string, holder: string) {
    this.options = options;
    this.id = id;
    this.holder = holder;
    this.arm();
  }

  async step(step: OperationStep, leaseMs = LEASE_MS): Promise<StoredOperation | null> {
    // One statement at a time: a hold that comes late would take back what letting go has said.
    await this.holding;
    const stored = await this.options.table.step(this.id, this.holder, step, leaseMs);
    if (stored === null) this.lost = true;
    this.isAborting = stored?.status === "aborting";
    if (leaseMs === 0) this.end();
    return stored;
  }

  async close(): Promise<void> {
    this.end();
    await this.holding;
  }

  private end(): void {
    this.closed = true;
    this.cancel?.();
  }

  private arm(): void {
    this.cancel = this.options.clock.after(HOLD_MS, () => {
      this.holding = this.hold();
    });
  }

  private async hold(): Promise<void> {
    try {
      const stored = await this.options.table.step(this.id, this.holder, {}, LEASE_MS);
      if (stored === null) this.lost = true;
      this.isAborting = stored?.status === "aborting";
    } catch {
      // Where the database does not answer the next step says so, and another process takes over.
    }
    if (!this.closed && !this.lost) this.arm();
  }
}
