import type { PoolClient } from "pg";
import type { OfferedInput, OfferResult, StoredInput } from "./journal.ts";
import { texts } from "./postgres-arrays.ts";
import { runByItsId } from "./postgres-heads.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { run } from "./postgres-pool.ts";
import { checkInputs, isText } from "./rules.ts";

/**
 * Whether a run has an owner is asked of the locked row: the statement's own snapshot may be older than a release.
 *
 * Locks the runs (so that a release or an end is either before or after), stores the inputs, makes runs without an owner
 * due, and tells the owners of the others.
 */
export const PUT = `
with asked as materialized (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
    with ordinality as asked (tenant, id, input_id, body, at)
),
named as materialized (
  select distinct run.run_key from asked, lateral (
    ${runByItsId("run_key")}) as run
),
found as materialized (
  select run.* from (select run_key from named order by run_key) as named, lateral (
    select run_key, tenant, id, owner, finished_at from run where run.run_key = named.run_key
    for no key update offset 0) as run
),
put as (
  insert into inbox (run_key, input_id, body)
  select run_key, input_id, body from asked join found using (tenant, id) where finished_at is null order by at
  on conflict do nothing
  returning run_key, input_id
),
woken as (
  update run set available_at = least(coalesce(run.available_at, now_ms()), now_ms())
  where run.run_key = any (array(select run_key from put join found using (run_key) where found.owner is null))
)
select asked.at::int4, found.run_key, found.finished_at is not null as finished, put.run_key is not null as put,
  case when put.run_key is not null and found.owner is not null then pg_notify($5, found.owner::text) end as told
from asked left join found using (tenant, id) left join put using (run_key, input_id) order by asked.at`;

export const READ = `
select inbox.run_key, inbox.input_id, inbox.body from inbox, lateral (
  select from run where run.run_key = inbox.run_key and run.owner = $1 and run.finished_at is null offset 0) as run
order by inbox.place limit $2`;

interface PutRow {
  readonly at: number;
  readonly run_key: number | null;
  readonly finished: boolean;
  readonly put: boolean;
}

const isNameable = ({ tenant, runId }: OfferedInput): boolean => isText(tenant) && isText(runId);

/** Inputs that wait for the run's owner. */
export class PostgresInbox {
  private readonly pool: PostgresPool;
  private readonly channel: string;
  private readonly rowBytesMax: number;

  constructor(pool: PostgresPool, channel: string, rowBytesMax: number) {
    this.pool = pool;
    this.channel = channel;
    this.rowBytesMax = rowBytesMax;
  }

  async offer(inputs: readonly OfferedInput[]): Promise<readonly OfferResult[]> {
    checkInputs(inputs, this.rowBytesMax);
    const nameable = inputs.filter(isNameable);
    const results = [...(await this.pool.use((client) => this.put(client, nameable)))];
    return inputs.map((input) => (isNameable(input) ? results.shift()! : "not_found"));
  }

  async put(client: PoolClient, inputs: readonly OfferedInput[]): Promise<readonly OfferResult[]> {
    if (inputs.length === 0) return [];
    const values = [
      texts(inputs.map(({ tenant }) => tenant)),
      texts(inputs.map(({ runId }) => runId)),
      texts(inputs.map(({ inputId }) => inputId)),
      texts(inputs.map(({ body }) => body)),
      this.channel,
    ];
    const rows = await run<PutRow>(client, { name: "offer", text: PUT, values });
    const answered = new Set<string>();
    return rows.map(({ run_key, finished, put }, index) => {
      if (run_key === null) return "not_found";
      if (finished) return "finished";
      // One input given twice in a list is put once: the first of them.
      const name = `${run_key} ${inputs[index]!.inputId}`;
      const first = !answered.has(name);
      answered.add(name);
      return put && first ? "offered" : "duplicate";
    });
  }

  async read(member: number, limit: number): Promise<readonly StoredInput[]> {
    const rows = await this.pool.query<{ run_key: number; input_id: string; body: string }>({
      name: "inbox",
      text: READ,
      values: [member, limit],
    });
    return rows.map(({ run_key, input_id, body }) => ({ runKey: run_key, inputId: input_id, body }));
  }
}
