import { expect, test } from "vitest";
import { Gather } from "./gather.ts";

test("what comes while a flush is under way goes with the next one, up to the most of one flush", async () => {
  const flushed: (readonly number[])[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const gather = new Gather<number>(async (items) => {
    flushed.push(items);
    await gates[flushed.length - 1]!.promise;
  }, 3);
  const first = gather.add(0);
  await Promise.resolve();
  await Promise.resolve();
  const others = [1, 2, 3, 4].map((item) => gather.add(item));
  for (const gate of gates) gate.resolve();
  await Promise.all([first, ...others]);
  expect(flushed).toEqual([[0], [1, 2, 3], [4]]);
});

test("an error is that of its flush, and the next one is not harmed", async () => {
  const gather = new Gather<string>(async (items) => {
    if (items.includes("bad")) throw new Error("refused");
  }, 1);
  const [bad, good] = [gather.add("bad"), gather.add("good")];
  await expect(bad).rejects.toThrow("refused");
  await good;
  await gather.settled();
});
