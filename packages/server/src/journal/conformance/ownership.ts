import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, bodies, created, creation, finish, join, LEASE_MS, row, takeOver, TENANT } from "./fixture.ts";

export function ownershipFacts(open: Open): void {
  describe("ownership", () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    test("a run is claimed when its time has come, not before, and once", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await creation(opened, "later", { availableAt: opened.now() + 5000 });
      await appendOne(journal, member, first);
      expect(await journal.claim(member, 10)).toEqual([]);
      expect((await journal.head(TENANT, "later"))!.availableAt).toBe(first.create!.availableAt);
      await opened.advance(5001);
      const heads = await journal.claim(member, 10);
      expect(heads).toMatchObject([{ id: "later", epoch: 2, crashCount: 0, availableAt: null, tenant: TENANT }]);
      expect(heads[0]).toEqual(await journal.head(TENANT, "later"));
      expect(await journal.claim(member, 10)).toEqual([]);
      expect((await appendOne(journal, member, row(first, 2, { epoch: 2 }))).type).toBe("committed");
    });

    test("nobody may append to a scheduled run before it is claimed", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await creation(opened, "later", { availableAt: opened.now() + 5000 });
      await appendOne(journal, member, first);
      expect(await appendOne(journal, member, row(first, 2))).toEqual({ type: "fenced" });
    });

    test("claims go by priority class, then by the time a run became due", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const now = opened.now();
      const plan = [
        ["background", 1],
        ["normal", 4],
        ["interactive", 9],
        ["normal", 2],
        ["batch", 3],
        ["interactive", 8],
      ] as const;
      for (const [priority, due] of plan) {
        await appendOne(
          journal,
          member,
          await creation(opened, `${priority}_${due}`, { priority, availableAt: now + due }),
        );
      }
      await opened.advance(20);
      const order = [...(await journal.claim(member, 4)), ...(await journal.claim(member, 4))];
      expect(order.map(({ id }) => id)).toEqual([
        "interactive_8",
        "interactive_9",
        "normal_2",
        "normal_4",
        "batch_3",
        "background_1",
      ]);
    });

    test("a takeover raises the epoch, counts the crash and fences the old owner (F4, F16)", async () => {
      const { journal } = opened;
      const old = await join(journal);
      const first = await created(opened, old, "run_1");
      const { member, heads } = await takeOver(opened);
      expect(heads).toMatchObject([{ id: "run_1", epoch: 2, crashCount: 1 }]);
      expect(await appendOne(journal, old, row(first, 2))).toEqual({ type: "fenced" });
      expect(await appendOne(journal, old, row(first, 2, { epoch: 2 }))).toEqual({ type: "fenced" });
      expect(await appendOne(journal, old, await creation(opened, "run_2"))).toEqual({ type: "fenced" });
      expect(await appendOne(journal, member, row(first, 2))).toEqual({ type: "fenced" });
      expect(await bodies(journal, first.runKey)).toHaveLength(1);
      expect((await appendOne(journal, member, row(first, 2, { epoch: 2 }))).type).toBe("committed");
      expect((await journal.read(first.runKey)).rows.map(({ epoch }) => epoch)).toEqual([1, 2]);
      expect(await journal.claim(old, 10)).toEqual([]);
    });

    test("the old owner's last row is its own even when its answer came late: sent again, it is fenced", async () => {
      const { journal } = opened;
      const old = await join(journal);
      const first = await created(opened, old, "run_1");
      await appendOne(journal, old, row(first, 2));
      await takeOver(opened);
      expect(await appendOne(journal, old, row(first, 2))).toEqual({ type: "fenced" });
    });

    test("a finished run is never claimed", async () => {
      const { journal } = opened;
      const old = await join(journal);
      const first = await created(opened, old, "run_1");
      await appendOne(journal, old, row(first, 2, finish(opened)));
      expect((await takeOver(opened)).heads).toEqual([]);
    });

    test("each takeover from a dead worker is counted; a release in order sets the count back", async () => {
      const { journal } = opened;
      await created(opened, await join(journal), "poison");
      for (let crash = 1; crash <= 3; crash++) {
        expect((await takeOver(opened)).heads).toMatchObject([{ epoch: crash + 1, crashCount: crash }]);
      }
      const { member, heads } = await takeOver(opened);
      const { runKey, epoch } = heads[0]!;
      expect(await journal.release(member, [{ runKey, epoch, availableAt: opened.now() }])).toBe(1);
      expect(await journal.claim(member, 1)).toMatchObject([{ epoch: epoch + 1, crashCount: 0 }]);
    });

    test("a run that is given back because of its crashes keeps their count", async () => {
      const { journal } = opened;
      await created(opened, await join(journal), "poison");
      await takeOver(opened);
      const { member, heads } = await takeOver(opened);
      const { runKey, epoch } = heads[0]!;
      const release = { runKey, epoch, availableAt: opened.now(), keepsCrashes: true };
      expect(await journal.release(member, [release])).toBe(1);
      expect(await journal.claim(member, 1)).toMatchObject([{ epoch: epoch + 1, crashCount: 2 }]);
    });

    test("a takeover takes no more than its limit, and the rest is there for the next", async () => {
      const { journal } = opened;
      const old = await join(journal);
      const batch = await Promise.all(Array.from({ length: 12 }, (_, at) => creation(opened, `run_${at}`)));
      await journal.append(old, batch);
      const { member, heads } = await takeOver(opened, 5);
      expect(heads).toHaveLength(5);
      expect(await journal.claim(member, 5)).toHaveLength(5);
      expect(await journal.claim(member, 5)).toHaveLength(2);
      expect(await journal.claim(member, 5)).toEqual([]);
      const verdicts = await journal.append(
        old,
        batch.map((first) => row(first, 2)),
      );
      expect(verdicts.every(({ type }) => type === "fenced")).toBe(true);
    });

    test("runs of a worker that left can be claimed at once, without counting a crash", async () => {
      const { journal } = opened;
      const old = await join(journal);
      const first = await created(opened, old, "run_1");
      await old.leave();
      await old.leave();
      expect(old.deadline()).toBe(Number.NEGATIVE_INFINITY);
      const member = await join(journal);
      expect(await journal.claim(member, 10)).toMatchObject([{ id: "run_1", epoch: 2, crashCount: 0 }]);
      expect(await appendOne(journal, old, row(first, 2))).toEqual({ type: "fenced" });
    });

    test("a released run has no owner until its time, and its epoch keeps others out", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      const availableAt = opened.now() + 3000;
      expect(await journal.release(member, [{ runKey: first.runKey, epoch: 9, availableAt }])).toBe(0);
      expect(await journal.release(member, [{ runKey: first.runKey, epoch: 1, availableAt }])).toBe(1);
      expect(await journal.release(member, [{ runKey: first.runKey, epoch: 1, availableAt }])).toBe(0);
      expect(await appendOne(journal, member, row(first, 2))).toEqual({ type: "fenced" });
      expect((await journal.head(TENANT, "run_1"))!.availableAt).toBe(availableAt);
      expect(await journal.claim(member, 1)).toEqual([]);
      await opened.advance(3001);
      expect(await journal.claim(member, 1)).toMatchObject([{ id: "run_1", epoch: 2 }]);
    });

    test("a member can ask which open runs are its own", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const [kept, ended, released] = [
        await created(opened, member, "kept"),
        await created(opened, member, "ended"),
        await created(opened, member, "released"),
      ];
      await appendOne(journal, member, row(ended, 2, finish(opened)));
      await journal.release(member, [{ runKey: released.runKey, epoch: 1, availableAt: opened.now() + 90_000 }]);
      expect(await journal.owned(member)).toEqual([{ runKey: kept.runKey, epoch: 1 }]);
      const over = await takeOver(opened);
      expect(await journal.owned(member)).toEqual([]);
      expect(await journal.owned(over.member)).toEqual([{ runKey: kept.runKey, epoch: 2 }]);
    });

    test("a run released without a time waits for an input, however long", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      await journal.release(member, [{ runKey: first.runKey, epoch: 1, availableAt: null }]);
      const { member: second, heads } = await takeOver(opened);
      expect(heads).toEqual([]);
      await journal.offer([{ tenant: TENANT, runId: "run_1", inputId: "signal", body: "1{}" }]);
      expect(await journal.claim(second, 1)).toMatchObject([{ id: "run_1", epoch: 2 }]);
      expect(await journal.inbox(second, 10)).toHaveLength(1);
    });

    test("an input that came before the release makes the run due at once", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      await journal.offer([{ tenant: TENANT, runId: "run_1", inputId: "signal", body: "1{}" }]);
      const availableAt = opened.now() + 3_600_000;
      expect(await journal.release(member, [{ runKey: first.runKey, epoch: 1, availableAt }])).toBe(1);
      expect(await journal.claim(member, 1)).toMatchObject([{ id: "run_1" }]);
    });

    test("runs of a live worker are never claimed, and an ended lease fences before anybody takes over", async () => {
      const { journal } = opened;
      if (!journal.capabilities.manyOwners) return;
      const old = await join(journal);
      const first = await created(opened, old, "run_1");
      await opened.advance(LEASE_MS - 1000);
      const other = await join(journal, "two");
      expect(await journal.claim(other, 10)).toEqual([]);
      expect((await appendOne(journal, old, row(first, 2))).type).toBe("committed");
      await opened.advance(1500);
      expect(await journal.claim(other, 10)).toEqual([]);
      expect(await appendOne(journal, old, row(first, 3))).toEqual({ type: "fenced" });
      await opened.advance(600);
      expect(await journal.claim(other, 10)).toMatchObject([{ id: "run_1", epoch: 2 }]);
    });

    test("two workers of one configured name are two workers (F11)", async () => {
      const { journal } = opened;
      if (!journal.capabilities.manyOwners) return;
      const [one, two] = [await join(journal, "same"), await join(journal, "same")];
      expect(one.workerKey).not.toBe(two.workerKey);
      const first = await created(opened, one, "run_1");
      expect(await appendOne(journal, two, row(first, 2))).toEqual({ type: "fenced" });
      await two.leave();
      expect((await appendOne(journal, one, row(first, 2))).type).toBe("committed");
    });

    test("two claims at the same moment never get the same run (F16)", async () => {
      const { journal } = opened;
      const old = await join(journal);
      await journal.append(
        old,
        await Promise.all(Array.from({ length: 60 }, (_, at) => creation(opened, `run_${at}`))),
      );
      const { member } = await takeOver(opened, 1);
      const other = journal.capabilities.manyOwners ? await join(journal) : member;
      const claims = await Promise.all([1, 2, 3, 4].map((at) => journal.claim(at % 2 ? member : other, 20)));
      const ids = claims.flat().map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(claims.flat().every(({ epoch }) => epoch === 2)).toBe(true);
    });
  });
}
