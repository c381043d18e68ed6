import { createHash, randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BlobStore } from "../blob/blob.ts";
import type { Database } from "../db/database.ts";
import { fileStore } from "./store.ts";
import type { FileLimits, Files } from "./files.ts";

export interface FilesUnderTest {
  readonly database: Database;
  readonly blobs: BlobStore;
  close(): Promise<void>;
}

/** Counts the blobs that a store would keep. */
function counted(blobs: BlobStore): BlobStore & { readonly keys: ReadonlySet<string> } {
  const keys = new Set<string>();
  return {
    ...blobs,
    keys,
    async write(key, bytes) {
      await blobs.write(key, bytes);
      keys.add(key);
    },
    async delete(key) {
      await blobs.delete(key);
      keys.delete(key);
    },
  };
}

async function* source(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

const text = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => (await buffer(bytes)).toString();

/** What the file store promises, on every database and blob store. */
export function filesConformance(name: string, open: () => Promise<FilesUnderTest>): void {
  describe(name, () => {
    let under: FilesUnderTest;
    let time = 1_000_000;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.close());

    function store(limits: Partial<FileLimits> = {}): { files: Files; blobs: ReturnType<typeof counted> } {
      const blobs = counted(under.blobs);
      return { files: fileStore({ database: under.database, blobs, limits, now: () => time }), blobs };
    }
    const rows = (tenant: string): Promise<number> =>
      under.database.call(
        async (db) => (await db.selectFrom("file").select("id").where("tenant", "=", tenant).execute()).length,
      );
    const usage = (tenant: string): Promise<{ bytes: number; files: number }> =>
      under.database.call(async (db) => {
        const row = await db.selectFrom("file_usage").selectAll().where("tenant", "=", tenant).executeTakeFirst();
        return { bytes: Number(row?.bytes ?? 0), files: Number(row?.files ?? 0) };
      });

    test("what was put is opened with its bytes, size and hash", async () => {
      const { files } = store();
      const bytes = randomBytes(700_000);
      const put = await files.put("a", { name: "report.pdf", mimeType: "application/pdf; x=1" }, source(bytes, "end"));
      const sha256 = createHash("sha256").update(bytes).update("end").digest("hex");
      expect(put.value).toEqual({
        type: "file",
        id: expect.stringMatching(/^file-[0-9a-f-]{36}$/) as string,
        name: "report.pdf",
        mime_type: "application/pdf",
        size: 700_003,
        sha256,
      });
      expect(await files.find("a", put.value.id)).toEqual(put);
      const { bytes: stream, ...opened } = await files.open("a", put.value.id);
      expect(opened).toEqual(put);
      expect(
        createHash("sha256")
          .update(await buffer(stream))
          .digest("hex"),
      ).toBe(sha256);
    });

    test("a file of another tenant is not there, and neither is what is no id", async () => {
      const { files } = store();
      const { value } = await files.put("b1", { name: "x" }, source("secret"));
      for (const [tenant, id] of [
        ["b2", value.id],
        ["b1", value.sha256],
        ["b1", "file-../../etc/passwd"],
        ["b1", `${value.id}%`],
        ["b1", ""],
      ] as const) {
        expect(await files.find(tenant, id)).toBeNull();
        expect(await files.remove(tenant, id)).toBe(false);
        await expect(files.open(tenant, id)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
      }
      expect(await text((await files.open("b1", value.id)).bytes)).toBe("secret");
    });

    test("a source that breaks leaves no row, no bytes and no usage", async () => {
      const { files, blobs } = store();
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield randomBytes(600_000);
        throw new Error("cut");
      }
      await expect(files.put("c", { name: "x" }, broken())).rejects.toThrow("cut");
      expect([await rows("c"), blobs.keys.size, await usage("c")]).toEqual([0, 0, { bytes: 0, files: 0 }]);
    });

    test("one byte over the limit is refused and leaves nothing; the source is not read on", async () => {
      const { files, blobs } = store({ bytesMax: 1000 });
      let given = 0;
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) {
          given += 1;
          yield Buffer.alloc(100);
        }
      }
      await expect(files.put("d", { name: "x" }, endless())).rejects.toMatchObject({
        code: "PAYLOAD_TOO_LARGE",
        details: { limit: 1000, size: 1100 },
      });
      expect(given).toBe(11);
      await expect(files.put("d", { name: "x", bytesMax: 10 }, source("12345678901"))).rejects.toMatchObject({
        details: { limit: 10 },
      });
      expect([await rows("d"), blobs.keys.size]).toEqual([0, 0]);
      expect((await files.put("d", { name: "x" }, source(Buffer.alloc(1000)))).value.size).toBe(1000);
    });

    test("all files of a tenant together have a limit; removing one makes room", async () => {
      const { files } = store({ tenantBytesMax: 1000 });
      const { value } = await files.put("e", { name: "x" }, source(Buffer.alloc(800)));
      await expect(files.put("e", { name: "y" }, source(Buffer.alloc(201)))).rejects.toMatchObject({
        code: "FILE_STORE_FULL",
        details: { used: 800, limit: 1000 },
      });
      await files.put("other", { name: "y" }, source(Buffer.alloc(201)));
      expect(await usage("e")).toEqual({ bytes: 800, files: 1 });
      expect(await files.remove("e", value.id)).toBe(true);
      expect(await files.remove("e", value.id)).toBe(false);
      expect(await usage("e")).toEqual({ bytes: 0, files: 0 });
      await files.put("e", { name: "y" }, source(Buffer.alloc(1000)));
      await expect(files.put("e", { name: "z" }, source("1"))).rejects.toMatchObject({ code: "FILE_STORE_FULL" });
    });

    test("uploads side by side never fill a tenant beyond its limit", async () => {
      const { files } = store({ tenantBytesMax: 1000 });
      const all = await Promise.allSettled(
        Array.from({ length: 8 }, () => files.put("f", { name: "x" }, source(Buffer.alloc(300)))),
      );
      expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      expect(await usage("f")).toEqual({ bytes: 900, files: 3 });
      expect(await rows("f")).toBe(3);
    });

    test("a file is gone when its time is over, and deleted at the next sweep; others stay", async () => {
      const { files, blobs } = store({ keepMs: 50_000 });
      const short = await files.put("g", { name: "x", keepMs: 1000 }, source("short"));
      const usual = await files.put("g", { name: "x" }, source("usual"));
      expect([short.expiresAt, usual.expiresAt]).toEqual([time + 1000, time + 50_000]);
      time += 1000;
      expect(await files.find("g", short.value.id)).toBeNull();
      await expect(files.open("g", short.value.id)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
      expect(await files.prune()).toBe(1);
      expect([await rows("g"), blobs.keys.size, await usage("g")]).toEqual([1, 1, { bytes: 5, files: 1 }]);
      expect(await text((await files.open("g", usual.value.id)).bytes)).toBe("usual");
      time += 50_000;
      expect(await files.prune()).toBe(1);
    });

    test("what a process that died left unfinished cannot be opened, and is deleted after a day", async () => {
      const { files, blobs } = store();
      const id = "file-01890000-0000-7000-8000-000000000000";
      const key = `h/${"ab".repeat(32)}`;
      await blobs.write(key, source("half"));
      const row = { tenant: "h", id, name: "x", mime_type: "a/b", size: 0, sha256: "", blob_key: key, ready: 0 };
      await under.database.call((db) =>
        db
          .insertInto("file")
          .values({ ...row, created_at: time, expires_at: time + 86_400_000 })
          .execute(),
      );
      expect(await files.find("h", id)).toBeNull();
      expect(await files.remove("h", id)).toBe(false);
      time += 86_400_000;
      await files.prune();
      expect([await rows("h"), blobs.keys.size, await usage("h")]).toEqual([0, 0, { bytes: 0, files: 0 }]);
    });

    test("only the configured types are taken", async () => {
      const { files } = store({ types: ["image/*", "application/pdf"] });
      await files.put("i", { name: "x", mimeType: "IMAGE/PNG" }, source(""));
      await files.put("i", { name: "x", mimeType: "application/pdf" }, source(""));
      for (const mimeType of ["text/html", "image", "imagex/png", undefined]) {
        await expect(files.put("i", { name: "x", mimeType }, source(""))).rejects.toMatchObject({
          code: "FILE_TYPE_REFUSED",
        });
      }
    });

    test("the key for links is made once and the same for everyone", async () => {
      const keys = await Promise.all([store().files.linkKey(), store().files.linkKey(), store().files.linkKey()]);
      expect(keys[0]).toHaveLength(32);
      expect(keys.map((key) => key.toString("hex"))).toEqual(Array.from({ length: 3 }, () => keys[0]!.toString("hex")));
    });
  });
}
