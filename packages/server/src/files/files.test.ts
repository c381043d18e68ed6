import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fsBlobs } from "../blob/fs.ts";
import { memoryBlobs } from "../blob/memory.ts";
import { postgresBlobs } from "../blob/postgres.ts";
import { postgresDatabase } from "../db/database-postgres.ts";
import { memoryDatabase, sqliteDatabase } from "../db/database-sqlite.ts";
import { testPostgres } from "../db/test-postgres.ts";
import { openWeft } from "../weft.ts";
import { filesConformance } from "./files.conformance.ts";
import { holdsLink, LINK_MS_MAX, signLink } from "./link.ts";
import { fileName, mediaType, takesType } from "./names.ts";

filesConformance("the file store in memory", async () => {
  const [database, blobs] = [await memoryDatabase(), memoryBlobs()];
  return { database, blobs, close: () => database.close() };
});

filesConformance("the file store of a data folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "files-"));
  const database = await sqliteDatabase({ folder });
  return {
    database,
    blobs: fsBlobs({ folder: join(folder, "blobs") }),
    async close() {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
});

const postgres = await testPostgres();
if (postgres === null) {
  describe("the file store on PostgreSQL", () => {
    test.skip("no PostgreSQL at WEFT_TEST_POSTGRES_URL or 127.0.0.1:5432: start one to run these", () => undefined);
  });
} else {
  filesConformance("the file store on PostgreSQL", async () => {
    const { url, drop } = await postgres.create();
    const database = await postgresDatabase({ url, connectionsMax: 8 });
    const blobs = await postgresBlobs({ url });
    return {
      database,
      blobs,
      async close() {
        await Promise.all([database.close(), blobs.close()]);
        await drop();
      },
    };
  });
}

if (postgres !== null) {
  test("on PostgreSQL a file outlives the process that took it", async () => {
    const { url, drop } = await postgres.create();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1_200_000, "x");
    }
    const first = await openWeft({ store: url });
    const { value } = await first.files.put({ name: "kept.txt" }, source());
    const link = await first.files.link(value.id);
    await first.close({ graceMs: 0 });
    const second = await openWeft({ store: url });
    expect((await buffer((await second.files.open(value.id)).bytes)).length).toBe(1_200_000);
    expect(await second.files.holds(value.id, link!)).toBe(true);
    await second.close({ graceMs: 0 });
    await drop();
  });
}

describe("names", () => {
  test.each([
    ["report.pdf", "report.pdf"],
    ["../../etc/passwd", "passwd"],
    [String.raw`..\..\windows\system.ini`, "system.ini"],
    ["/etc/cron.d/x", "x"],
    ["C:\\Users\\a.txt", "a.txt"],
    ["%2e%2e%2fpasswd", "%2e%2e%2fpasswd"],
    ["a\u0000.txt\r\nX-Header: 1", "a.txtX-Header: 1"],
    ["invoice\u202Egnp.exe", "invoicegnp.exe"],
    ["", "file"],
    ["..", "file"],
    [" . ", "file"],
    ["folder/", "file"],
    ["\uD800.txt", "\uFFFD.txt"],
    ["e\u0301.txt", "é.txt"],
    [`${"é".repeat(300)}.tar.gz`, `${"é".repeat(126)}.gz`],
  ])("%j is kept as %j", (given, kept) => expect(fileName(given)).toBe(kept));

  test("every name is safe to show: one line, no path, 1 to 255 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (given) => {
        const name = fileName(given);
        expect(Buffer.byteLength(name)).toBeGreaterThan(0);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
        // oxlint-disable-next-line no-control-regex
        expect(name).not.toMatch(/[/\\\u0000-\u001F\u007F]|^\.{1,2}$/);
        expect(fileName(name)).toBe(name);
      }),
    );
  });

  test.each([
    ["image/PNG; charset=x", "image/png"],
    ["text/html\r\nx: y", "application/octet-stream"],
    ["nonsense", "application/octet-stream"],
    [undefined, "application/octet-stream"],
    ["application/vnd.ms-excel+x", "application/vnd.ms-excel+x"],
  ])("the media type %j is kept as %j", (given, kept) => expect(mediaType(given)).toBe(kept));

  test("a list of types takes what it names", () => {
    expect(takesType([], "a/b")).toBe(true);
    expect(takesType(["a/*"], "a/b")).toBe(true);
    expect(takesType(["a/*"], "ab/c")).toBe(false);
    expect(takesType(["a/b"], "a/bc")).toBe(false);
  });
});

describe("links", () => {
  const key = Buffer.alloc(32, 1);
  const target = { tenant: "acme", id: "file-1" };
  const now = 1_700_000_000_000;

  test("hold for their file, tenant, key and time, and for nothing else", () => {
    const proof = signLink(key, target, now + LINK_MS_MAX);
    expect(holdsLink(key, target, proof, now)).toBe(true);
    expect(holdsLink(key, target, proof, now + LINK_MS_MAX - 1000)).toBe(true);
    expect(holdsLink(key, target, proof, now + LINK_MS_MAX)).toBe(false);
    expect(holdsLink(key, { ...target, id: "file-2" }, proof, now)).toBe(false);
    expect(holdsLink(key, { ...target, tenant: "other" }, proof, now)).toBe(false);
    expect(holdsLink(Buffer.alloc(32, 2), target, proof, now)).toBe(false);
    expect(holdsLink(key, target, { ...proof, expires: proof.expires - 1 }, now)).toBe(false);
    for (const signature of ["", "x", `${proof.signature}x`]) {
      expect(holdsLink(key, target, { ...proof, signature }, now)).toBe(false);
    }
    expect(holdsLink(key, target, { ...proof, expires: Number.NaN }, now)).toBe(false);
  });

  test("for longer than five minutes do not hold, even with the right signature", () => {
    expect(holdsLink(key, target, signLink(key, target, now + LINK_MS_MAX + 1000), now)).toBe(false);
  });
});
