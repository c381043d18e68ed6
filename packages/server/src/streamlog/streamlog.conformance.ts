import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { comparePlaces, NO_PLACE, type PieceType, type StreamLog, type StreamPiece } from "./streamlog.ts";

let keys = 0;

/** A run that no other test uses. */
function newRun(): number {
  keys += 1;
  return keys;
}

function piece(runKey: number, row: number, number: number, over: Partial<StreamPiece> = {}): StreamPiece {
  const data = { text: `t${number}` };
  const place = { row, epoch: 1, number };
  return { runKey, ...place, at: 1000, scope: "root", node: "a", attempt: 1, type: "text_delta", data, ...over };
}

/** The facts that every driver keeps. `open` gives an empty log. */
export function streamLogConformance(name: string, open: () => Promise<StreamLog>): void {
  describe(`the stream log: ${name}`, () => {
    let log: StreamLog;
    beforeEach(async () => void (log = await open()));
    afterEach(() => log.close());

    const all = (runKey: number): Promise<readonly StreamPiece[]> =>
      log.read(runKey, { behind: NO_PLACE, limit: 10_000 });

    test("what was appended is read as it was, in the order of its places, and by run", async () => {
      const [one, two] = [newRun(), newRun()];
      const strange = { text: 'a\u0000b "quoted" \ud800 \u{1f600}\n', deep: { list: [1, null, true] } };
      const pieces = [
        piece(one, 1, 1, { data: strange }),
        piece(one, 1, 2, { type: "log", data: { level: "info", message: "hello" } }),
        piece(one, 2, 1, { epoch: 3, scope: "each[3]", node: "b", attempt: 2, at: 1_800_000_000_000 }),
        piece(one, 2, 999_999_999_999, { epoch: 3 }),
      ];
      await log.append([pieces[3]!, pieces[0]!, piece(two, 1, 1)]);
      await log.append([pieces[2]!, pieces[1]!]);
      expect(await all(one)).toEqual(pieces);
      expect(await all(two)).toHaveLength(1);
      expect(await all(newRun())).toEqual([]);
    });

    test("a repeat changes nothing", async () => {
      const run = newRun();
      const pieces = [piece(run, 1, 1), piece(run, 1, 2)];
      await log.append(pieces);
      await log.append([piece(run, 1, 2, { data: { text: "other" } }), piece(run, 1, 3)]);
      expect((await all(run)).map(({ data }) => data["text"])).toEqual(["t1", "t2", "t3"]);
    });

    test("reading goes on behind a place, in pages, and can be narrowed to a type and a node", async () => {
      const run = newRun();
      const types: readonly PieceType[] = ["text_delta", "log"];
      const pieces = Array.from({ length: 20 }, (_, at) =>
        piece(run, 1 + (at >> 2), at + 1, { type: types[at % 2]!, node: at % 3 === 0 ? "x" : "y" }),
      );
      await log.append(pieces);
      const read: StreamPiece[] = [];
      for (;;) {
        const page = await log.read(run, { behind: read.at(-1) ?? NO_PLACE, limit: 3 });
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(3);
        read.push(...page);
      }
      expect(read).toEqual(pieces);
      const narrow = await log.read(run, { behind: pieces[6]!, limit: 100, type: "log", node: "x" });
      expect(narrow).toEqual(pieces.filter(({ type, node }, at) => at > 6 && type === "log" && node === "x"));
    });

    test("any pieces in any batches come back once, in order, behind any of them", async () => {
      const place = fc.record({
        row: fc.nat(5),
        epoch: fc.integer({ min: 1, max: 3 }),
        number: fc.integer({ min: 1, max: 50 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(place, { maxLength: 8 }), { maxLength: 6 }),
          place,
          async (batches, behind) => {
            const run = newRun();
            for (const batch of batches) await log.append(batch.map((one) => piece(run, one.row, one.number, one)));
            const places = new Map(
              batches.flat().map((one) => [JSON.stringify([one.row, one.epoch, one.number]), one]),
            );
            const expected = [...places.values()]
              .filter((one) => comparePlaces(one, behind) > 0)
              .toSorted(comparePlaces);
            const read = await log.read(run, { behind, limit: 1000 });
            expect(read.map(({ row, epoch, number }) => ({ row, epoch, number }))).toEqual(expected);
          },
        ),
        { numRuns: 20 },
      );
    });

    test("text stands until it was superseded, by step and scope", async () => {
      const [run, other, silent] = [newRun(), newRun(), newRun()];
      const superseded = { type: "attempt_superseded", data: {} } as const;
      await log.append([
        piece(run, 1, 1),
        piece(run, 1, 2, { node: "b", attempt: 1 }),
        piece(run, 2, 3, { node: "b", attempt: 1, ...superseded }),
        piece(run, 2, 4, { node: "b", attempt: 2 }),
        piece(run, 2, 9, { node: "c" }),
        piece(run, 2, 1, { node: "c", epoch: 2, ...superseded }),
        piece(run, 2, 6, { node: "d", type: "log", data: {} }),
        piece(other, 1, 7, { scope: "each[1]" }),
      ]);
      const standing = await log.standing([run, other, silent]);
      expect(standing.toSorted((a, b) => a.runKey - b.runKey || (a.node < b.node ? -1 : 1))).toEqual([
        { runKey: run, scope: "root", node: "a", attempt: 1 },
        { runKey: run, scope: "root", node: "b", attempt: 2 },
        { runKey: other, scope: "each[1]", node: "a", attempt: 1 },
      ]);
    });

    test("quiet runs are those whose last piece is older, and what is removed is gone", async () => {
      const [old, young, older] = [newRun(), newRun(), newRun()];
      await log.append([
        piece(old, 1, 1, { at: 10 }),
        piece(young, 1, 1, { at: 10 }),
        piece(young, 1, 2, { at: 100 }),
        piece(older, 1, 1, { at: 5 }),
      ]);
      expect(await log.quietRuns(50, old - 1, 10)).toEqual([old, older]);
      expect(await log.quietRuns(50, old - 1, 1)).toEqual([old]);
      expect(await log.quietRuns(50, old, 10)).toEqual([older]);
      await log.remove([old]);
      expect(await all(old)).toEqual([]);
      expect(await all(young)).toHaveLength(2);
      expect(await log.quietRuns(50, old - 1, 10)).toEqual([older]);
    });
  });
}
