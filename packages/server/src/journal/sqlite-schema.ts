import type { DatabaseSync } from "node:sqlite";
import { AppError } from "@weftwork/core";

/**
 * The tables of the SQLite journal, as numbered steps. `user_version` is the number of the last step taken.
 *
 * Q1. Steps are only ever added. One that has been published is never changed; `schema.sqlite.sql` is what they make.
 * Q2. No indexed column is written between a run's first and last row: `finished_at` takes it out of `run_free` and
 *     `run_open`, and only a change of owner moves it within.
 * Q3. Rows lie in the order of writing, with a unique index on their place. A table clustered by run
 *     was measured and rejected: it dirties a page a run, and costs up to 2.5 times as much.
 */
export const SQLITE_MIGRATIONS: readonly string[] = [
  `
  create table meta (name text primary key, value integer not null) strict, without rowid;
  insert into meta (name, value) values ('next_key', 1);

  create table worker (
    worker_key integer primary key autoincrement,
    name text not null, incarnation text not null, pid integer not null, joined_at integer not null, left_at integer
  ) strict;

  create table run (
    run_key integer primary key,
    tenant text not null, id text not null,
    workflow text not null, version text not null, version_hash text not null,
    rank integer not null, metadata text not null, created_at integer not null, fingerprint text not null,
    idempotency_key text, slotted integer not null,
    status text not null, started_at integer, finished_at integer, error_code text, last_seq integer,
    available_at integer, epoch integer not null, owner integer, crash_count integer not null
  ) strict;
  create unique index run_id on run (tenant, id);
  create index run_created on run (tenant, created_at);
  create index run_workflow on run (tenant, workflow, created_at);
  create index run_open on run (tenant, created_at) where finished_at is null;
  create index run_bad on run (tenant, created_at) where status in ('failed', 'cancelled');
  create index run_free on run (owner, rank, available_at) where finished_at is null;

  create table entry (
    run_key integer not null, seq integer not null, epoch integer not null, crc integer not null, body text not null
  ) strict;
  create unique index entry_place on entry (run_key, seq);

  create table snapshot (run_key integer primary key, seq integer not null, crc integer not null, body text not null) strict;

  create table submission (
    tenant text not null, key text not null, run_key integer not null, fingerprint text not null, expires_at integer not null,
    primary key (tenant, key)
  ) strict, without rowid;

  create table inbox (
    place integer primary key, run_key integer not null, input_id text not null, body text not null
  ) strict;
  create unique index inbox_input on inbox (run_key, input_id);

  create table slot (
    place integer primary key, run_key integer not null, lane text not null,
    held integer not null, leaving integer not null, lane_limit integer not null
  ) strict;
  create unique index slot_run on slot (run_key);
  create index slot_lane on slot (lane, held, place);

  create table payload (
    payload_key integer primary key,
    tenant text not null, hash text not null, size integer not null, bytes blob, orphaned_at integer
  ) strict;
  create unique index payload_hash on payload (tenant, hash);
  create index payload_orphan on payload (orphaned_at) where orphaned_at is not null;

  create table payload_name (
    run_key integer not null, payload_key integer not null, primary key (run_key, payload_key)
  ) strict, without rowid;
  create index payload_name_payload on payload_name (payload_key);

  create table counter (
    tenant text primary key,
    submitted integer not null, succeeded integer not null, failed integer not null, cancelled integer not null
  ) strict, without rowid;
  `,
];

/** Takes the steps that the store has not had yet, up to `upTo`. Refuses one that a newer version has written. */
export function migrateSqlite(db: DatabaseSync, upTo = SQLITE_MIGRATIONS.length): void {
  const known = SQLITE_MIGRATIONS.length;
  const found = Number(db.prepare("pragma user_version").get()!["user_version"]);
  if (found > known) throw new AppError("STORE_VERSION", { found, known });
  for (let step = found; step < upTo; step++) {
    db.exec("begin immediate");
    try {
      db.exec(SQLITE_MIGRATIONS[step]!);
      db.exec(`pragma user_version = ${step + 1}`);
      db.exec("commit");
    } catch (error) {
      db.exec("rollback");
      throw error;
    }
  }
}

/** The schema as text, the same for the same tables however they came to be. */
export function dumpSqliteSchema(db: DatabaseSync): string {
  const rows = db
    .prepare(
      "select sql from sqlite_master where sql is not null and name not like 'sqlite_%' order by type desc, name",
    )
    .all();
  const version = Number(db.prepare("pragma user_version").get()!["user_version"]);
  const statements = rows.map(({ sql }) => `${String(sql).replaceAll(/\s+/g, " ")};\n`);
  return `-- Version ${version}. Made by the schema test from the migrations; do not edit.\n${statements.join("")}`;
}
