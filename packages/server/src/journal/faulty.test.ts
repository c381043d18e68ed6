import { expect, test } from "vitest";
import { appendOne, bodies, creation, join, row } from "./conformance/fixture.ts";
import type { Opened } from "./conformance/fixture.ts";
import { faultyJournal } from "./faulty.testing.ts";
import { memoryJournal } from "./memory.ts";

function opened(): Opened {
  const journal = memoryJournal({ now: () => 1 });
  return { journal, now: () => 1, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
}

test("an append that was done and not answered is safe to repeat (F17)", async () => {
  const store = opened();
  const journal = faultyJournal(store.journal, (call) => (call === 1 ? "unanswered" : null));
  const member = await join(journal);
  const first = await creation(store, "run_1");
  await expect(appendOne(journal, member, first)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(await appendOne(journal, member, first)).toMatchObject({ type: "committed" });
  expect(await bodies(journal, first.runKey)).toHaveLength(1);
  expect(journal.appends).toBe(2);
});

test("an append that was refused left nothing", async () => {
  const store = opened();
  const journal = faultyJournal(store.journal, () => "refused");
  const first = await creation(store, "run_1");
  await expect(appendOne(journal, await join(journal), first)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(await bodies(store.journal, first.runKey)).toHaveLength(0);
});

test("a late answer comes when it is let go, and the row is there before", async () => {
  const store = opened();
  const journal = faultyJournal(store.journal, (_, [append]) => (append!.seq === 2 ? "late" : null));
  const member = await join(journal);
  const first = await creation(store, "run_1");
  await appendOne(journal, member, first);
  let answered = false;
  const late = appendOne(journal, member, row(first, 2)).then((verdict) => {
    answered = true;
    return verdict;
  });
  expect(await bodies(journal, first.runKey)).toHaveLength(2);
  expect(answered).toBe(false);
  journal.letGo();
  expect(await late).toMatchObject({ type: "committed" });
});
