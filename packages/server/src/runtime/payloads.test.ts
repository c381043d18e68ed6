import { createHash } from "node:crypto";
import { Payload } from "@weftwork/core";
import { expect, test } from "vitest";
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
