import { mkdtemp, readdir, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { blobConformance } from "./blob.conformance.ts";
import { fsBlobs } from "./fs.ts";
import { memoryBlobs } from "./memory.ts";
import { postgresBlobs } from "./postgres.ts";

blobConformance("the memory blob store", async () => {
  const blobs = memoryBlobs();
  return { blobs, close: () => blobs.close() };
});

blobConformance("the blob store of a folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "blobs-"));
  const blobs = fsBlobs({ folder });
  return {
    blobs,
    reopen: async () => fsBlobs({ folder }),
    async close() {
      await blobs.close();
      await rm(folder, { recursive: true });
    },
  };
});

const postgres = await testPostgres();
if (postgres === null) {
  describe("the PostgreSQL blob store", () => {
    test.skip("no PostgreSQL at WEFT_TEST_POSTGRES_URL or 127.0.0.1:5432: start one to run these", () => undefined);
  });
} else {
  blobConformance("the PostgreSQL blob store", async () => {
    const { url, drop } = await postgres.create();
    const blobs = await postgresBlobs({ url });
    return {
      blobs,
      reopen: () => postgresBlobs({ url }),
      async close() {
        await blobs.close();
        await drop();
      },
    };
  });

  test("processes that open a fresh PostgreSQL database at once all find its tables of blobs", async () => {
    const { url, drop } = await postgres.create();
    const all = await Promise.all(Array.from({ length: 4 }, () => postgresBlobs({ url })));
    expect(await Promise.all(all.map((blobs) => blobs.get("acme/none")))).toEqual([null, null, null, null]);
    await Promise.all(all.map((blobs) => blobs.close()));
    await drop();
  });
}

describe("the folder of blobs", () => {
  test.each(["../etc/passwd", "acme/../../x", "acme", `acme/${"0".repeat(63)}`, `a b/${"0".repeat(64)}`, "/x", ""])(
    "the key %j is refused: no path is made of what is not a key",
    async (key) => {
      const folder = await mkdtemp(join(tmpdir(), "blobs-"));
      await expect(fsBlobs({ folder }).put(key, Buffer.from("x"))).rejects.toThrow("not a blob key");
      expect(await readdir(folder)).toEqual([]);
      await rm(folder, { recursive: true });
    },
  );

  test("what a process left unfinished is gone with the next one's first write", async () => {
    const folder = await mkdtemp(join(tmpdir(), "blobs-"));
    await mkdir(join(folder, ".aside"));
    await writeFile(join(folder, ".aside", "left"), "half a blob");
    await fsBlobs({ folder }).put(`acme/${"a".repeat(64)}`, Buffer.from("x"));
    expect(await readdir(join(folder, ".aside"))).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
