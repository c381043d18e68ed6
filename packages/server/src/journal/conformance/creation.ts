import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, bodies, created, creation, finish, join, row, TENANT } from "./fixture.ts";

export function creationFacts(open: Open): void {
  describe("creation", () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    const keyed = (key: string, fingerprint = "fingerprint", lastsMs = 60_000) => ({
      fingerprint,
      idempotency: { key, fingerprint, expiresAt: opened.now() + lastsMs },
    });

    test("keys of two blocks are never the same", async () => {
      const blocks = await Promise.all(
        [1, 500, 7, 2000].map(async (count) => ({
          first: await opened.journal.reserveKeys(count),
          count,
        })),
      );
      const keys = blocks.flatMap(({ first, count }) => Array.from({ length: count }, (_, at) => first + at));
      expect(new Set(keys).size).toBe(2508);
      expect(keys.every((key) => Number.isSafeInteger(key) && key > 0)).toBe(true);
    });

    test("the head shows what the creation said", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1", { priority: "batch", metadata: { a: [1, null, "ü"] } });
      expect(await journal.head(TENANT, "run_1")).toEqual({
        runKey: first.runKey,
        tenant: TENANT,
        id: "run_1",
        workflow: "flow",
        version: "1.0.0",
        versionHash: "hash-of-plan",
        status: "pending",
        priority: "batch",
        metadata: { a: [1, null, "ü"] },
        createdAt: first.create!.createdAt,
        startedAt: null,
        finishedAt: null,
        availableAt: null,
        errorCode: null,
        epoch: 1,
        fingerprint: "fingerprint",
        crashCount: 0,
      });
    });

    test("a creation may bring its first change and even its end", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await creation(opened, "quick");
      const change = { status: "failed", startedAt: 5, finishedAt: opened.now(), errorCode: "STEP_FAILED" } as const;
      expect((await appendOne(journal, member, { ...first, change })).type).toBe("committed");
      expect(await journal.head(TENANT, "quick")).toMatchObject(change);
      expect(await journal.stats(TENANT)).toMatchObject({ submitted: 1, open: 0, failed: 1 });
    });

    test("an id that is there is answered by the run it names, or refused for other content", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "mine");
      const again = await appendOne(journal, member, await creation(opened, "mine"));
      expect(again).toMatchObject({ type: "exists", head: { id: "mine", runKey: first.runKey } });
      const other = await appendOne(journal, member, await creation(opened, "mine", { fingerprint: "other" }));
      expect(other).toMatchObject({ type: "refused", code: "RUN_ID_TAKEN" });
      expect((await journal.stats(TENANT)).submitted).toBe(1);
    });

    test("two creations of one id in one batch make one run", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const batch = await Promise.all([creation(opened, "mine"), creation(opened, "mine")]);
      const verdicts = await journal.append(member, batch);
      expect(verdicts.map(({ type }) => type)).toEqual(["committed", "exists"]);
    });

    test("100 concurrent creations with one idempotency key make one run (F57)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const batch = await Promise.all(
        Array.from({ length: 100 }, (_, at) => creation(opened, `run_${at}`, keyed("K"))),
      );
      const flushes = Array.from({ length: 10 }, (_, at) => journal.append(member, batch.slice(at * 10, at * 10 + 10)));
      const verdicts = (await Promise.all(flushes)).flat();
      const winners = verdicts.flatMap(({ type }, at) => (type === "committed" ? [at] : []));
      expect(winners).toHaveLength(1);
      for (const verdict of verdicts) {
        if (verdict.type !== "committed") {
          expect(verdict).toMatchObject({ type: "exists", head: { id: `run_${winners[0]}` } });
        }
      }
      expect((await journal.find({ tenant: TENANT, limit: 200 })).runs).toHaveLength(1);
      expect((await journal.stats(TENANT)).submitted).toBe(1);
    });

    test("a key with another body is refused, and is free again after it has expired", async () => {
      const { journal } = opened;
      const member = await join(journal);
      await created(opened, member, "one", keyed("K", "a", 5000));
      const other = await appendOne(journal, member, await creation(opened, "two", keyed("K", "b")));
      expect(other).toMatchObject({ type: "refused", code: "RUN_ID_TAKEN" });
      await opened.advance(5001);
      const later = await appendOne(journal, member, await creation(opened, "three", keyed("K", "b")));
      expect(later.type).toBe("committed");
      const third = await appendOne(journal, member, await creation(opened, "four", keyed("K", "b")));
      expect(third).toMatchObject({ type: "exists", head: { id: "three" } });
    });

    test("the same key of another tenant is another key", async () => {
      const { journal } = opened;
      const member = await join(journal);
      await created(opened, member, "one", keyed("K"));
      const other = await creation(opened, "one", { ...keyed("K", "b"), tenant: "other" });
      expect((await appendOne(journal, member, other)).type).toBe("committed");
    });

    test("a refused creation leaves nothing: its id and key stay free", async () => {
      const { journal } = opened;
      const member = await join(journal);
      await created(opened, member, "one", keyed("K", "a"));
      await appendOne(journal, member, await creation(opened, "two", keyed("K", "b")));
      const retry = await creation(opened, "two", keyed("L", "b"));
      expect((await appendOne(journal, member, retry)).type).toBe("committed");
      expect(await bodies(journal, retry.runKey)).toHaveLength(1);
    });

    test("a run that ended is still the one its id and key name", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "one", keyed("K"));
      await appendOne(journal, member, row(first, 2, finish(opened)));
      const again = await appendOne(journal, member, await creation(opened, "two", keyed("K")));
      expect(again).toMatchObject({ type: "exists", head: { id: "one", status: "succeeded" } });
    });
  });
}
