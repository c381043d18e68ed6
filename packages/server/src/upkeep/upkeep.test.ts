import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { memoryBlobs } from "../blob/memory.ts";
import type { BlobStore } from "../blob/blob.ts";
import { databaseTime, serverClock } from "../db/database-clock.ts";
import { onEveryDatabase, type OpenTestDatabase, type TestDatabase } from "../db/database.testing.ts";
import { DOOM_MS, SqlObjects } from "./objects.ts";
import { LEASE_MS, SqlTurns } from "./turns.ts";

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");
const always = (): boolean => true;

function facts(open: OpenTestDatabase): void {
  let opened: TestDatabase;
  let at = 1_000_000_000;
  const now = async (): Promise<number> => at;
  beforeAll(async () => {
    opened = await open();
  });
  beforeEach(async () => {
    await opened.database.call((db) => db.deleteFrom("object").execute());
    await opened.database.call((db) => db.deleteFrom("upkeep").execute());
  });
  afterAll(() => opened.close());

  describe("turns", () => {
    /** A process; its timers never fire, so what it holds runs out. */
    const turns = (): SqlTurns => new SqlTurns({ database: opened.database, now, after: () => () => undefined });

    test("of many who ask at once one has it; the others are told when to look", async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => turns().ask("a", HOUR_MS)));
      expect(answers.filter(({ turn }) => turn !== null)).toHaveLength(1);
      for (const answer of answers) if (!answer.turn) expect(answer.waitMs).toBeLessThanOrEqual(5000);
      expect((await turns().ask("another", HOUR_MS)).turn).not.toBeNull();
    });

    test("one that ended in order comes back after its time, for anybody", async () => {
      await (await turns().ask("a", HOUR_MS)).turn!.end(true);
      at += 1000;
      expect(await turns().ask("a", HOUR_MS)).toEqual({ turn: null, waitMs: HOUR_MS - 1000, lastMs: 1000 });
      at += HOUR_MS - 1000;
      expect((await turns().ask("a", HOUR_MS)).turn).not.toBeNull();
    });

    test("who dies with it is replaced within 15 s, and its late end changes nothing", async () => {
      const dead = (await turns().ask("a", HOUR_MS)).turn!;
      at += LEASE_MS - 1;
      const early = await turns().ask("a", HOUR_MS);
      expect(early).toMatchObject({ turn: null, waitMs: 1 });
      at += 1;
      const next = (await turns().ask("a", HOUR_MS)).turn!;
      await dead.end(true);
      expect(await turns().ask("a", HOUR_MS)).toMatchObject({ turn: null, lastMs: null });
      expect(next.isHeld()).toBe(true);
      expect(LEASE_MS + 5000 * 1.2).toBeLessThan(15_000);
    });

    test("one that failed is asked for again in ten minutes", async () => {
      await (await turns().ask("a", HOUR_MS)).turn!.end(false);
      expect((await turns().ask("a", HOUR_MS)).turn).toBeNull();
      at += 600_000;
      expect((await turns().ask("a", HOUR_MS)).turn).not.toBeNull();
    });

    test("it is kept up while its timers fire, and lost when another one has it", async () => {
      const timers: (() => void)[] = [];
      const after = (_ms: number, callback: () => void): (() => void) => (timers.push(callback), () => undefined);
      const keeper = (await new SqlTurns({ database: opened.database, now, after }).ask("a", HOUR_MS)).turn!;
      at += LEASE_MS - 1000;
      timers.shift()!();
      await expect.poll(() => timers.length).toBe(1);
      at += LEASE_MS - 1000;
      expect((await turns().ask("a", HOUR_MS)).turn).toBeNull();
      at += LEASE_MS;
      expect((await turns().ask("a", HOUR_MS)).turn).not.toBeNull();
      timers.shift()!();
      await expect.poll(() => keeper.isHeld()).toBe(false);
    });
  });

  describe("objects", () => {
    const known = new Set<string>();
    let blobs: BlobStore;
    beforeEach(() => {
      known.clear();
      blobs = memoryBlobs();
    });
    const objects = (over: Partial<BlobStore> = {}): SqlObjects =>
      new SqlObjects({
        database: opened.database,
        blobs: { ...blobs, ...over },
        known: async (tenant, hashes) => new Set(hashes.filter((hash) => known.has(`${tenant}/${hash}`))),
        now,
      });
    const put = async (text: string, by = objects()): Promise<string> => {
      const key = `acme/${hashOf(text)}`;
      await by.blobs.put(key, Buffer.from(text));
      return key;
    };
    const rows = (): Promise<readonly unknown[]> =>
      opened.database.call((db) => db.selectFrom("object").selectAll().execute());

    test("one whose reference was never committed goes after a day, one that is named never (F40)", async () => {
      const [orphan, named] = [await put("orphan"), await put("named")];
      known.add(named);
      at += DAY_MS - 1;
      expect(await objects().collect(always)).toBe(0);
      at += 1;
      expect(await objects().collect(always)).toBe(1);
      expect(await blobs.get(orphan)).toBeNull();
      for (let day = 0; day < 4; day++) {
        at += DAY_MS * 2;
        expect(await objects().collect(always)).toBe(0);
      }
      expect(await blobs.get(named)).not.toBeNull();
      known.clear();
      at += DAY_MS * 2;
      expect(await objects().collect(always)).toBe(1);
      expect(await rows()).toEqual([]);
    });

    test("writing it again begins its day anew", async () => {
      const key = await put("again");
      at += DAY_MS - 1;
      await put("again");
      at += DAY_MS - 1;
      expect(await objects().collect(always)).toBe(0);
      expect(await blobs.get(key)).not.toBeNull();
    });

    test("many processes at once delete each of them once, over many batches", async () => {
      const keys = await Promise.all(Array.from({ length: 450 }, (_, i) => put(`many ${i}`)));
      for (const key of keys.slice(0, 100)) known.add(key);
      at += DAY_MS;
      const deleted: string[] = [];
      const remove = async (key: string): Promise<void> => {
        deleted.push(key);
        await blobs.delete(key);
      };
      await Promise.all(Array.from({ length: 4 }, () => objects({ delete: remove }).collect(always)));
      expect(deleted.toSorted()).toEqual(keys.slice(100).toSorted());
      expect(await rows()).toHaveLength(100);
    });

    test("nobody writes one that is being deleted, so no write is undone by a deletion", async () => {
      const key = await put("raced");
      at += DAY_MS;
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const collecting = objects({
        async delete(one) {
          begun.resolve();
          await gate.promise;
          await blobs.delete(one);
        },
      }).collect(always);
      await begun.promise;
      await expect(put("raced")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      gate.resolve();
      expect(await collecting).toBe(1);
      await put("raced");
      expect(await blobs.get(key)).not.toBeNull();
    });

    test("a process that dies between the mark and the deletion leaves it to another one, or to the next writer", async () => {
      await put("left");
      const key = await put("wanted");
      at += DAY_MS;
      const begun = Promise.withResolvers<void>();
      const dies = (): Promise<void> => {
        begun.resolve();
        return new Promise(() => undefined);
      };
      void objects({ delete: dies }).collect(always);
      await begun.promise;
      expect(await objects().collect(always)).toBe(0);
      at += DOOM_MS;
      await put("wanted");
      expect(await objects().collect(always)).toBe(1);
      expect(await blobs.get(key)).not.toBeNull();
    });

    test("one that cannot be deleted is told of, and keeps no other from going", async () => {
      const stuck = await put("stuck");
      at += 1;
      const keys = await Promise.all(Array.from({ length: 5 }, (_, i) => put(`free ${i}`)));
      at += DAY_MS;
      const locked = objects({
        delete: (key) => (key === stuck ? Promise.reject(new Error("it is locked")) : blobs.delete(key)),
      });
      await expect(locked.collect(always)).rejects.toThrow("it is locked");
      for (const key of keys) expect(await blobs.get(key)).toBeNull();
      // Whether the deletion arrives after all is not known yet.
      await expect(put("stuck")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect(await locked.collect(always)).toBe(0);
      at += DAY_MS;
      expect(await objects().collect(always)).toBe(1);
      expect(await blobs.get(stuck)).toBeNull();
    });

    test("a store that does not answer is left alone soon", async () => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => put(`away ${i}`)));
      at += DAY_MS;
      let asked = 0;
      const away = objects({ delete: () => Promise.reject(new Error(`away ${(asked += 1)}`)) });
      await expect(away.collect(always)).rejects.toThrow("away");
      expect(asked).toBeLessThan(10);
    });

    test("it stops where it is told to", async () => {
      await put("stays");
      at += DAY_MS;
      expect(await objects().collect(() => false)).toBe(0);
      expect(await objects().collect(always)).toBe(1);
    });

    test("objects that are in no book are entered where a store can list them; blobs of files are not", async () => {
      const [old, file] = [`acme/${hashOf("old")}`, `acme/${hashOf("file")}`];
      await blobs.put(old, Buffer.from("old"));
      await blobs.put(file, Buffer.from("file"));
      const row = { tenant: "acme", id: hashOf("file"), name: "f", mime_type: "text/plain", size: 4, sha256: "" };
      await opened.database.call((db) =>
        db
          .insertInto("file")
          .values({ ...row, blob_key: file, ready: 1, created_at: at, expires_at: null })
          .execute(),
      );
      async function* list(): AsyncGenerator<string> {
        yield* [old, file];
      }
      const listing = objects({ list });
      expect(await listing.collect(always)).toBe(0);
      at += DAY_MS;
      expect(await listing.collect(always)).toBe(1);
      expect(await blobs.get(old)).toBeNull();
      expect(await blobs.get(file)).not.toBeNull();
    });
  });

  test("the time that processes share is the server's", async ({ skip }) => {
    skip(!opened.isShared, "a database of one process has no clock of its own");
    expect(Math.abs((await databaseTime(opened.database, serverClock)) - Date.now())).toBeLessThan(60_000);
  });
}

onEveryDatabase("upkeep", facts, { folder: false });
