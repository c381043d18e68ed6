import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Append } from "../journal.ts";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, bodies, created, creation, finish, join, payload, row, takeOver, TENANT } from "./fixture.ts";

const COMMITTED = { type: "committed", slot: null, granted: [], cancel: [] };

export function appendFacts(open: Open): void {
  describe("append", () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    test("the rows of a run are 1..n, in order, with epoch and body unchanged", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      for (let seq = 2; seq <= 5; seq++) {
        expect(await appendOne(journal, member, row(first, seq))).toEqual(COMMITTED);
      }
      const record = await journal.read(first.runKey);
      expect(record.snapshot).toBeNull();
      expect(record.rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
      expect(record.rows[0]).toEqual({ seq: 1, epoch: 1, body: first.body });
      expect(record.rows[4]!.body).toBe(row(first, 5).body);
    });

    test("one stale epoch among 64 runs is fenced, and the 63 commit (F34)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const firsts = await Promise.all(Array.from({ length: 64 }, (_, at) => creation(opened, `run_${at}`)));
      expect(new Set((await journal.append(member, firsts)).map(({ type }) => type))).toEqual(new Set(["committed"]));
      const batch = firsts.map((first, at) => row(first, 2, at === 17 ? { epoch: 0 } : {}));
      const verdicts = await journal.append(member, batch);
      expect(verdicts.map(({ type }) => type)).toEqual(batch.map((_, at) => (at === 17 ? "fenced" : "committed")));
      expect(await bodies(journal, firsts[17]!.runKey)).toHaveLength(1);
      expect(await bodies(journal, firsts[16]!.runKey)).toHaveLength(2);
    });

    test("rows that cannot be stored are refused with their reason, and the other 61 commit (F35)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const batch: Append[] = await Promise.all(Array.from({ length: 64 }, (_, at) => creation(opened, `run_${at}`)));
      batch[3] = { ...batch[3]!, body: "1" + "x".repeat(opened.rowBytesMax) };
      batch[40] = { ...batch[40]!, body: '1["\ud800"]' };
      batch[63] = { ...batch[63]!, create: null };
      const verdicts = await journal.append(member, batch);
      const refused = verdicts.flatMap((verdict, at) => (verdict.type === "committed" ? [] : [[at, verdict] as const]));
      expect(refused.map(([at]) => at)).toEqual([3, 40, 63]);
      expect(refused[0]![1]).toMatchObject({ type: "refused", code: "PAYLOAD_TOO_LARGE" });
      expect(refused[1]![1]).toMatchObject({ type: "refused", code: "INVALID_JSON" });
      expect(refused[2]![1]).toMatchObject({ type: "refused", code: "INTERNAL" });
      expect(await journal.head(TENANT, "run_3")).toBeNull();
      expect((await journal.stats(TENANT)).submitted).toBe(61);
    });

    test("a whole flush sent again is stored once and answers committed again (J2, F17)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const firsts = await Promise.all(Array.from({ length: 20 }, (_, at) => creation(opened, `run_${at}`)));
      const once = await journal.append(member, firsts);
      expect(await journal.append(member, firsts)).toEqual(once);
      const ends = firsts.map((first, at) =>
        row(first, 2, { ...(at % 2 ? finish(opened) : {}), payloads: [payload(`p${at}`)], snapshot: `1{"at":${at}}` }),
      );
      expect(await journal.append(member, ends)).toEqual(once);
      expect(await journal.append(member, ends)).toEqual(once);
      for (const first of firsts) expect(await bodies(journal, first.runKey)).toHaveLength(2);
      expect(await journal.stats(TENANT)).toMatchObject({ submitted: 20, open: 10, succeeded: 10 });
    });

    test("a scheduled run sent again is stored once and answers committed again (J2)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await creation(opened, "later", { availableAt: opened.now() + 60_000 });
      expect(await appendOne(journal, member, first)).toEqual(COMMITTED);
      expect(await appendOne(journal, member, first)).toEqual(COMMITTED);
      expect((await journal.stats(TENANT)).submitted).toBe(1);
    });

    test("a repeat with other bytes is fenced and changes nothing", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      await appendOne(journal, member, row(first, 2));
      const other = row(first, 2, { body: "1[]", snapshot: "1{}", payloads: [payload("other")], ...finish(opened) });
      expect(await appendOne(journal, member, other)).toEqual({ type: "fenced" });
      expect(await bodies(journal, first.runKey)).toEqual([first.body, row(first, 2).body]);
      expect((await journal.read(first.runKey, { snapshot: true })).snapshot).toBeNull();
      expect(
        (
          await journal.payloads(
            TENANT,
            other.payloads.map(({ hash }) => hash),
          )
        ).size,
      ).toBe(0);
      expect((await journal.head(TENANT, "run_1"))!.finishedAt).toBeNull();
    });

    test("a gap in the sequence is refused: memory ahead of the store is found, not written (F18)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      expect(await appendOne(journal, member, row(first, 3))).toMatchObject({ type: "refused", code: "RUN_CONFLICT" });
      expect(await bodies(journal, first.runKey)).toHaveLength(1);
      expect((await appendOne(journal, member, row(first, 2))).type).toBe("committed");
    });

    test("a row of a run that is not there is refused", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const runKey = await journal.reserveKeys(1);
      const verdict = await appendOne(journal, member, row({ runKey, tenant: TENANT }, 2));
      expect(verdict).toMatchObject({ type: "refused", code: "RUN_NOT_FOUND" });
    });

    test("a finished run takes no further row", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      await appendOne(journal, member, row(first, 2, finish(opened)));
      expect(await appendOne(journal, member, row(first, 3))).toEqual({ type: "fenced" });
      expect(await bodies(journal, first.runKey)).toHaveLength(2);
    });

    test("two rows of one run in one batch are stored in their order", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await creation(opened, "run_1");
      const verdicts = await journal.append(member, [first, row(first, 2), row(first, 3, finish(opened))]);
      expect(verdicts).toEqual([COMMITTED, COMMITTED, COMMITTED]);
      expect((await journal.read(first.runKey)).rows.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(await journal.stats(TENANT)).toMatchObject({ submitted: 1, open: 0, succeeded: 1 });
    });

    test("an empty batch is answered with an empty list", async () => {
      expect(await opened.journal.append(await join(opened.journal), [])).toEqual([]);
    });

    test("a snapshot replaces the one before; read returns the newest and the rows behind it", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      for (let seq = 2; seq <= 9; seq++) {
        await appendOne(journal, member, row(first, seq, seq % 3 === 0 ? { snapshot: `1{"upTo":${seq}}` } : {}));
      }
      expect(await journal.read(first.runKey, { snapshot: true })).toEqual({
        snapshot: { seq: 9, body: '1{"upTo":9}' },
        rows: [],
      });
      await appendOne(journal, member, row(first, 10));
      const { snapshot, rows } = await journal.read(first.runKey, { snapshot: true });
      expect([snapshot?.seq, rows.map(({ seq }) => seq)]).toEqual([9, [10]]);
      expect((await journal.read(first.runKey)).rows).toHaveLength(10);
    });

    test("rows are read in pages", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "run_1");
      for (let seq = 2; seq <= 7; seq++) await appendOne(journal, member, row(first, seq));
      const page = await journal.read(first.runKey, { afterSeq: 2, limit: 3 });
      expect(page.rows.map(({ seq }) => seq)).toEqual([3, 4, 5]);
      expect((await journal.read(first.runKey, { afterSeq: 7 })).rows).toEqual([]);
    });

    test("odd texts come back unchanged, in rows, snapshots and heads (F36)", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const odd = [
        '1["\\u0000 and \\ud800 escaped"]',
        '1["\ufeffmark", "emoji 👩‍👩‍👧 and 𝄞", "\'single\' \\"double\\" \\\\ {curly,array} $1 ? :name"]',
        '1[-0, 1e308, "line\u2028\u2029 separators", "tab\\t", "\u007f\u0080\u00ff"]',
        '1{"__proto__":{"constructor":"prototype"}}',
        "1\u0000 a bare NUL \u0000",
        "1",
        "",
        "1" + JSON.stringify("ü".repeat(500_000)),
        "1" + JSON.stringify("x".repeat(1_000_000)),
      ];
      const batch = await Promise.all(
        odd.map((body, at) => creation(opened, `odd_${at}`).then((a) => ({ ...a, body }))),
      );
      await journal.append(member, batch);
      await journal.append(
        member,
        batch.map((first, at) => row(first, 2, { body: odd[at]!, snapshot: odd[at]! })),
      );
      for (const [at, first] of batch.entries()) {
        expect(await bodies(journal, first.runKey)).toEqual([odd[at], odd[at]]);
        expect((await journal.read(first.runKey, { snapshot: true })).snapshot!.body).toBe(odd[at]);
      }
      const halves = [await creation(opened, "a\ud800"), await creation(opened, "b", { workflow: "nul\u0000" })];
      for (const half of halves) expect((await appendOne(journal, member, half)).type).toBe("refused");
      const metadata = { "__proto__ ": "a\u0000b", "quote'\"": ["\ufeff", null, -1.5e-7], lone: "\ud800" };
      const strange = await creation(opened, "näme'\"\\ 👍", { metadata, workflow: "流程", tenant: "ten'ant\"" });
      expect((await appendOne(journal, member, strange)).type).toBe("committed");
      const head = await journal.head("ten'ant\"", "näme'\"\\ 👍");
      expect(head).toMatchObject({ metadata, workflow: "流程" });
    });

    test("what a worker that ended without leaving was told is there after a restart", async () => {
      if (!opened.reopen) return;
      const member = await join(opened.journal);
      const first = await created(opened, member, "run_1");
      await appendOne(opened.journal, member, row(first, 2, { snapshot: "1{}", payloads: [payload("kept")] }));
      await opened.journal.offer([{ tenant: TENANT, runId: "run_1", inputId: "in", body: "1{}" }]);
      const journal = await opened.reopen();
      const again: Opened = { ...opened, journal };
      expect(await bodies(journal, first.runKey)).toHaveLength(2);
      const { member: second, heads } = await takeOver(again);
      expect(heads).toMatchObject([{ id: "run_1", epoch: 2, crashCount: 1 }]);
      expect(await journal.inbox(second, 10)).toEqual([{ runKey: first.runKey, inputId: "in", body: "1{}" }]);
      expect((await appendOne(journal, second, row(first, 3, { epoch: 2 }))).type).toBe("committed");
      expect((await journal.stats(TENANT)).open).toBe(1);
    });
  });
}
