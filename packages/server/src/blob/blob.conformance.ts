import { createHash, randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BlobStore } from "./blob.ts";

export interface BlobUnderTest {
  readonly blobs: BlobStore;
  /** The same store as another process would find it; left out where it ends with the process. */
  reopen?(): Promise<BlobStore>;
  close(): Promise<void>;
}

let keys = 0;
const newKey = (tenant = "acme"): string => `${tenant}/${createHash("sha256").update(String(keys++)).digest("hex")}`;

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

const collect = async (source: AsyncIterable<Uint8Array> | null): Promise<Buffer | null> =>
  source && (await buffer(source));

/** What every blob store promises; the names are those of the port. */
export function blobConformance(name: string, open: () => Promise<BlobUnderTest>): void {
  describe(name, () => {
    let under: BlobUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.close());

    test("what was put is got and read, and repeating it changes nothing", async () => {
      const { blobs } = under;
      const key = newKey();
      const bytes = randomBytes(10_000);
      for (let i = 0; i < 2; i++) await blobs.put(key, bytes);
      expect(Buffer.compare((await blobs.get(key))!, bytes)).toBe(0);
      expect(Buffer.compare((await collect(await blobs.read(key)))!, bytes)).toBe(0);
    });

    test.each([0, 1, 64 * 1024, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 1_500_000])(
      "%i bytes are written and read as a stream, whatever the pieces",
      async (size) => {
        const { blobs } = under;
        const bytes = randomBytes(size);
        for (const piece of [7_777, size + 1]) {
          const key = newKey();
          const parts = Array.from({ length: Math.ceil(size / piece) }, (_, i) =>
            bytes.subarray(i * piece, (i + 1) * piece),
          );
          await blobs.write(key, chunks(...parts));
          expect(Buffer.compare((await collect(await blobs.read(key)))!, bytes)).toBe(0);
          expect(Buffer.compare((await blobs.get(key))!, bytes)).toBe(0);
        }
      },
    );

    test("what is not there is null, and deleting it is no error", async () => {
      const key = newKey();
      await under.blobs.delete(key);
      expect(await under.blobs.get(key)).toBeNull();
      expect(await under.blobs.read(key)).toBeNull();
    });

    test("what was deleted is not there, also for one who was about to read it", async () => {
      const { blobs } = under;
      const key = newKey();
      await blobs.put(key, randomBytes(5));
      const late = await blobs.read(key);
      await blobs.delete(key);
      expect(await blobs.get(key)).toBeNull();
      expect(await blobs.read(key)).toBeNull();
      if (under.reopen) await expect(collect(late)).rejects.toMatchObject({ code: "PAYLOAD_NOT_FOUND" });
    });

    test("a source that fails leaves nothing, and its error is the one thrown", async () => {
      const { blobs } = under;
      const key = newKey();
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield randomBytes(700_000);
        throw new Error("the line broke");
      }
      await expect(blobs.write(key, broken())).rejects.toThrow("the line broke");
      expect(await blobs.read(key)).toBeNull();
      await blobs.write(key, chunks(Buffer.from("whole")));
      expect((await blobs.get(key))?.toString()).toBe("whole");
    });

    test("a blob is not there before its last byte is", async () => {
      const { blobs } = under;
      const key = newKey();
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield randomBytes(600_000);
        begun.resolve();
        await gate.promise;
        yield randomBytes(1);
      }
      const written = blobs.write(key, slow());
      await begun.promise;
      expect(await blobs.get(key)).toBeNull();
      gate.resolve();
      await written;
      expect((await blobs.get(key))?.length).toBe(600_001);
    });

    test("two writers of one key do not mix", async () => {
      const { blobs } = under;
      const key = newKey();
      const bytes = randomBytes(1_200_000);
      const parts = (size: number): Uint8Array[] =>
        Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
      await Promise.all([blobs.write(key, chunks(...parts(100_000))), blobs.write(key, chunks(...parts(333_333)))]);
      expect(Buffer.compare((await blobs.get(key))!, bytes)).toBe(0);
    });

    test("a stream that is left early lets go, and can be begun again", async () => {
      const { blobs } = under;
      const key = newKey();
      await blobs.put(key, randomBytes(1_200_000));
      for (let i = 0; i < 20; i++) {
        for await (const chunk of (await blobs.read(key))!) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      }
      expect((await collect(await blobs.read(key)))?.length).toBe(1_200_000);
    });

    test("a stream comes in chunks of a megabyte at most, whatever the size of the blob", async () => {
      const { blobs } = under;
      const key = newKey();
      await blobs.write(
        key,
        (async function* () {
          for (let i = 0; i < 200; i++) yield Buffer.alloc(64 * 1024, i);
        })(),
      );
      let longest = 0;
      for await (const chunk of (await blobs.read(key))!) longest = Math.max(longest, chunk.length);
      expect(longest).toBeLessThanOrEqual(1024 * 1024);
    });

    test("another process finds what was written", async (context) => {
      if (!under.reopen) return context.skip("it ends with the process");
      const key = newKey();
      await under.blobs.write(key, chunks(randomBytes(3)));
      const other = await under.reopen();
      expect((await other.get(key))?.length).toBe(3);
      await other.close();
    });
  });
}
