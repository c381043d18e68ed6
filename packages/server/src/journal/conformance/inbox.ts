import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OfferedInput } from "../journal.ts";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, created, finish, join, row, takeOver, TENANT } from "./fixture.ts";

const input = (runId: string, inputId: string, tenant = TENANT): OfferedInput => ({
  tenant,
  runId,
  inputId,
  body: `1{"id":${JSON.stringify(inputId)}}`,
});

export function inboxFacts(open: Open): void {
  describe("inbox", () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    test("every input has its own answer, in the order of the offer", async () => {
      const { journal } = opened;
      const member = await join(journal);
      await created(opened, member, "open");
      const ended = await created(opened, member, "ended");
      await appendOne(journal, member, row(ended, 2, finish(opened)));
      await journal.offer([input("open", "a")]);
      const results = await journal.offer([
        input("open", "b"),
        input("open", "a"),
        input("ended", "a"),
        input("nowhere", "a"),
        input("open", "b"),
        input("open", "c", "other"),
      ]);
      expect(results).toEqual(["offered", "duplicate", "finished", "not_found", "duplicate", "not_found"]);
      expect(await journal.offer([])).toEqual([]);
    });

    test("an input that no store can take is refused; a run that cannot be named is not found (F36)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      await created(opened, member, "one");
      for (const bad of [{ inputId: "nul\u0000" }, { body: '"\ud800"' }, { body: "\u0000" }]) {
        const offer = journal.offer([{ ...input("one", "x"), ...bad }]);
        await expect(offer).rejects.toMatchObject({ code: "INVALID_REQUEST" });
      }
      const large = journal.offer([{ ...input("one", "x"), body: "x".repeat(opened.rowBytesMax + 1) }]);
      await expect(large).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
      const odd = await journal.offer([input("one\u0000", "x"), input("one", "x"), input("\ud800", "x", "a\u0000")]);
      expect(odd).toEqual(["not_found", "offered", "not_found"]);
    });

    test("the owner sees inputs oldest first until a row of the run takes them (J4)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const one = await created(opened, member, "one");
      const two = await created(opened, member, "two");
      await journal.offer([input("one", "x"), input("two", "x")]);
      await journal.offer([input("one", "y")]);
      const seen = await journal.inbox(member, 10);
      expect(seen.map(({ runKey, inputId }) => [runKey, inputId])).toEqual([
        [one.runKey, "x"],
        [two.runKey, "x"],
        [one.runKey, "y"],
      ]);
      expect(seen[0]!.body).toBe('1{"id":"x"}');
      expect(await journal.inbox(member, 2)).toHaveLength(2);
      await appendOne(journal, member, row(one, 2, { inputsTaken: ["x", "never there"] }));
      expect((await journal.inbox(member, 10)).map(({ inputId }) => inputId)).toEqual(["x", "y"]);
      expect((await journal.inbox(member, 10))[0]!.runKey).toBe(two.runKey);
    });

    test("a row that is not stored takes no input", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const one = await created(opened, member, "one");
      await journal.offer([input("one", "x")]);
      await appendOne(journal, member, row(one, 2, { epoch: 7, inputsTaken: ["x"] }));
      await appendOne(journal, member, row(one, 9, { inputsTaken: ["x"] }));
      expect(await journal.inbox(member, 10)).toHaveLength(1);
    });

    test("a new owner sees the inputs that the old one had not taken; the old one sees none", async () => {
      const { journal } = opened;
      const old = await join(journal);
      const one = await created(opened, old, "one");
      await journal.offer([input("one", "x"), input("one", "y")]);
      await appendOne(journal, old, row(one, 2, { inputsTaken: ["x"] }));
      const { member } = await takeOver(opened);
      expect((await journal.inbox(member, 10)).map(({ inputId }) => inputId)).toEqual(["y"]);
      expect(await journal.inbox(old, 10)).toEqual([]);
    });

    test("the end of a run ends its inbox", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const one = await created(opened, member, "one");
      await journal.offer([input("one", "x"), input("one", "y")]);
      await appendOne(journal, member, row(one, 2, { ...finish(opened), inputsTaken: ["x"] }));
      expect(await journal.inbox(member, 10)).toEqual([]);
      expect(await journal.offer([input("one", "y")])).toEqual(["finished"]);
    });

    test("an input offered at the moment of a release is not lost", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const runs = [];
      for (let at = 0; at < 20; at++) runs.push(await created(opened, member, `run_${at}`));
      await Promise.all(
        runs.flatMap((run, at) => [
          journal.offer([input(`run_${at}`, "x")]),
          journal.release(member, [{ runKey: run.runKey, epoch: 1, availableAt: null }]),
        ]),
      );
      expect(await journal.claim(member, 100)).toHaveLength(20);
      expect(await journal.inbox(member, 100)).toHaveLength(20);
    });

    test("the owner of a run is told of an input, where the driver can tell", async () => {
      const { journal } = opened;
      if (!journal.onInbox) return;
      const member = await join(journal);
      await created(opened, member, "one");
      const told: number[] = [];
      const stop = journal.onInbox((workerKey) => told.push(workerKey));
      // A listener that has to connect first may miss the first word: it is told again by the next input.
      for (let at = 0; told.length === 0 && at < 2000; at++) {
        await journal.offer([input("one", `x${at}`)]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      stop();
      expect(told[0]).toBe(member.workerKey);
    });
  });
}
