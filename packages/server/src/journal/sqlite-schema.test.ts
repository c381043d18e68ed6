import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { dumpSqliteSchema, migrateSqlite, SQLITE_MIGRATIONS } from "./sqlite-schema.ts";

const DUMP = new URL("schema.sqlite.sql", import.meta.url);

test("the migrations make the schema that is written down", () => {
  const db = new DatabaseSync(":memory:");
  migrateSqlite(db);
  const dump = dumpSqliteSchema(db);
  if (process.env["WEFT_TEST_WRITE_SCHEMA"]) writeFileSync(DUMP, dump);
  expect(dump).toBe(readFileSync(DUMP, "utf8"));
});

test("every earlier version becomes the newest one", () => {
  const written = readFileSync(DUMP, "utf8");
  for (let version = 0; version <= SQLITE_MIGRATIONS.length; version++) {
    const db = new DatabaseSync(":memory:");
    migrateSqlite(db, version);
    migrateSqlite(db);
    migrateSqlite(db);
    expect(dumpSqliteSchema(db)).toBe(written);
  }
});

test("a store of a newer version is refused, unread", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(`pragma user_version = ${SQLITE_MIGRATIONS.length + 1}`);
  expect(() => migrateSqlite(db)).toThrow(expect.objectContaining({ code: "STORE_VERSION" }));
});

test("a step that fails leaves the version before it", () => {
  const db = new DatabaseSync(":memory:");
  db.exec("create table slot (x)");
  expect(() => migrateSqlite(db)).toThrow("table slot already exists");
  expect(db.prepare("pragma user_version").get()!["user_version"]).toBe(0);
  expect(db.prepare("select name from sqlite_master where type = 'table'").all()).toHaveLength(1);
});
