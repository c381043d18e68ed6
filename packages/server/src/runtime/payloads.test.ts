import { createHash } from "node:crypto";
import { Payload } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { memoryBlobs } from "../blob/memory.ts";
import { memoryJournal } from "../journal/memory.ts";
import { Payloads } from "./payloads.ts";

test("an object that is named many times is read once", async () => {
  const blobs = memoryBlobs();
  const texts = [JSON.stringify("a".repeat(5000)), JSON.stringify("b".repeat(5000))];
  const stored = texts.map((text) => ({ text, hash: createHash("sha256").update(text).digest("hex") }));
  for (const { text, hash } of stored) await blobs.put(`t/${hash}`, Buffer.from(text));
  const read: string[] = [];
  const counting = {
    ...blobs,
    get: (key: string) => {
      read.push(key);
      return blobs.get(key);
    },
  };
  const journal = memoryJournal({ now: () => 0 });
  const payloads = new Payloads(journal, counting, { payloadBytesMax: 1e6, objectBytesMin: 1000 });
  const [one, other] = stored.map(({ text, hash }) => Payload.ofStored(hash, text.length)) as [Payload, Payload];
  const again = Payload.ofStored(stored[0]!.hash, texts[0]!.length);
  await payloads.load("t", [one, one, other, again, one], true);
  expect(read).toEqual(stored.map(({ hash }) => `t/${hash}`));
  expect([one, again, other].map(({ text }) => text)).toEqual([texts[0], texts[0], texts[1]]);
});

describe("objects that many ask for by themselves, such as steps far from the owner of their run", () => {
  const text = JSON.stringify(["a".repeat(5000)]);
  const hash = createHash("sha256").update(text).digest("hex");
  const stored = (): Payload => Payload.ofStored(hash, text.length);

  /** Payloads over a journal that counts what is read. */
  function counting(payloadBytesMax: number, isThere = true): { payloads: Payloads; reads: string[] } {
    const reads: string[] = [];
    const inner = memoryJournal({ now: () => 0 });
    const journal: typeof inner = Object.assign(Object.create(inner) as typeof inner, {
      payloads: async (_tenant: string, hashes: readonly string[]) => {
        reads.push(...hashes);
        return new Map(isThere ? hashes.map((one) => [one, Buffer.from(text)]) : []);
      },
    });
    return { payloads: new Payloads(journal, memoryBlobs(), { payloadBytesMax, objectBytesMin: 1000 }), reads };
  }

  test("at the same time, and one after the other, are read once, and are one value", async () => {
    const { payloads, reads } = counting(1e6);
    const asked = Array.from({ length: 5 }, stored);
    await Promise.all(asked.map((one) => payloads.load("t", [one])));
    const later = stored();
    await payloads.load("t", [later]);
    expect(reads).toEqual([hash]);
    expect([...asked, later].map((one) => one.text)).toEqual(Array.from({ length: 6 }, () => text));
    expect(new Set([...asked, later].map((one) => one.value)).size).toBe(1);
  });

  test("are not shared between tenants", async () => {
    const { payloads, reads } = counting(1e6);
    await Promise.all(["t", "u"].map((tenant) => payloads.load(tenant, [stored()])));
    expect(reads).toEqual([hash, hash]);
  });

  test("are read again where they are too large to be kept", async () => {
    const { payloads, reads } = counting(10_000);
    await Promise.all([stored(), stored()].map((one) => payloads.load("t", [one])));
    expect(reads).toEqual([hash]);
    await payloads.load("t", [stored()]);
    expect(reads).toEqual([hash, hash]);
  });

  test("that are not there are asked for again", async () => {
    const { payloads, reads } = counting(1e6, false);
    for (let times = 0; times < 2; times++)
      await expect(payloads.load("t", [stored()])).rejects.toMatchObject({ code: "PAYLOAD_NOT_FOUND" });
    expect(reads).toEqual([hash, hash]);
  });
});
