import type { PoolClient } from "pg";
import type { Append, Verdict } from "./journal.ts";
import { integers, texts } from "./postgres-arrays.ts";
import type { HeadRow } from "./postgres-heads.ts";
import { HEAD_COLUMNS, headOf, runByItsId } from "./postgres-heads.ts";
import { run } from "./postgres-pool.ts";
import { committed, FENCED, refused } from "./rules.ts";

/** `again`: nothing explains why the row was not stored, so it may be now. `slotted`: its end sets a slot free. */
export type Judgement = Verdict | "again" | "slotted";

const MEMBER_IS_LIVE = `
select 1 as live from worker where worker_key = $1 and state = 0 and lease_until > now_ms()`;

/** One look by key for each row. */
export const RUNS = `
select ${HEAD_COLUMNS}, run.owner, run.slotted, slot.held, entry.body, entry.epoch as entry_epoch,
  (select max(seq) from entry where entry.run_day = run.run_day and entry.run_key = run.run_key) as last_seq
from unnest($1::int8[], $2::int4[]) as asked (run_key, seq)
  join lateral (select * from run where run.run_key = asked.run_key offset 0) as run on true
  left join lateral (select held from slot where slot.run_key = asked.run_key offset 0) as slot on true
  left join lateral (
    select body, epoch from entry
    where entry.run_day = run.run_day and entry.run_key = asked.run_key and entry.seq = asked.seq offset 0
  ) as entry on true`;

export const BY_KEY = `
select submission.key, submission.key_fingerprint, ${HEAD_COLUMNS}
from unnest($1::text[], $2::text[]) as asked (tenant, key), lateral (
  select run_key, key, fingerprint as key_fingerprint from submission
  where submission.tenant = asked.tenant and submission.key = asked.key and expires_at > now_ms() offset 0
) as submission, lateral (select * from run where run.run_key = submission.run_key offset 0) as run`;

export const BY_ID = `
select ${HEAD_COLUMNS} from unnest($1::text[], $2::text[]) as asked (tenant, id), lateral (
  ${runByItsId("*")}) as run`;

interface RunRow extends HeadRow {
  readonly owner: number | null;
  readonly slotted: boolean;
  readonly held: boolean | null;
  readonly body: Buffer | null;
  readonly entry_epoch: number | null;
  readonly last_seq: number | null;
}
interface KeyRow extends HeadRow {
  readonly key: string;
  readonly key_fingerprint: string;
}

const nameOf = (tenant: string, name: string): string => JSON.stringify([tenant, name]);

/**
 * Says why rows were not stored. Runs after the flush, in its own snapshot, and only for such rows: a row that is stored
 * never pays for it. At most one row a run.
 */
export async function judge(
  client: PoolClient,
  member: number,
  rows: readonly Append[],
): Promise<readonly Judgement[]> {
  const live = await run(client, { name: "member_is_live", text: MEMBER_IS_LIVE, values: [member] });
  if (live.length === 0) return rows.map(() => FENCED);
  const keys = [integers(rows.map(({ runKey }) => runKey)), integers(rows.map(({ seq }) => seq))];
  const found = await run<RunRow>(client, { name: "judge_runs", text: RUNS, values: keys });
  const byRun = new Map(found.map((row) => [row.run_key, row]));
  const unknown = rows.filter(({ create, runKey }) => create && !byRun.has(runKey));
  const byKey = new Map<string, KeyRow>();
  const byId = new Map<string, HeadRow>();
  if (unknown.length > 0) {
    const tenants = texts(unknown.map(({ tenant }) => tenant));
    const submitted = texts(unknown.map(({ create }) => create!.idempotency?.key));
    const ids = texts(unknown.map(({ create }) => create!.id));
    for (const row of await run<KeyRow>(client, { name: "judge_keys", text: BY_KEY, values: [tenants, submitted] })) {
      byKey.set(nameOf(row.tenant, row.key), row);
    }
    for (const row of await run<HeadRow>(client, { name: "judge_ids", text: BY_ID, values: [tenants, ids] })) {
      byId.set(nameOf(row.tenant, row.id), row);
    }
  }
  return rows.map((append) => {
    const row = byRun.get(append.runKey);
    if (!append.create) return judgeRow(member, append, row);
    return row ? judgeRepeat(append, row) : judgeCreation(append, byKey, byId);
  });
}

function judgeRow(member: number, append: Append, row: RunRow | undefined): Judgement {
  if (!row || row.tenant !== append.tenant) return refused("RUN_NOT_FOUND", { run: append.runKey });
  if (row.owner !== member || row.epoch !== append.epoch) return FENCED;
  if (row.body) return isSame(append, row) ? committed() : FENCED;
  const expected = (row.last_seq ?? 0) + 1;
  if (append.seq > expected) return refused("RUN_CONFLICT", { run: append.runKey, expected, found: append.seq });
  if (row.finished_at !== null) return FENCED;
  return row.slotted && append.change?.finishedAt !== undefined ? "slotted" : "again";
}

/** A creation whose run is there under its own key: the same one sent again, or nothing of ours. */
function judgeRepeat(append: Append, row: RunRow): Judgement {
  const create = append.create!;
  if (row.tenant !== append.tenant || row.id !== create.id || row.body?.toString() !== append.body) return FENCED;
  if (row.epoch !== append.epoch) return { type: "exists", head: headOf(row) };
  return committed(create.slot && (row.held === false ? "queued" : "granted"));
}

function judgeCreation(
  append: Append,
  byKey: ReadonlyMap<string, KeyRow>,
  byId: ReadonlyMap<string, HeadRow>,
): Judgement {
  const { tenant } = append;
  const { id, idempotency, fingerprint } = append.create!;
  const submission = idempotency && byKey.get(nameOf(tenant, idempotency.key));
  if (submission) {
    return submission.key_fingerprint === idempotency.fingerprint
      ? { type: "exists", head: headOf(submission) }
      : refused("RUN_ID_TAKEN", { run: submission.id });
  }
  const sameId = byId.get(nameOf(tenant, id));
  if (!sameId) return "again";
  return sameId.fingerprint === fingerprint
    ? { type: "exists", head: headOf(sameId) }
    : refused("RUN_ID_TAKEN", { run: id });
}

function isSame(append: Append, row: RunRow): boolean {
  return row.entry_epoch === append.epoch && row.body!.toString() === append.body;
}
