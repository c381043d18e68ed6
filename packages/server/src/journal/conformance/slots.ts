import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Append, Membership, RunCreation, Verdict } from "../journal.ts";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, created, creation, finish, join, row, takeOver, TENANT } from "./fixture.ts";

type Strategy = NonNullable<RunCreation["slot"]>["strategy"];

export function slotFacts(open: Open): void {
  describe("slots", () => {
    let opened: Opened;
    let member: Membership;
    beforeEach(async () => {
      opened = await open();
      member = await join(opened.journal);
    });
    afterEach(() => opened.close());

    const slotted = (id: string, strategy: Strategy = "queue", limit = 1, key = "K") =>
      creation(opened, id, { slot: { key, limit, strategy } });

    async function submit(id: string, strategy: Strategy = "queue", limit = 1): Promise<[Append, Verdict]> {
      const first = await slotted(id, strategy, limit);
      return [first, await appendOne(opened.journal, member, first)];
    }

    const end = (first: Append, seq = 2, epoch = 1) =>
      appendOne(opened.journal, member, row(first, seq, { epoch, ...finish(opened) }));

    test("the limit holds, the others wait, and slots are granted in the order of submission", async () => {
      const [a, first] = await submit("a", "queue", 2);
      const [b] = await submit("b", "queue", 2);
      const [c, third] = await submit("c", "queue", 2);
      const [d] = await submit("d", "queue", 2);
      expect(first).toMatchObject({ type: "committed", slot: "granted" });
      expect(third).toMatchObject({ type: "committed", slot: "queued", granted: [], cancel: [] });
      expect(await end(b)).toMatchObject({ type: "committed", granted: [c.runKey] });
      // Each is told in its inbox too, at once or later: an owner that did not see the verdict has to know.
      expect(await opened.journal.inbox(member, 10)).toEqual(
        [a, c].map(({ runKey }) => ({ runKey, inputId: "slot_granted", body: '1{"type":"slot_granted"}' })),
      );
      expect(await end(a)).toMatchObject({ granted: [d.runKey] });
      expect(await end(c)).toMatchObject({ granted: [] });
      const [, late] = await submit("e", "queue", 2);
      expect(late).toMatchObject({ slot: "granted" });
    });

    test("a run that ends while it waits leaves the queue", async () => {
      const [a] = await submit("a");
      const [b] = await submit("b");
      const [c] = await submit("c");
      expect(await end(b)).toMatchObject({ granted: [] });
      expect(await end(a)).toMatchObject({ granted: [c.runKey] });
    });

    test("rows of one key in one batch are judged in their order", async () => {
      const { journal } = opened;
      const batch = [
        await slotted("a"),
        await slotted("b"),
        await slotted("c", "reject"),
        await slotted("x", "queue", 1, "L"),
      ];
      const verdicts = await journal.append(member, batch);
      expect(verdicts.map((v) => (v.type === "committed" ? v.slot : v.type))).toEqual([
        "granted",
        "queued",
        "refused",
        "granted",
      ]);
      const both = await journal.append(member, [
        row(batch[0]!, 2, finish(opened)),
        row(batch[1]!, 2, finish(opened, "cancelled")),
      ]);
      expect(both.map(({ type }) => type)).toEqual(["committed", "committed"]);
      const [, next] = await submit("d");
      expect(next).toMatchObject({ slot: "granted" });
    });

    test("with reject a run without a free slot is refused and leaves nothing", async () => {
      const [a] = await submit("a", "reject");
      const [, second] = await submit("b", "reject");
      expect(second).toMatchObject({ type: "refused", code: "RUN_REJECTED", details: { key: "K", workflow: "flow" } });
      expect(await opened.journal.head(TENANT, "b")).toBeNull();
      expect((await opened.journal.stats(TENANT)).submitted).toBe(1);
      await end(a);
      expect((await submit("b", "reject"))[1]).toMatchObject({ type: "committed", slot: "granted" });
    });

    test("with cancel_running the newest run stays: the older are asked to end, each once", async () => {
      const { journal } = opened;
      const [a] = await submit("a", "cancel_running");
      const [b, second] = await submit("b", "cancel_running");
      expect(second).toMatchObject({ type: "committed", slot: "queued", cancel: [{ id: "a", runKey: a.runKey }] });
      expect(await journal.inbox(member, 10)).toMatchObject([
        { runKey: a.runKey, inputId: "slot_granted" },
        { runKey: a.runKey, inputId: "slot_cancel" },
      ]);
      const [c, third] = await submit("c", "cancel_running");
      expect(third).toMatchObject({ slot: "queued", cancel: [{ id: "b" }] });
      expect(await end(b)).toMatchObject({ granted: [] });
      expect(await end(a)).toMatchObject({ granted: [c.runKey] });
    });

    test("a key belongs to its workflow and its tenant", async () => {
      const { journal } = opened;
      await submit("a");
      const slot = { key: "K", limit: 1, strategy: "queue" } as const;
      const workflow = await creation(opened, "b", { slot, workflow: "another" });
      const tenant = await creation(opened, "a", { slot, tenant: "other" });
      for (const first of [workflow, tenant]) {
        expect(await appendOne(journal, member, first)).toMatchObject({ slot: "granted" });
      }
    });

    test("a submission sent again keeps its place", async () => {
      const [a] = await submit("a");
      const [b, once] = await submit("b");
      expect(await appendOne(opened.journal, member, b)).toEqual(once);
      expect(await appendOne(opened.journal, member, a)).toMatchObject({ type: "committed", slot: "granted" });
      expect(await end(a)).toMatchObject({ granted: [b.runKey] });
      expect(await end(a)).toMatchObject({ type: "committed" });
      expect((await submit("c"))[1]).toMatchObject({ slot: "queued" });
    });

    test("a run that waits without owner is due when it gets its slot", async () => {
      const { journal } = opened;
      const [a] = await submit("a");
      const [b] = await submit("b");
      await journal.release(member, [{ runKey: b.runKey, epoch: 1, availableAt: null }]);
      expect(await journal.claim(member, 10)).toEqual([]);
      await end(a);
      expect(await journal.claim(member, 10)).toMatchObject([{ id: "b", epoch: 2 }]);
      expect(await journal.inbox(member, 10)).toMatchObject([{ inputId: "slot_granted" }]);
    });

    test("slots survive their owner", async () => {
      await submit("a");
      const [b] = await submit("b");
      const over = await takeOver(opened);
      member = over.member;
      const a = over.heads.find(({ id }) => id === "a")!;
      const verdict = await appendOne(opened.journal, member, row(a, 2, { epoch: 2, ...finish(opened) }));
      expect(verdict).toMatchObject({ type: "committed", granted: [b.runKey] });
    });

    test("runs without a key are untouched by slots", async () => {
      const first = await created(opened, member, "plain");
      expect(await end(first)).toEqual({ type: "committed", slot: null, granted: [], cancel: [] });
    });

    test("a long queue is granted one by one, in order (F59)", async () => {
      const { journal } = opened;
      const batch = await Promise.all(Array.from({ length: 60 }, (_, at) => slotted(`run_${at}`)));
      await journal.append(member, batch);
      for (let at = 0; at < 59; at++) {
        const verdict = await end(batch[at]!);
        expect(verdict).toMatchObject({ type: "committed", granted: [batch[at + 1]!.runKey] });
      }
    });
  });
}
