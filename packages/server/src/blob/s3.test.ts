import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { blobConformance } from "./blob.conformance.ts";
import type { BlobStore } from "./blob.ts";
import { PART_BYTES, s3Blobs } from "./s3.ts";
import { s3Server, type S3Server } from "./s3-server.testing.ts";

const open = (server: S3Server, other: object = {}): Promise<BlobStore> =>
  s3Blobs({ url: server.url, ...server.keys, load: () => import("s3mini"), ...other });

blobConformance("the S3 blob store", async () => {
  const server = await s3Server();
  const blobs = await open(server);
  return {
    blobs,
    reopen: () => open(server),
    async close() {
      await blobs.close();
      await server.close();
    },
  };
});

describe("the S3 blob store and its server", () => {
  const key = `acme/${"a".repeat(64)}`;
  let server: S3Server;
  let blobs: BlobStore;
  beforeAll(async () => {
    server = await s3Server();
    blobs = await open(server);
  });
  beforeEach(() => {
    server.faults = {};
    server.objects.clear();
    server.seen.requests.length = 0;
    server.seen.largestBody = 0;
  });
  afterAll(async () => {
    await blobs.close();
    await server.close();
  });

  async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  test.each([PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 5 * PART_BYTES + 3])(
    "%i bytes go in parts of 8 MB where they are more than one, whole and as a stream",
    async (size) => {
      const bytes = randomBytes(size);
      await blobs.put(key, bytes);
      expect(Buffer.compare((await blobs.get(key))!, bytes)).toBe(0);
      server.objects.clear();
      await blobs.write(key, pieces(bytes, 1_000_003));
      expect(Buffer.compare(server.objects.get(key)!, bytes)).toBe(0);
      expect(server.seen.largestBody).toBeLessThanOrEqual(PART_BYTES);
      expect(server.uploads.size).toBe(0);
    },
  );

  test("a large source that fails leaves neither an object nor an upload", async () => {
    const bytes = randomBytes(PART_BYTES * 2 + 5);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* pieces(bytes, 1_000_000);
      throw new Error("the line broke");
    }
    await expect(blobs.write(key, broken())).rejects.toThrow("the line broke");
    expect(server.objects.size).toBe(0);
    expect(server.uploads.size).toBe(0);
  });

  test.each([
    [{ status: 503 }, "STORE_UNAVAILABLE", "503 SlowDown"],
    [{ status: 500 }, "STORE_UNAVAILABLE", "500 InternalError"],
    [{ status: 507 }, "STORE_FULL", "507"],
  ] as const)("a server that answers %j is %s: %s", async (faults, code, text) => {
    server.faults = faults;
    for (const call of [
      () => blobs.put(key, Buffer.from("x")),
      () => blobs.put(key, randomBytes(PART_BYTES + 1)),
      () => blobs.get(key),
      () => blobs.delete(key),
    ]) {
      const failed = call();
      await expect(failed).rejects.toMatchObject({ code });
      await expect(failed).rejects.toThrow(text);
    }
  });

  test("a connection that breaks in the middle of an object is no shorter object", async () => {
    await blobs.put(key, randomBytes(3_000_000));
    server.faults = { cuts: true };
    await expect(blobs.get(key)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("a store that is not there, a bucket that is not there and a wrong secret are told apart, without the secret", async () => {
    const gone = await s3Server();
    await gone.close();
    const bucket = server.url.replace(/weft$/, "other");
    const secretAccessKey = "not-the-secret";
    for (const [other, text] of [
      [{ url: gone.url }, "ECONNREFUSED"],
      [{ url: bucket }, "NoSuchBucket; check WEFT_S3_URL"],
      [{ secretAccessKey }, "403 SignatureDoesNotMatch; check WEFT_S3_URL"],
      [{ region: "elsewhere" }, "403 AuthorizationHeaderMalformed; check"],
      [{ accessKeyId: "nobody" }, "403 InvalidAccessKeyId; check"],
    ] as const) {
      const wrong = await open(server, other);
      const error: unknown = await wrong.get(key).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect(String(error)).toContain(text);
      expect(String(error) + JSON.stringify(error)).not.toContain(secretAccessKey);
      expect(String(error) + JSON.stringify(error)).not.toContain(server.keys.secretAccessKey);
      await wrong.close();
    }
  });

  test("objects of a prefix lie under it", async () => {
    const prefixed = await open(server, { url: `${server.url}/team-a/` });
    await prefixed.put(key, Buffer.from("x"));
    expect([...server.objects.keys()]).toEqual([`team-a/${key}`]);
    expect(Buffer.from((await prefixed.get(key))!).toString()).toBe("x");
    await prefixed.close();
  });

  test.each(["../x", "acme/../../x", `acme/${"0".repeat(63)}`, `a%2e/${"0".repeat(64)}`, `a b/${"0".repeat(64)}`, ""])(
    "the key %j is refused before anything is sent",
    async (wrong) => {
      for (const call of [() => blobs.put(wrong, Buffer.from("x")), () => blobs.get(wrong), () => blobs.delete(wrong)])
        await expect(call()).rejects.toThrow("not a blob key");
      await turn();
      expect(server.seen.requests).toEqual([]);
    },
  );
});
