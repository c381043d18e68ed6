import { expect, test } from "vitest";
import { embed, hashEmbedding } from "./hash-embedding.ts";

function near(left: string, right: string): number {
  const [a, b] = embed([left, right]);
  return a!.reduce((sum, value, at) => sum + value * b![at]!, 0);
}

test("vectors have 256 numbers and length 1; a text without words has zeros", () => {
  const [one, none] = embed(["The ferry leaves at nine.", "…"]);
  expect(one).toHaveLength(256);
  expect(Math.hypot(...one!)).toBeCloseTo(1, 10);
  expect(Math.hypot(...none!)).toBe(0);
});

test.each([
  ["the ferry leaves at nine", "when do ferries leave", "an essay on Roman law"],
  ["渡轮九点开船", "渡轮什么时候开船", "罗马法概论"],
  ["organization of the archive", "archives and their organisation", "a recipe for soup"],
])("%s is nearer to %s than to %s", (text, alike, other) => {
  expect(near(text, alike)).toBeGreaterThan(near(text, other) + 0.15);
});

test("equal texts get equal vectors, in the order of the texts, and tokens are counted", async () => {
  const { vectors, usage } = await hashEmbedding.embed(["a word", "other", "a word"], {
    signal: new AbortController().signal,
  });
  expect(vectors[0]).toEqual(vectors[2]);
  expect(vectors[0]).not.toEqual(vectors[1]);
  expect(usage).toEqual({ input_tokens: 6, output_tokens: 0, total_tokens: 6 });
});
