import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLASS_WEIGHTS, ClassTurns, RANKS, takeByTurns } from "./turns.ts";

function serve(turns: ClassTurns, count: number, waits: (rank: number) => boolean): readonly number[] {
  return Array.from({ length: count }, () => {
    const rank = turns.next(waits)!;
    turns.served(rank);
    return rank;
  });
}

describe("the turns of the classes", () => {
  test("of 15 messages the classes get 8, 4, 2 and 1 while all have some, again and again", () => {
    const turns = new ClassTurns();
    for (let round = 0; round < 20; round++) {
      const order = serve(turns, 15, () => true);
      expect(RANKS.map((rank) => order.filter((one) => one === rank).length)).toEqual(CLASS_WEIGHTS);
    }
  });

  test("a class that was without messages saves nothing up, and waits for one message at most when it is the first", () => {
    const turns = new ClassTurns();
    serve(turns, 1000, (rank) => rank === 3);
    const order = serve(turns, 30, () => true);
    expect(order.indexOf(0)).toBeLessThanOrEqual(1);
    expect(order.filter((rank) => rank === 0).length).toBeLessThanOrEqual(18);
    expect(order).toContain(3);
  });

  test("whatever comes and goes, no class waits for more than 30 messages of others", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 300 }), (steps) => {
        const turns = new ClassTurns();
        const waited = RANKS.map(() => 0);
        for (const waiting of steps) {
          const waits = (rank: number): boolean => (waiting & (1 << rank)) !== 0;
          const rank = turns.next(waits)!;
          turns.served(rank);
          for (const other of RANKS) waited[other] = waits(other) && other !== rank ? waited[other]! + 1 : 0;
          expect(Math.max(...waited)).toBeLessThanOrEqual(30);
        }
      }),
    );
  });
});

describe("taking by turns, where asking is all that tells", () => {
  const queuesOf = (sizes: readonly number[]) => {
    const left = [...sizes];
    let asked = 0;
    const takeOne = async (rank: number): Promise<number | null> => {
      asked += 1;
      if (left[rank] === 0) return null;
      left[rank] = left[rank]! - 1;
      return rank;
    };
    return { takeOne, asked: () => asked };
  };

  test("the shares are those of the turns, whatever is taken at a time", async () => {
    for (const limit of [1, 2, 4, 7, 32]) {
      const turns = new ClassTurns();
      const { takeOne } = queuesOf([400, 400, 400, 400]);
      const order: number[] = [];
      while (order.length < 300) order.push(...(await takeByTurns(limit, turns, takeOne)));
      const counts = RANKS.map((rank) => order.slice(0, 300).filter((one) => one === rank).length);
      for (const rank of RANKS)
        expect(Math.abs(counts[rank]! - 20 * CLASS_WEIGHTS[rank]!), `${counts}`).toBeLessThan(12);
    }
  });

  test("nothing that is there is left, and fewer than asked for means that nothing is", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        async (sizes, limit) => {
          const all = sizes.reduce((sum, size) => sum + size, 0);
          const taken = await takeByTurns(limit, new ClassTurns(), queuesOf(sizes).takeOne);
          expect(taken.length).toBe(Math.min(limit, all));
        },
      ),
    );
  });

  test("each class is asked once where nothing waits", async () => {
    const { takeOne, asked } = queuesOf([0, 0, 0, 0]);
    expect(await takeByTurns(32, new ClassTurns(), takeOne)).toEqual([]);
    expect(asked()).toBe(4);
  });

  test("a failure is thrown only where nothing was taken: what is in hand is handed on", async () => {
    const broken = (rank: number): Promise<number> =>
      rank === 0 ? Promise.reject(new Error("the line broke")) : Promise.resolve(rank);
    await expect(takeByTurns(1, new ClassTurns(), broken)).rejects.toThrow("the line broke");
    expect(await takeByTurns(4, new ClassTurns(), broken)).toEqual([1, 2, 3]);
  });
});
