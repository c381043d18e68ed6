import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { IndexedRun, SearchIndex, SearchQuery } from "./search.ts";

export interface OpenedSearch {
  readonly index: SearchIndex;
  close(): Promise<void>;
}

/** What every driver of the search index promises. */
export function searchConformance(open: () => Promise<OpenedSearch>): void {
  describe("search index", () => {
    let opened: OpenedSearch;
    let index: SearchIndex;
    beforeEach(async () => {
      opened = await open();
      ({ index } = opened);
    });
    afterEach(() => opened.close());

    const run = (key: number, words: string, more: Partial<IndexedRun> = {}): IndexedRun => ({
      runKey: key,
      id: `run_${key}`,
      createdAt: 1000 + Math.floor(key / 2),
      words: words.split(" "),
      open: false,
      ...more,
    });
    const keys = async (words: string, more: Partial<SearchQuery> = {}): Promise<number[]> => {
      const asked = words.split(" ").map((text) => ({ text: text.replace("*", ""), prefix: text.endsWith("*") }));
      return (await index.find({ words: asked, limit: 100, ...more })).map(({ runKey }) => runKey);
    };

    test("finds the runs that have all words, newest first, also where times are equal (S1)", async () => {
      await index.put([run(1, "red apple"), run(2, "red pear"), run(3, "green apple"), run(4, "red apple")], null);
      expect(await keys("red")).toEqual([4, 2, 1]);
      expect(await keys("apple red")).toEqual([4, 1]);
      expect(await keys("red plum")).toEqual([]);
      expect(await keys("re")).toEqual([]);
      expect(await keys("re*")).toEqual([4, 2, 1]);
      expect((await index.find({ words: [{ text: "pear", prefix: false }], limit: 5 }))[0]).toEqual({
        runKey: 2,
        id: "run_2",
        createdAt: 1001,
      });
    });

    test("goes on behind a place, and keeps to the times", async () => {
      await index.put(
        Array.from({ length: 20 }, (_, at) => run(at + 1, "same")),
        null,
      );
      const seen: number[] = [];
      let after: SearchQuery["after"];
      for (;;) {
        const hits = await index.find({
          words: [{ text: "same", prefix: false }],
          limit: 3,
          ...(after ? { after } : {}),
        });
        if (hits.length === 0) break;
        seen.push(...hits.map(({ runKey }) => runKey));
        after = hits.at(-1)!;
      }
      expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => 20 - at));
      expect(await keys("same", { createdAfter: 1007 })).toEqual([20, 19, 18, 17, 16]);
      expect(await keys("same", { createdBefore: 1002 })).toEqual([3, 2, 1]);
      expect(await keys("same", { createdBefore: 1 })).toEqual([]);
    });

    test("a run that is put again is known by its new words, at its old place (S2)", async () => {
      await index.put([run(1, "old", { open: true }), run(2, "old")], null);
      expect((await index.open(10)).map(({ runKey }) => runKey)).toEqual([1]);
      await index.put([run(1, "new error")], null);
      expect(await keys("old")).toEqual([2]);
      expect(await keys("new")).toEqual([1]);
      expect(await index.open(10)).toEqual([]);
      await index.put([run(3, "new")], null);
      expect(await keys("new")).toEqual([3, 1]);
    });

    test("open runs are told in the order in which they were put", async () => {
      await index.put([run(1, "a", { open: true }), run(2, "a", { open: true }), run(3, "a", { open: true })], null);
      await index.put([run(1, "a", { open: true })], null);
      expect((await index.open(10)).map(({ runKey }) => runKey)).toEqual([2, 3, 1]);
      expect(await index.open(1)).toHaveLength(1);
      await index.stillOpen([2, 77]);
      expect((await index.open(10)).map(({ runKey }) => runKey)).toEqual([3, 1, 2]);
    });

    test("advances from where it is, or not at all (S3)", async () => {
      expect(await index.progress()).toBe(0);
      expect(await index.put([run(1, "a")], { from: 0, to: 500 })).toBe(true);
      expect(await index.put([run(2, "a")], { from: 0, to: 900 })).toBe(false);
      expect(await index.progress()).toBe(500);
      expect(await keys("a")).toEqual([1]);
      expect(await index.put([], { from: 500, to: 900 })).toBe(true);
      expect(await index.progress()).toBe(900);
    });

    test("words of any script stay what they are, and marks in them find nothing else", async () => {
      await index.put([run(1, "你好 好吗 吗 straße 42"), run(2, "好人 人 naïve")], null);
      expect(await keys("好*")).toEqual([2, 1]);
      expect(await keys("好人")).toEqual([2]);
      expect(await keys("straße 42")).toEqual([1]);
      expect(await keys("strasse")).toEqual([]);
      expect(await keys('na"ïve')).toEqual([]);
      expect(await keys("' | !a & (")).toEqual([]);
    });

    test("what is removed is not found any more", async () => {
      await index.put([run(1, "a", { open: true }), run(2, "a"), run(3, "a")], null);
      expect((await index.oldest(2)).map(({ runKey }) => runKey)).toEqual([1, 2]);
      await index.remove([1, 2, 77]);
      expect(await keys("a")).toEqual([3]);
      expect(await index.open(10)).toEqual([]);
      expect((await index.oldest(2)).map(({ runKey }) => runKey)).toEqual([3]);
    });
  });
}
