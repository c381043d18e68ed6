import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunHead, RunQuery } from "../journal.ts";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, created, finish, join, row, TENANT } from "./fixture.ts";

export function queryFacts(open: Open): void {
  describe("queries", () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    async function all(query: RunQuery): Promise<RunHead[]> {
      const runs: RunHead[] = [];
      let cursor: string | undefined;
      do {
        const page = await opened.journal.find({ ...query, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.runs.length).toBeLessThanOrEqual(query.limit);
        runs.push(...page.runs);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      return runs;
    }

    async function ids(query: Partial<RunQuery>): Promise<number[]> {
      return (await all({ tenant: TENANT, limit: 2, ...query })).map(({ id }) => Number(id.slice(4)));
    }

    test("pages hold every run once, newest first, also where times are equal", async () => {
      const member = await join(opened.journal);
      const base = opened.now();
      for (let at = 0; at < 23; at++) {
        await created(opened, member, `run_${at}`, { createdAt: base + Math.floor(at / 4) });
      }
      const runs = await all({ tenant: TENANT, limit: 5 });
      expect(runs.map(({ id }) => id)).toEqual(Array.from({ length: 23 }, (_, at) => `run_${22 - at}`));
      expect((await opened.journal.find({ tenant: TENANT, limit: 23 })).nextCursor).toBeNull();
      expect((await opened.journal.find({ tenant: TENANT, limit: 100_000 })).runs).toHaveLength(23);
    });

    test("runs are found by status, workflow and time", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const base = opened.now();
      for (let at = 0; at < 12; at++) {
        const workflow = at % 2 ? "odd" : "even";
        const first = await created(opened, member, `run_${at}`, { createdAt: base + at, workflow });
        if (at < 4) await appendOne(journal, member, row(first, 2, finish(opened, at < 2 ? "failed" : "succeeded")));
        else if (at < 8)
          await appendOne(journal, member, row(first, 2, { change: { status: "waiting", startedAt: 7 } }));
      }
      expect(await ids({ status: ["failed"] })).toEqual([1, 0]);
      expect(await ids({ status: ["failed", "waiting"] })).toEqual([7, 6, 5, 4, 1, 0]);
      expect(await ids({ status: ["pending"], workflow: "odd" })).toEqual([11, 9]);
      expect(await ids({ workflow: "even" })).toEqual([10, 8, 6, 4, 2, 0]);
      expect(await ids({ createdAfter: base + 3, createdBefore: base + 6 })).toEqual([5, 4]);
      expect(await ids({ status: ["cancelled"] })).toEqual([]);
      expect(await ids({ status: [] })).toEqual([]);
      expect(await ids({ status: ["succeeded", "failed", "pending"] })).toEqual([11, 10, 9, 8, 3, 2, 1, 0]);
      expect(await ids({ status: ["succeeded", "succeeded"], workflow: "odd" })).toEqual([3]);
      expect(await ids({ status: ["failed"], workflow: "odd" })).toEqual([1]);
    });

    test("a change shows in the head; what it leaves out stays", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "one");
      await appendOne(journal, member, row(first, 2, { change: { status: "running", startedAt: 42 } }));
      await appendOne(journal, member, row(first, 3));
      await appendOne(journal, member, row(first, 4, { change: { status: "waiting" } }));
      expect(await journal.head(TENANT, "one")).toMatchObject({ status: "waiting", startedAt: 42, finishedAt: null });
      await appendOne(
        journal,
        member,
        row(first, 5, { change: { status: "failed", finishedAt: 99, errorCode: "RUN_TIMEOUT" } }),
      );
      expect(await journal.head(TENANT, "one")).toMatchObject({
        status: "failed",
        startedAt: 42,
        finishedAt: 99,
        errorCode: "RUN_TIMEOUT",
      });
    });

    test("another tenant sees nothing, and cannot write (J5)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "one");
      expect(await journal.head("other", "one")).toBeNull();
      expect((await journal.find({ tenant: "other", limit: 10 })).runs).toEqual([]);
      expect(await journal.stats("other")).toEqual({ submitted: 0, open: 0, succeeded: 0, failed: 0, cancelled: 0 });
      const foreign = row({ runKey: first.runKey, tenant: "other" }, 2);
      expect(await appendOne(journal, member, foreign)).toMatchObject({ type: "refused", code: "RUN_NOT_FOUND" });
      const same = await created(opened, member, "one", { tenant: "other" });
      expect((await journal.head("other", "one"))!.runKey).toBe(same.runKey);
      expect((await journal.head(TENANT, "one"))!.runKey).toBe(first.runKey);
    });

    test("statistics are what happened, for each tenant", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const ends = ["succeeded", "failed", "cancelled", "succeeded", null, null] as const;
      for (const [at, status] of ends.entries()) {
        const first = await created(opened, member, `run_${at}`, at === 5 ? { tenant: "other" } : {});
        if (status) await appendOne(journal, member, row(first, 2, finish(opened, status)));
      }
      expect(await journal.stats(TENANT)).toEqual({ submitted: 5, open: 1, succeeded: 2, failed: 1, cancelled: 1 });
      expect(await journal.stats("other")).toEqual({ submitted: 1, open: 1, succeeded: 0, failed: 0, cancelled: 0 });
    });

    test("names that no store can hold name nothing (F36)", async () => {
      const { journal } = opened;
      await created(opened, await join(journal), "one\ufffd");
      for (const odd of ["one\u0000", "one\ud800"]) {
        expect(await journal.head(TENANT, odd)).toBeNull();
        expect(await journal.head(odd, "one")).toBeNull();
        expect((await journal.find({ tenant: odd, limit: 5 })).runs).toEqual([]);
        expect((await journal.find({ tenant: TENANT, workflow: odd, limit: 5 })).runs).toEqual([]);
        expect((await journal.payloads(TENANT, [odd])).size).toBe(0);
        expect((await journal.stats(odd)).submitted).toBe(0);
      }
    });

    test("a cursor that no page gave is refused", async () => {
      const query = { tenant: TENANT, limit: 1, cursor: "nonsense" };
      await expect(opened.journal.find(query)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    });

    test("a closed journal says so", async () => {
      const { journal } = opened;
      await journal.close();
      await expect(journal.head(TENANT, "one")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      await journal.close();
    });
  });
}
