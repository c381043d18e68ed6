import pg from "pg";
import { Bytes, integers, texts } from "../../packages/server/src/journal/postgres-arrays.ts";
import { connectionConfig } from "../../packages/server/src/journal/postgres-pool.ts";
import { migratePostgres } from "../../packages/server/src/journal/postgres-schema.ts";
import type { FloorRow, FloorStore } from "./group-commit.ts";

const SCHEMA = "weft";
const LANES = 2;
const DAY_MS = 86_400_000;

/**
 * `pg` by hand, on the engine's tables with the engine's settings: one statement, so one round trip, a flush; rows of
 * many runs in each. No fence, no look whether a row fits: what is written is believed.
 */
export async function postgresFloor(url: string): Promise<FloorStore> {
  const config = connectionConfig({
    url,
    schema: SCHEMA,
    size: LANES,
    statementTimeoutMs: 15_000,
    applicationName: "weft-bench-floor",
  });
  const clients = Array.from({ length: LANES }, () => new pg.Client(config));
  await Promise.all(clients.map((client) => client.connect()));
  await migratePostgres(clients[0]!, SCHEMA);
  return {
    lanes: LANES,
    async write(rows, lane) {
      const made = rows.filter(({ shape }) => shape.first);
      const ended = rows.filter(({ shape }) => shape.last && !shape.first);
      const { name, text } = statement(made.length > 0, ended.length > 0);
      await clients[lane]!.query({ name, text, values: values(rows, made, ended, lane) });
    },
    close: async () => void (await Promise.all(clients.map((client) => client.end()))),
  };
}

const PLAN_HASH = "0".repeat(64);
const MADE = `
made as (
  insert into run (run_key, run_day, tenant, id, workflow, version, version_hash, rank, metadata, created_at, fingerprint,
    idempotency_key, slotted, status, started_at, finished_at, error_code, available_at, epoch, owner, crash_count)
  select key, (at / ${DAY_MS})::int4, 'default', id, 'bench', '1', '${PLAN_HASH}', 1, '{}', at, '', null, false,
    case when finished_at is null then 'running' else 'succeeded' end, at, finished_at, null, null, 1, 1, 0
  from unnest($6::int8[], $7::text[], $8::int8[], $9::int8[]) as made (key, id, at, finished_at)
)`;
const ENDED = `
ended as (
  update run set status = 'succeeded', finished_at = given.at
  from unnest($10::int8[], $11::int8[]) as given (key, at) where run.run_key = given.key
)`;
const COUNTED = `
counted as (
  insert into counter (tenant, shard, submitted, succeeded, failed, cancelled) values ('default', $12, $13, $14, 0, 0)
  on conflict (tenant, shard) do update
    set submitted = counter.submitted + excluded.submitted, succeeded = counter.succeeded + excluded.succeeded
)`;
const ENTRIES = `
insert into entry (run_day, run_key, seq, epoch, body)
select day, key, seq, 1, substring($5::bytea from body_from for body_length)
from unnest($1::int4[], $2::int8[], $3::int4[], $4::int4[], $15::int4[]) as given (day, key, seq, body_from, body_length)`;

/** The parts that a flush needs; parameters of the others are not there, so the numbers are given anew. */
function statement(made: boolean, ended: boolean): { readonly name: string; readonly text: string } {
  const parts = [...(made ? [MADE] : []), ...(ended ? [ENDED] : []), ...(made || ended ? [COUNTED] : [])];
  const text = (parts.length > 0 ? `with ${parts.join(",")}` : "") + ENTRIES;
  const numbers = parameters(made, ended);
  return {
    name: `floor_${Number(made)}${Number(ended)}`,
    text: text.replaceAll(/\$(\d+)/g, (_, number: string) => `$${numbers.indexOf(Number(number)) + 1}`),
  };
}

function parameters(made: boolean, ended: boolean): readonly number[] {
  return [
    1,
    2,
    3,
    4,
    15,
    5,
    ...(made ? [6, 7, 8, 9] : []),
    ...(ended ? [10, 11] : []),
    ...(made || ended ? [12, 13, 14] : []),
  ];
}

function values(
  rows: readonly FloorRow[],
  made: readonly FloorRow[],
  ended: readonly FloorRow[],
  lane: number,
): unknown[] {
  const bodies = new Bytes();
  for (const { shape } of rows) bodies.add(shape.body);
  const given: unknown[] = [
    integers(rows.map(({ at }) => Math.floor(at / DAY_MS))),
    integers(rows.map(({ key }) => key)),
    integers(rows.map(({ seq }) => seq)),
    integers(bodies.from),
    integers(bodies.length),
    bodies.whole(),
  ];
  if (made.length > 0) {
    const times = made.map(({ at }) => at);
    const ends = made.map(({ at, shape }) => (shape.last ? at : null));
    given.push(integers(made.map(({ key }) => key)), texts(made.map(({ id }) => id)), integers(times), integers(ends));
  }
  if (ended.length > 0) given.push(integers(ended.map(({ key }) => key)), integers(ended.map(({ at }) => at)));
  if (made.length + ended.length > 0)
    given.push(lane, made.length, ended.length + made.filter(({ shape }) => shape.last).length);
  return given;
}
