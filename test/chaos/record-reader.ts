import { decodeRow, type Decision } from "@weftwork/core";
import { Client } from "pg";
import type { Journal, RunHead, RunRecord } from "../../packages/server/src/journal/journal.ts";
import { exactNumbers } from "../../packages/server/src/db/postgres-numbers.ts";

export interface RecordedRow {
  readonly seq: number;
  readonly epoch: number;
  readonly body: string;
  readonly decisions: readonly Decision[];
}

/** A run as the tables have it. */
export interface RecordedRun {
  readonly key: number;
  readonly id: string;
  readonly tenant: string;
  readonly workflow: string;
  readonly status: string;
  readonly errorCode: string | null;
  readonly epoch: number;
  readonly isOwned: boolean;
  readonly hasEnded: boolean;
  readonly rows: readonly RecordedRow[];
  readonly snapshot: RunRecord["snapshot"];
}

/** What is left when nothing is under way: all of it must be nothing. */
export interface Leftovers {
  readonly tasks: number;
  readonly counted: number;
  readonly inbox: number;
  readonly slots: number;
}

/** The tables of the journal, read with statements of the checker's own: none of the engine's code is asked. */
export class RecordReader {
  private readonly client: Client;

  private constructor(client: Client) {
    this.client = client;
  }

  static async open(url: string): Promise<RecordReader> {
    const client = new Client({ connectionString: url, types: exactNumbers, options: "-c search_path=weft" });
    await client.connect();
    return new RecordReader(client);
  }

  async runs(): Promise<readonly RecordedRun[]> {
    const { rows: heads } = await this.client.query<{
      run_key: number;
      id: string;
      tenant: string;
      workflow: string;
      status: string;
      error_code: string | null;
      epoch: number;
      owner: number | null;
      finished_at: number | null;
    }>("select run_key, id, tenant, workflow, status, error_code, epoch, owner, finished_at from run order by run_key");
    const entries = await this.client.query<{ run_key: number; seq: number; epoch: number; body: Buffer }>(
      "select run_key, seq, epoch, body from entry order by run_key, seq",
    );
    const snapshots = await this.client.query<{ run_key: number; seq: number; body: Buffer }>(
      "select run_key, seq, body from snapshot",
    );
    const byRun = Map.groupBy(entries.rows, ({ run_key }) => run_key);
    const snapped = new Map(snapshots.rows.map((row) => [row.run_key, row]));
    return heads.map((head) => {
      const rows = (byRun.get(head.run_key) ?? []).map(({ seq, epoch, body }) => {
        const text = body.toString("utf8");
        return { seq, epoch, body: text, decisions: decodeRow(text) };
      });
      const snapshot = snapped.get(head.run_key);
      return {
        key: head.run_key,
        id: head.id,
        tenant: head.tenant,
        workflow: head.workflow,
        status: head.status,
        errorCode: head.error_code,
        epoch: head.epoch,
        isOwned: head.owner !== null,
        hasEnded: head.finished_at !== null,
        rows,
        snapshot: snapshot ? { seq: snapshot.seq, body: snapshot.body.toString("utf8") } : null,
      };
    });
  }

  async leftovers(): Promise<Leftovers> {
    const { rows } = await this.client.query<Leftovers>(`
      select (select count(*) from task)::int8 as tasks,
        (select coalesce(sum(abs(waiting) + abs(held)), 0) from (
          select sum(waiting) as waiting, sum(held) as held from task_count group by pool) as pools)::int8 as counted,
        (select count(*) from inbox)::int8 as inbox, (select count(*) from slot)::int8 as slots`);
    return rows[0]!;
  }

  /** Submitted, and ended in each way, by the counters that every flush keeps. */
  async counters(): Promise<{ readonly submitted: number; readonly ended: number }> {
    const { rows } = await this.client.query<{ submitted: number; ended: number }>(`
      select coalesce(sum(submitted), 0)::int8 as submitted,
        coalesce(sum(succeeded + failed + cancelled), 0)::int8 as ended from counter`);
    return rows[0]!;
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

/** One recorded run in the shape that the judge of the simulation reads. */
export function asJournal(run: RecordedRun): Pick<Journal, "read" | "head"> {
  return {
    read: async (_, options) => ({
      snapshot: options?.snapshot ? run.snapshot : null,
      rows: options?.snapshot ? run.rows.filter(({ seq }) => seq > (run.snapshot?.seq ?? 0)) : run.rows,
    }),
    head: async () => ({ status: run.status }) as RunHead,
  };
}
