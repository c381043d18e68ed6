import type { JsonObject } from "@weftwork/core";
import type { RunHead, RunStatus } from "./journal.ts";
import { priorityOf } from "./rules.ts";

/** Columns of a head, for a table or an alias named `run`. */
export const HEAD_COLUMNS = `run.run_key, run.tenant, run.id, run.workflow, run.version, run.version_hash, run.status,
  run.rank, run.metadata, run.created_at, run.started_at, run.finished_at, run.available_at, run.error_code, run.epoch,
  run.fingerprint, run.crash_count`;

/**
 * The run that `asked` names by tenant and id, for a lateral join. A range in the order of `run_id`: where the table was
 * empty when the statement was planned, every index that begins with the tenant would look as good, and be read whole.
 */
export const runByItsId = (columns: string): string => `
  select ${columns} from run
  where (run.tenant, run.id) >= (asked.tenant, asked.id) and (run.tenant, run.id) <= (asked.tenant, asked.id)
  order by run.tenant, run.id limit 1`;

export interface HeadRow {
  readonly run_key: number;
  readonly tenant: string;
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  readonly version_hash: string;
  readonly status: RunStatus;
  readonly rank: number;
  readonly metadata: string;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly available_at: number | null;
  readonly error_code: string | null;
  readonly epoch: number;
  readonly fingerprint: string;
  readonly crash_count: number;
}

export function headOf(row: HeadRow): RunHead {
  return {
    runKey: row.run_key,
    tenant: row.tenant,
    id: row.id,
    workflow: row.workflow,
    version: row.version,
    versionHash: row.version_hash,
    status: row.status,
    priority: priorityOf(row.rank),
    metadata: JSON.parse(row.metadata) as JsonObject,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    availableAt: row.available_at,
    errorCode: row.error_code,
    epoch: row.epoch,
    fingerprint: row.fingerprint,
    crashCount: row.crash_count,
  };
}
