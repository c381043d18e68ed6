import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { migrateSqlite } from "../../packages/server/src/journal/sqlite-schema.ts";
import type { FloorRow, FloorStore } from "./group-commit.ts";

/**
 * `node:sqlite` by hand, on the engine's tables with the engine's settings. On the calling thread: it has
 * nothing else to do meanwhile, so a thread of its own would only add the way there and back.
 */
export function sqliteFloor(folder: string): FloorStore {
  const db = new DatabaseSync(join(folder, "journal.db"));
  db.exec(`
    pragma journal_mode = wal; pragma synchronous = full; pragma fullfsync = on; pragma foreign_keys = off;
    pragma cache_size = -65536; pragma temp_store = memory;
    pragma wal_autocheckpoint = 2000; pragma journal_size_limit = 67108864;`);
  migrateSqlite(db);
  const begin = db.prepare("begin immediate");
  const commit = db.prepare("commit");
  const insertRun = db.prepare(`
    insert into run (run_key, tenant, id, workflow, version, version_hash, rank, metadata, created_at, fingerprint,
      idempotency_key, slotted, status, started_at, finished_at, error_code, available_at, epoch, owner, crash_count)
    values (?, 'default', ?, 'bench', '1', ?, 1, '{}', ?, '', null, 0, ?, ?, ?, null, null, 1, 1, 0)`);
  const insertEntry = db.prepare("insert into entry (run_key, seq, epoch, crc, body) values (?, ?, 1, 0, ?)");
  const finish = db.prepare("update run set status = 'succeeded', finished_at = ? where run_key = ?");
  const count = db.prepare(`
    insert into counter (tenant, submitted, succeeded, failed, cancelled) values ('default', ?, ?, 0, 0)
    on conflict (tenant) do update set submitted = submitted + excluded.submitted, succeeded = succeeded + excluded.succeeded`);
  const planHash = "0".repeat(64);
  return {
    lanes: 1,
    write(rows: readonly FloorRow[]) {
      let [made, ended] = [0, 0];
      begin.run();
      for (const { key, id, at, seq, shape } of rows) {
        const { first, last, body } = shape;
        if (first) insertRun.run(key, id, planHash, at, last ? "succeeded" : "running", at, last ? at : null);
        else if (last) finish.run(at, key);
        insertEntry.run(key, seq, body);
        if (first) made += 1;
        if (last) ended += 1;
      }
      if (made + ended > 0) count.run(made, ended);
      commit.run();
    },
    close: async () => db.close(),
  };
}
