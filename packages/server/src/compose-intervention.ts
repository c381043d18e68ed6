import type { SqlClock } from "./db/database-clock.ts";
import type { Database } from "./db/database.ts";
import { DeadLetterTable } from "./intervention/dead-letter-table.ts";
import { DeadLetters } from "./intervention/dead-letters.ts";
import { OperationTable } from "./intervention/operation-table.ts";
import { Operations } from "./intervention/operations.ts";
import type { Journal } from "./journal/journal.ts";
import type { Clock } from "./runtime/clock.ts";
import type { EngineOptions } from "./runtime/engine.ts";
import { Recurring } from "./runtime/recurring.ts";
import type { Runs } from "./runtime/runs.ts";

export interface InterventionOptions {
  readonly database: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  /** The clock that all processes on the database share. */
  readonly sqlClock: SqlClock;
  readonly tenant: string;
  /** Nothing is written: for a look at what is stored. */
  readonly reading: boolean;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

/** What lets an operator step in. The engine is told of before there is one: it tells of runs that take over. */
export interface Intervention {
  readonly tookOver: NonNullable<EngineOptions["tookOver"]>;
  open(runs: Runs): OpenIntervention;
}

export interface OpenIntervention {
  readonly deadLetters: DeadLetters;
  readonly operations: Operations;
  start(): void;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const TIDY_MS = DAY_MS / 4;
/** How long operations that have ended are kept. */
const OPERATIONS_KEPT_MS = 30 * DAY_MS;

export function openIntervention(options: InterventionOptions): Intervention {
  const { database, journal, clock, sqlClock, tenant, reading, problem } = options;
  const letters = new DeadLetterTable(database, tenant, () => clock.now());
  const table = new OperationTable(database, tenant, sqlClock);
  return {
    // The run has begun: an entry that points to it late is no reason to refuse it.
    tookOver: async (failed, by, key) => {
      await letters
        .noteRetry(failed, by, key)
        .catch((error: unknown) => problem("its retry could not be noted", failed, error));
    },
    open(runs) {
      const deadLetters = new DeadLetters({ journal, table: letters, runs, tenant, reading });
      const operations = new Operations({
        journal,
        table,
        runs,
        deadLetters,
        clock,
        tenant,
        problem: (message, error) => problem(message, "", error),
      });
      // Deleting what is gone twice is harmless, so every process may do it.
      const tidying = new Recurring({
        clock,
        firstMs: TIDY_MS,
        everyMs: TIDY_MS,
        work: async () => {
          await deadLetters.sweep(clock.now() - DAY_MS);
          await table.prune(clock.now() - OPERATIONS_KEPT_MS);
        },
        failed: (error) => problem("settled dead letters could not be tidied up; trying again later", "", error),
      });
      return {
        deadLetters,
        operations,
        start() {
          operations.start();
          tidying.start();
        },
        async close() {
          await Promise.all([operations.close(), tidying.close()]);
        },
      };
    },
  };
}
