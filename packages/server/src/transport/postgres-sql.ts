import { hash } from "node:crypto";

/** Messages that were put aside and are kept; the oldest go first. */
export const ASIDE_MAX = 10_000;

/** The channel of NOTIFY for the tickets of one schema. Its name must be short, whatever the schema's. */
export function bellChannel(schema: string): string {
  return `weft_ticket_${hash("sha256", schema).slice(0, 16)}`;
}

/**
 * `due_at`: when the message may be handed out: at once, after a pause, or when its holder is not heard of any more.
 * The index holds them in that order, so taking costs the same whatever waits, is held or pauses.
 */
export function ticketStatements(schema: string): Readonly<Record<Statement, string>> {
  const quoted = `"${schema.replaceAll('"', '""')}"`;
  return Object.fromEntries(
    Object.entries(STATEMENTS).map(([name, text]) => [
      name,
      text.replaceAll("%S", quoted).replaceAll("%T", `${quoted}.ticket`),
    ]),
  ) as Record<Statement, string>;
}

type Statement = keyof typeof STATEMENTS;

const STATEMENTS = {
  // Two processes that make the same table at once would meet in the catalogue: one goes first.
  make: `
    select pg_advisory_xact_lock(hashtext('weft tickets'));
    create schema if not exists %S;
    create unlogged table if not exists %T (
      place bigint generated always as identity primary key,
      pool text not null, rank smallint not null, due_at timestamptz not null default now(),
      tries smallint not null default 0, body text not null
    ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
    create index if not exists ticket_due on %T (pool, rank, due_at, place);
    create unlogged table if not exists %S.ticket_aside (
      place bigint primary key, pool text not null, reason text not null, body text not null,
      at timestamptz not null default now()
    )`,
  put: `
    with added as (
      insert into %T (pool, rank, body) select * from unnest($1::text[], $2::smallint[], $3::text[])
    )
    select pg_notify($4, pool) from unnest($5::text[]) as pool`,
  // Of each class the first $2, locked; of these the first $2 by the turns of the classes (see turns.ts).
  take: `
    with near as (
      select place, rank, ($3::float8[])[rank + 1] + (number - 1) * ($4::float8[])[rank + 1] as turn
      from generate_series(0, 3) as classes(rank) cross join lateral (
        select place, row_number() over () as number from (
          select place from %T as waiting
          where waiting.pool = $1 and waiting.rank = classes.rank and due_at <= now()
          order by due_at, place limit $2 for update skip locked
        ) as locked
      ) as first
    ),
    chosen as (select place from near order by turn, rank limit $2)
    update %T as taken set due_at = clock_timestamp() + $5 * interval '1 ms', tries = least(taken.tries + 1, 30000)
    from chosen where taken.place = chosen.place
    returning taken.place, taken.rank, taken.tries - 1 as tries, taken.body`,
  waiting: `
    select pool from unnest($1::text[]) as asked(pool) where exists (
      select from %T as one where one.pool = asked.pool and one.rank = any('{0,1,2,3}'::smallint[]) and one.due_at <= now())`,
  done: "delete from %T where place = any($1::bigint[])",
  later: `
    update %T as held set due_at = clock_timestamp() + pause.ms * interval '1 ms'
    from unnest($1::bigint[], $2::float8[]) as pause(place, ms) where held.place = pause.place`,
  keep: `
    update %T set due_at = clock_timestamp() + $2 * interval '1 ms' where place = any($1::bigint[])`,
  putAside: `
    with bad as (delete from %T where place = $1 returning place, pool, body),
    old as (delete from %S.ticket_aside where place <= $1 - ${ASIDE_MAX})
    insert into %S.ticket_aside (place, pool, reason, body) select place, pool, $2, body from bad
    on conflict do nothing`,
  depth: "select count(*) as depth from %T where pool = $1",
};
