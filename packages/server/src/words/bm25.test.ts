import fc from "fast-check";
import { expect, test } from "vitest";
import { Bm25, countTerms, Vocabulary, type Ranked } from "./bm25.ts";
import { termsOf } from "./terms.ts";

function rank(texts: readonly string[], query: string): readonly Ranked[] {
  const vocabulary = new Vocabulary();
  return new Bm25(
    texts.map((text) => countTerms(text, vocabulary)),
    vocabulary,
  ).rank(query);
}

test.each([
  ["The Runners were RUNNING", ["the", "runner", "were", "run"]],
  ["北京大学", ["北", "京", "北京", "大", "京大", "学", "大学"]],
  ["ＡＢＣ①", ["abc1"]],
  ["用 GPU 运行", ["用", "gpu", "运", "行", "运行"]],
  [" !? ", []],
])("the terms of %j", (text, terms) => {
  expect(termsOf(text)).toEqual(terms);
});

test("scores are those of the formula", () => {
  const texts = ["apple pear", "apple apple plum plum", "plum"];
  // N = 3, average length 7/3; apple: df 2; pear: df 1.
  const idf = (having: number): number => Math.log(1 + (3 - having + 0.5) / (having + 0.5));
  const part = (times: number, length: number): number =>
    (times * 2.2) / (times + 1.2 * (0.25 + (0.75 * length) / (7 / 3)));
  const best = 2.2 * (idf(2) + idf(1));
  const [first, second] = rank(texts, "apple pear apple");
  expect(first).toEqual({
    at: 0,
    score: expect.closeTo((idf(2) * part(1, 2) + idf(1) * part(1, 2)) / best, 12) as number,
  });
  expect(second).toEqual({ at: 1, score: expect.closeTo((idf(2) * part(2, 4)) / best, 12) as number });
});

test("a rare term counts more than a usual one, and a short text more than a long one", () => {
  expect(rank(["usual a", "usual b", "rare c", "usual d"], "usual rare")[0]!.at).toBe(2);
  expect(rank([`apple ${"filler ".repeat(50)}`, "apple"], "apple").map(({ at }) => at)).toEqual([1, 0]);
});

test("all texts with a term are ranked and no others, between 0 and 1, the same at every turn", () => {
  const word = fc.constantFrom("apple", "pear", "苹果", "梨", "plum", "x1");
  const text = fc.array(word, { maxLength: 8 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), text, (texts, query) => {
      const ranked = rank(texts, query);
      const asked = new Set(termsOf(query));
      const having = texts.flatMap((one, at) => (termsOf(one).some((term) => asked.has(term)) ? [at] : []));
      expect(ranked.map(({ at }) => at).toSorted((a, b) => a - b)).toEqual(having);
      for (const { score } of ranked) expect(score > 0 && score < 1).toBe(true);
      ranked.slice(1).forEach(({ at, score }, index) => {
        const before = ranked[index]!;
        expect(before.score > score || (before.score === score && before.at < at)).toBe(true);
      });
      expect(rank(texts, query)).toEqual(ranked);
    }),
  );
});

test("a term that came after a list was made is in none of its texts", () => {
  const vocabulary = new Vocabulary();
  const list = new Bm25([countTerms("apple", vocabulary)], vocabulary);
  countTerms("pear", vocabulary);
  expect(list.rank("pear")).toEqual([]);
  expect(new Bm25([], new Vocabulary()).rank("pear")).toEqual([]);
});
