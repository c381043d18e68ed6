import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defineNode, openWeft } from "../../packages/server/src/index.ts";
import { fsBlobs } from "../../packages/server/src/blob/fs.ts";
import { postgresBlobs } from "../../packages/server/src/blob/postgres.ts";
import { s3Blobs } from "../../packages/server/src/blob/s3.ts";
import type { BlobStore } from "../../packages/server/src/blob/blob.ts";
import { s3Server } from "../../packages/server/src/blob/s3-server.testing.ts";
import { postgresDatabase } from "../../packages/server/src/db/database-postgres.ts";
import { sqliteDatabase } from "../../packages/server/src/db/database-sqlite.ts";
import type { Database } from "../../packages/server/src/db/database.ts";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import type { Journal } from "../../packages/server/src/journal/journal.ts";
import { postgresJournal } from "../../packages/server/src/journal/postgres.ts";
import { sqliteJournal } from "../../packages/server/src/journal/sqlite.ts";
import { SqlObjects } from "../../packages/server/src/upkeep/objects.ts";

const DAY_MS = 24 * 3_600_000;
const postgres = await testPostgres();

interface Store {
  readonly address: string;
  readonly bucket: { url: string; region: string; accessKeyId: string; secretAccessKey: string } | null;
  readonly journal: () => Promise<Journal>;
  readonly database: () => Promise<Database>;
  readonly blobs: () => Promise<BlobStore>;
  drop(): Promise<void>;
}

async function folder(onS3: boolean): Promise<Store> {
  const address = mkdtempSync(join(tmpdir(), "weft-orphans-"));
  const server = await s3Server();
  const bucket = { url: server.url, ...server.keys };
  return {
    address,
    bucket: onS3 ? bucket : null,
    journal: () => sqliteJournal({ folder: address }),
    database: () => sqliteDatabase({ folder: address }),
    blobs: async () =>
      onS3 ? s3Blobs({ ...bucket, load: () => import("s3mini") }) : fsBlobs({ folder: join(address, "blobs") }),
    async drop() {
      await server.close();
      rmSync(address, { recursive: true, force: true });
    },
  };
}

async function database(): Promise<Store> {
  const { url, drop } = await postgres!.create();
  return {
    address: url,
    bucket: null,
    journal: () => postgresJournal({ url }),
    database: () => postgresDatabase({ url }),
    blobs: () => postgresBlobs({ url }),
    drop,
  };
}

const make = defineNode({
  type: "make",
  config: z.object({ letter: z.string() }),
  effect: "pure",
  execute: ({ letter }) => letter.repeat(300_000),
});

const SOURCE = `
name: large
inputs: { type: object }
steps:
  - { id: big, type: make, letter: "{{ inputs.letter }}" }
  - { id: end, type: template, template: "{{ inputs.mark }} {{ steps.big.output | length }}", depends_on: [big] }
`;

/** What the upkeep does with objects, over real stores, days apart (F40). */
describe.each([
  ["a folder", () => folder(false), false],
  ["a folder with S3", () => folder(true), false],
  ["PostgreSQL", database, postgres === null],
] as const)("%s", (_name, open, skip) => {
  let store: Store;
  beforeEach(async (context) => {
    if (skip) return context.skip("no PostgreSQL answers on 127.0.0.1:5432");
    store = await open();
  });
  afterEach(() => (skip ? undefined : store.drop()));

  /** Runs that end, the second one a rerun of the first that takes its large value over; a third with its own. */
  async function runs(): Promise<string> {
    const weft = await openWeft({
      store: store.address,
      nodes: [make],
      ...(store.bucket ? { objects: store.bucket } : {}),
    });
    await weft.workflows.publish(SOURCE);
    for (const [id, letter] of [
      ["one", "x"],
      ["three", "y"],
    ] as const) {
      await weft.runs.start({ workflow: "large", id, inputs: { letter, mark: "first" } });
      expect((await weft.runs.wait(id, { timeoutMs: 10_000 }))?.status).toBe("succeeded");
    }
    const again = await weft.runs.rerun("one", { node: "end" });
    expect(again.reused).toBe(1);
    expect((await weft.runs.wait(again.run.id, { timeoutMs: 10_000 }))?.outputs).toEqual({ end: "first 300000" });
    await weft.close({ graceMs: 1000 });
    return again.run.id;
  }

  test("an object that was never named goes after a day; one that a rerun took over stays with the rerun", async () => {
    const rerun = await runs();
    const [journal, cold, blobs] = [await store.journal(), await store.database(), await store.blobs()];
    let at = Date.now();
    const objects = new SqlObjects({
      database: cold,
      blobs,
      known: (tenant, hashes) => journal.known(tenant, hashes),
      now: async () => at,
    });
    const keys = await cold.call((db) => db.selectFrom("object").select(["tenant", "hash"]).execute());
    expect(keys).toHaveLength(2);
    const there = async (): Promise<number> => {
      const found = await Promise.all(keys.map(({ tenant, hash }) => blobs.get(`${tenant}/${hash}`)));
      return found.filter((bytes) => bytes !== null).length;
    };
    // Written, and its process died before it was named.
    const orphan = `${keys[0]!.tenant}/${"a".repeat(64)}`;
    await objects.blobs.put(orphan, Buffer.alloc(300_000));

    at += 2 * DAY_MS;
    expect(await objects.collect(() => true)).toBe(1);
    expect(await blobs.get(orphan)).toBeNull();
    expect(await there()).toBe(2);

    // The runs that made the objects go. The rerun names the one, and the other is kept for another day.
    const heads = await journal.find({ tenant: keys[0]!.tenant, limit: 10 });
    const { finishedAt } = heads.runs.find(({ id }) => id === rerun)!;
    expect((await journal.prune(finishedAt!)).runs).toBe(2);
    at += 2 * DAY_MS;
    expect(await objects.collect(() => true)).toBe(0);
    expect(await there()).toBe(2);
    await Promise.all([journal.close(), cold.close(), blobs.close()]);
  });
});
