import type { Json, JsonObject } from "@weftwork/core";
import { expect, test } from "vitest";
import type { RetrievedChunk, RetrieveOptions } from "../knowledge/retrieve.ts";
import type { Outcome } from "./node.ts";
import { retrievalNode } from "./retrieval.ts";
import { testTask } from "./test-task.ts";

type Call = readonly [string, string, string, Omit<RetrieveOptions, "signal">];

function chunk(dataset: string, score: number): RetrievedChunk {
  return {
    content: `of ${dataset}`,
    score,
    dataset: { id: dataset, name: dataset },
    document: { id: "d1", name: "a.md", metadata: { lang: "en" } },
    segment: { id: "d1-3", position: 3, start: 5, end: 9, headings: ["A"], words: 2, hash: "00" },
  };
}

async function run(config: JsonObject, input: Json = null): Promise<{ outcome: Outcome; calls: readonly Call[] }> {
  const calls: Call[] = [];
  const node = retrievalNode({
    retriever: {
      datasets: () => ["one", "two"],
      async retrieve(tenant, dataset, query, { signal: _signal, ...options }) {
        calls.push([tenant, dataset, query, options]);
        return dataset === "one" ? [chunk("one", 0.5), chunk("one", 0.2)] : [chunk("two", 0.5), chunk("two", 0.4)];
      },
    },
  });
  return { outcome: await node.execute(testTask(config, { input })), calls };
}

const scores = (output: unknown): unknown =>
  (output as readonly JsonObject[]).map(({ score, content, position }) => [position, content, score]);

test("chunks have the members that workflows from Dify read", async () => {
  const { outcome, calls } = await run({ dataset: "one", query: "why?", top_k: 1 });
  expect(calls).toEqual([["default", "one", "why?", { topK: 1, scoreThreshold: null, filter: null }]]);
  expect(outcome).toEqual({
    type: "completed",
    output: [
      {
        content: "of one",
        title: "a.md",
        score: 0.5,
        position: 1,
        files: [],
        metadata: {
          _source: "knowledge",
          dataset_id: "one",
          dataset_name: "one",
          document_id: "d1",
          document_name: "a.md",
          data_source_type: "upload_file",
          segment_id: "d1-3",
          retriever_from: "workflow",
          score: 0.5,
          child_chunks: [],
          segment_hit_count: null,
          segment_word_count: 2,
          segment_position: 3,
          segment_index_node_hash: "00",
          doc_metadata: { lang: "en" },
          position: 1,
          headings: ["A"],
          start: 5,
          end: 9,
        },
      },
    ],
  });
});

test("of several datasets come the best of all, of equal ones the dataset named first; each is asked once", async () => {
  const { outcome, calls } = await run({ dataset: ["two", "one", "two"], top_k: 3 }, "why?");
  expect(calls.map(([, dataset, query]) => [dataset, query])).toEqual([
    ["two", "why?"],
    ["one", "why?"],
  ]);
  expect(outcome.type === "completed" && scores(outcome.output)).toEqual([
    [1, "of two", 0.5],
    [2, "of one", 0.5],
    [3, "of two", 0.4],
  ]);
});

test("nothing is asked where the query is empty", async () => {
  expect(await run({ dataset: "one", query: " " })).toEqual({ outcome: { type: "completed", output: [] }, calls: [] });
});

test("the settings of a Dify file are read, and its result is under result", async () => {
  const conditions = [{ name: "lang", comparison_operator: "is", value: "en" }];
  const { outcome, calls } = await run({
    dialect: "dify",
    datasets: ["one"],
    query: "why?",
    retrieval_mode: "multiple",
    multiple_retrieval_config: { top_k: 2, score_threshold: 0.1, reranking_enable: true },
    single_retrieval_config: {},
    metadata_filtering_mode: "manual",
    metadata_filtering_conditions: { logical_operator: "or", conditions },
    metadata_model_config: {},
  });
  const filter = { logic: "or", conditions: [{ name: "lang", operator: "is", value: "en" }] };
  expect(calls).toEqual([["default", "one", "why?", { topK: 2, scoreThreshold: 0.1, filter }]]);
  expect(outcome).toMatchObject({ type: "completed", output: { result: [{ score: 0.5 }, { score: 0.2 }] } });
});

test("a filter that means nothing fails the step", async () => {
  const { outcome } = await run({ dataset: "one", query: "x", filter: { a: { "~": 1 } } });
  expect(outcome).toMatchObject({
    type: "failed",
    failure: { message: expect.stringMatching(/operator ~/) as string },
  });
});
