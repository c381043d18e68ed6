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

/** Runs are found by their key and judged then: by owner and key at once the planner may read all that the owner has. */
const OWN = `
select inbox.run_key, inbox.input_id, inbox.body, inbox.place from inbox, lateral (
  select owner, finished_at from run where run.run_key = inbox.run_key offset 0) as run
where run.owner = $1 and run.finished_at is null`;
export const READ = `${OWN} order by inbox.place limit $2`;

/** The same behind $3. Rows that are gone stay in the way of who reads from the first one until the table is cleaned. */
export const READ_LATELY = `${OWN} and inbox.place > $3 order by inbox.place limit $2`;

/** Places are given before rows can be seen: one that came behind others is looked for again for so long. */
const LATELY_MS = 100;

interface PutRow {
  readonly at: number;
  readonly run_key: number | null;
  readonly finished: boolean;
  readonly put: boolean;
}

interface InputRow {
  readonly run_key: number;
  readonly input_id: string;
  readonly body: string;
  readonly place: number;
}

const isNameable = ({ tenant, runId }: OfferedInput): boolean => isText(tenant) && isText(runId);

/** Inputs that wait for the run's owner. */
export class PostgresInbox {
  private readonly pool: PostgresPool;
  private readonly channel: string;
  private readonly rowBytesMax: number;
  /** Of the looks of one member: the last place that each has seen, and when, oldest first. */
  private seen: { readonly member: number; readonly looks: { readonly at: number; readonly place: number }[] } | null =
    null;

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
    return inputsOf(await this.pool.query<InputRow>({ name: "inbox", text: READ, values: [member, limit] }));
  }

  /** See `Journal.inboxLately`. */
  async readLately(member: number, limit: number): Promise<readonly StoredInput[]> {
    if (this.seen?.member !== member) this.seen = { member, looks: [] };
    const { looks } = this.seen;
    const at = performance.now();
    while (looks.length > 1 && looks[1]!.at <= at - LATELY_MS) looks.shift();
    const [first] = looks;
    const after = first && first.at <= at - LATELY_MS ? first.place : 0;
    const values = [member, limit, after];
    const rows = await this.pool.query<InputRow>({ name: "inbox_lately", text: READ_LATELY, values });
    const place = rows.at(-1)?.place;
    if (place !== undefined && place > (looks.at(-1)?.place ?? 0)) looks.push({ at, place });
    return inputsOf(rows);
  }
}

function inputsOf(rows: readonly InputRow[]): readonly StoredInput[] {
  return rows.map(({ run_key, input_id, body }) => ({ runKey: run_key, inputId: input_id, body }));
}
