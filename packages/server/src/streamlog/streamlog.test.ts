import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { memoryStreamLog } from "./memory.ts";
import { postgresStreamLog } from "./postgres.ts";
import { sqliteStreamLog } from "./sqlite.ts";
import { streamLogConformance } from "./streamlog.conformance.ts";
import { NO_PLACE, type StreamPiece } from "./streamlog.ts";

const folder = mkdtempSync(join(tmpdir(), "weft-stream-"));
const postgres = await testPostgres();
const database = await postgres?.create();
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database?.drop();
});

streamLogConformance("memory", async () => memoryStreamLog());
streamLogConformance("sqlite", async () => sqliteStreamLog({ folder }));
if (database) streamLogConformance("postgres", () => postgresStreamLog({ url: database.url }));

describe("the file of the stream log", () => {
  const PIECE: StreamPiece = {
    runKey: 1,
    row: 1,
    epoch: 1,
    number: 1,
    at: 1,
    scope: "root",
    node: "a",
    attempt: 1,
    type: "text_delta",
    data: { text: "x" },
  };

  function freshFolder(): string {
    return mkdtempSync(join(folder, "one-"));
  }

  test("is made with the first piece, and not by those who read", async () => {
    const fresh = freshFolder();
    const log = sqliteStreamLog({ folder: fresh });
    expect(await log.read(1, { behind: NO_PLACE, limit: 1 })).toEqual([]);
    expect(await log.standing([1])).toEqual([]);
    expect(await log.quietRuns(1, 0, 1)).toEqual([]);
    await log.remove([1]);
    expect(existsSync(join(fresh, "stream.db"))).toBe(false);
    await log.append([PIECE]);
    expect(existsSync(join(fresh, "stream.db"))).toBe(true);
    await log.close();
    const again = sqliteStreamLog({ folder: fresh });
    expect(await again.read(1, { behind: NO_PLACE, limit: 1 })).toEqual([PIECE]);
    await again.close();
  });

  test("is begun anew when it is broken, which is said once", async () => {
    const fresh = freshFolder();
    writeFileSync(join(fresh, "stream.db"), "this is no database, and never was one".repeat(100));
    const log = sqliteStreamLog({ folder: fresh });
    await expect(log.append([PIECE])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await log.append([PIECE]);
    expect(await log.read(1, { behind: NO_PLACE, limit: 1 })).toEqual([PIECE]);
    await log.close();
    expect(readFileSync(join(fresh, "stream.db")).subarray(0, 15).toString()).toBe("SQLite format 3");
  });
});
