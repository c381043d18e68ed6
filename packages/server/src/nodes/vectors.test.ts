import type { Json, JsonObject } from "@weftwork/core";
import { expect, test } from "vitest";
import { builtinEmbeddings } from "../gateway/builtin/index.ts";
import { modelCatalog } from "../gateway/catalog.ts";
import type { EmbeddingModel } from "../gateway/model.ts";
import { embeddingNode } from "./embedding.ts";
import type { Outcome } from "./node.ts";
import { rerankNode } from "./rerank.ts";
import { testTask } from "./test-task.ts";

const batches: number[] = [];
/** Texts as their length and a one. */
const lengths: EmbeddingModel = {
  id: "lengths",
  provider: "test",
  dimensions: 2,
  async embed(texts) {
    batches.push(texts.length);
    const usage = { input_tokens: texts.length, output_tokens: 0, total_tokens: texts.length };
    return { vectors: texts.map((text) => [text.length, 1]), usage };
  },
};
const embeddings = modelCatalog([...builtinEmbeddings(), lengths], { default: "builtin/hash-embedding" });

async function embed(config: JsonObject, input: Json): Promise<Outcome> {
  return embeddingNode({ embeddings }).execute(testTask(config, { input }));
}

async function rerank(config: JsonObject): Promise<Outcome> {
  return rerankNode({ embeddings }).execute(testTask(config));
}

const order = (outcome: Outcome): unknown =>
  outcome.type === "completed" && (outcome.output as readonly JsonObject[]).map(({ index }) => index);

test("a text is a vector, a list of texts and chunks a list of vectors, with what they cost", async () => {
  expect(await embed({ model: "lengths" }, "abc")).toMatchObject({ output: [3, 1], usage: { input_tokens: 1 } });
  expect(await embed({ model: "lengths" }, ["a", { content: "ab" }, { text: "abc" }])).toMatchObject({
    output: [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
  });
  expect(await embed({ model: "lengths" }, [])).toMatchObject({ output: [] });
});

test("many texts go in several calls and come back in their order", async () => {
  batches.length = 0;
  const texts = Array.from({ length: 150 }, (_, at) => "x".repeat(at));
  const outcome = await embed({ model: "lengths" }, texts);
  expect(batches).toEqual([64, 64, 22]);
  expect(outcome).toMatchObject({ output: texts.map((_, at) => [at, 1]), usage: { total_tokens: 150 } });
});

test("without a model the builtin one answers, with vectors of length 1", async () => {
  const outcome = await embed({}, "the quick fox");
  const vector = outcome.type === "completed" ? (outcome.output as readonly number[]) : [];
  expect(vector).toHaveLength(256);
  expect(Math.hypot(...vector)).toBeCloseTo(1, 9);
});

test("what is no text, and a model that is not there, fail the step", async () => {
  expect(await embed({}, 7)).toMatchObject({ type: "failed", failure: { code: "STEP_FAILED" } });
  expect(await embed({ model: "nobody" }, "x")).toMatchObject({ failure: { code: "MODEL_NOT_FOUND" } });
});

test("documents come the best first, with score, position and where they stood", async () => {
  const documents = ["the garden", "a red apple", "apples and apple pie"];
  const outcome = await rerank({ query: "apple", documents });
  expect(outcome).toMatchObject({
    type: "completed",
    output: [
      { content: "apples and apple pie", position: 1, index: 2 },
      { content: "a red apple", position: 2, index: 1 },
      { content: "the garden", position: 3, index: 0, score: 0 },
    ],
  });
});

test("chunks keep what they have, and their score is set anew", async () => {
  const items = [{ content: "苹果树", score: 9, title: "t", metadata: { score: 9, position: 4, lang: "zh" } }];
  const outcome = await rerank({ query: "苹果", items });
  const [chunk] = outcome.type === "completed" ? (outcome.output as readonly JsonObject[]) : [];
  expect(chunk).toMatchObject({ content: "苹果树", title: "t", position: 1, metadata: { position: 1, lang: "zh" } });
  expect(chunk!["score"]).toBeLessThan(1);
  expect((chunk!["metadata"] as JsonObject)["score"]).toBe(chunk!["score"]);
});

test("by vectors where that or a model is asked for", async () => {
  const documents = ["xxxxxxxx", "xx", "xxx"];
  expect(order(await rerank({ query: "xxx", documents, model: "lengths" }))).toEqual([2, 1, 0]);
  expect(order(await rerank({ query: "xxx", documents, model: "lengths", top_k: 1 }))).toEqual([2]);
  expect(await rerank({ query: "xxx", documents, model: "lengths" })).toMatchObject({ usage: { input_tokens: 4 } });
  const words = ["running shoes", "a cold winter"];
  expect(order(await rerank({ query: "winter cold", documents: words, method: "embedding" }))).toEqual([1, 0]);
});

test("a threshold leaves out, and nothing is left of nothing", async () => {
  expect(order(await rerank({ query: "apple", documents: ["pear", "apple"], score_threshold: 0.01 }))).toEqual([1]);
  expect(order(await rerank({ query: "apple" }))).toEqual([]);
});
