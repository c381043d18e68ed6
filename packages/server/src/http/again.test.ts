import type { RerunAnswer, Run } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { completed, defineNode, failed } from "../nodes/define-node.ts";
import { openWeft, type Weft } from "../weft.ts";
import { JSON_TYPE } from "./app.testing.ts";
import { createApp, type HttpApp } from "./app.ts";

/** What the executor was asked to do, as scope and step. */
let calls: string[];
let broken: ReadonlySet<string>;
let weft: Weft;
let app: HttpApp;

beforeEach(async () => {
  calls = [];
  broken = new Set();
  const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
  const work = defineNode({
    type: "work",
    config: z.looseObject({}),
    execute: (_config, task) => {
      const place = `${task.scope}/${task.node}`;
      calls.push(place);
      return broken.has(place) ? failed("BROKEN", place) : completed(task.input(), { usage });
    },
  });
  weft = await openWeft({ nodes: [work] });
  const ignore = (): void => {};
  app = createApp({
    weft,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 },
    logger: { info: ignore, warn: ignore, error: ignore },
  });
});
afterEach(async () => {
  await app.close();
  await weft.close({ graceMs: 1000 });
});

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  app.fastify.inject({ method: "POST", url, headers: { ...JSON_TYPE, ...headers }, body });

async function run(source: string, inputs: object = {}): Promise<Run> {
  const { name } = await weft.workflows.publish(source);
  const { id } = (await post("/api/runs", { workflow: name, inputs })).json<Run>();
  return (await weft.runs.wait(id, { timeoutMs: 10_000 }))!;
}

/** Begins again; the calls are those of the new run alone. */
async function again(id: string, body: object): Promise<{ answer: RerunAnswer; run: Run }> {
  calls.length = 0;
  const response = await post(`/api/runs/${id}/rerun`, body);
  expect(response.statusCode).toBe(202);
  const answer = response.json<RerunAnswer>();
  return { answer, run: (await weft.runs.wait(answer.id, { timeoutMs: 10_000 }))! };
}

describe("a rerun inside a container", () => {
  const EACH = `name: each
steps:
  - {id: list, type: work, input: [10, 20, 30, 40]}
  - id: docs
    type: for_each
    items: "{{ steps.list.output }}"
    steps:
      - {id: read, type: work, input: "{{ item }}"}
      - {id: sum, type: work, input: "{{ steps.read.output + 1 }}"}
  - {id: report, type: work, input: "{{ steps.docs.output }}"}
  - {id: aside, type: work, input: x}`;

  test("computes in a for_each only that item and what follows, and says what it reused", async () => {
    const before = await run(EACH);
    expect(calls).toHaveLength(11);
    const { answer, run: after } = await again(before.id, { step: "read", scope: "docs[2]" });
    expect(calls.toSorted()).toEqual(["docs[2]/read", "docs[2]/sum", "root/report"]);
    // The list, three items, the step aside; each call costs three tokens.
    expect(answer).toMatchObject({ rerun_of: before.id, reused: 5, reused_tokens: 3 * 8 });
    expect(answer.recomputed).toEqual(["root/docs", "root/report", "docs[2]/read", "docs[2]/sum"]);
    expect(after).toMatchObject({ status: "succeeded", outputs: before.outputs, usage: { total_tokens: 9 } });
  });

  test("computes of that item only from the step on", async () => {
    const before = await run(EACH);
    const { answer } = await again(before.id, { step: "sum", scope: "docs[0]" });
    expect(calls.toSorted()).toEqual(["docs[0]/sum", "root/report"]);
    expect(answer).toMatchObject({ reused: 6, reused_tokens: 3 * 9 });
  });

  test.each(["docs[4]", "docs[02]", "docs#1", "report[0]"])("is refused for what was not there: %s", async (scope) => {
    const before = await run(EACH);
    const refused = await post(`/api/runs/${before.id}/rerun`, { step: "read", scope });
    expect([refused.statusCode, refused.json<{ detail: string }>().detail]).toEqual([
      400,
      expect.stringContaining(`has no step ${scope}/read`),
    ]);
  });

  test("computes in a loop that round and the later ones", async () => {
    const before = await run(`name: rounds
steps:
  - id: try
    type: loop
    vars: {n: 0}
    max_iterations: 4
    until: loop.n >= 4
    collect: "{{ steps.one.output }}"
    steps:
      - {id: one, type: work, input: "{{ loop.n }}"}
      - {id: add, type: assign, variables: {n: "{{ loop.n + 1 }}"}, depends_on: [one]}
  - {id: last, type: work, input: "{{ steps.try.output }}"}`);
    expect(before).toMatchObject({ status: "succeeded", outputs: { last: [0, 1, 2, 3] } });
    const { answer, run: after } = await again(before.id, { step: "one", scope: "try#2" });
    expect(calls).toEqual(["try#2/one", "try#3/one", "root/last"]);
    expect(answer).toMatchObject({ reused: 2, reused_tokens: 6 });
    expect(after.outputs).toEqual(before.outputs);
  });
});

describe("a rerun with other inputs", () => {
  const SOURCE = `name: two
inputs: {a: number, b: number}
steps:
  - {id: first, type: work, input: "{{ inputs.a }}"}
  - {id: second, type: work, input: "{{ inputs.b }}"}
  - {id: last, type: work, input: "{{ steps.second.output }}", depends_on: [second]}`;

  test("replaces those that are given; every step that reads one of them is computed again", async () => {
    const before = await run(SOURCE, { a: 1, b: 2 });
    const { answer, run: after } = await again(before.id, { step: "last", inputs: { a: 7 } });
    expect(calls.toSorted()).toEqual(["root/first", "root/last"]);
    expect(answer).toMatchObject({ reused: 1, recomputed: ["root/first", "root/last"] });
    expect(after).toMatchObject({ inputs: { a: 7, b: 2 }, outputs: { first: 7, last: 2 } });
  });

  test("is checked against the schema of the workflow", async () => {
    const before = await run(SOURCE, { a: 1, b: 2 });
    const response = await post(`/api/runs/${before.id}/rerun`, { step: "last", inputs: { a: "no number" } });
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([422, "invalid_inputs"]);
  });

  test("goes onto another version, taking over what is the same in both", async () => {
    const before = await run(SOURCE, { a: 1, b: 2 });
    const other = await weft.workflows.publish(SOURCE.replace("inputs.b }}", "inputs.b * 100 }}"));
    const { run: after } = await again(before.id, { step: "last", version: other.version });
    expect(calls.toSorted()).toEqual(["root/last", "root/second"]);
    expect(after).toMatchObject({ version: other.version, outputs: { first: 1, last: 200 } });
    const missing = await post(`/api/runs/${before.id}/rerun`, { step: "last", version: "9.9.9" });
    expect([missing.statusCode, missing.json<{ code: string }>().code]).toEqual([404, "workflow_not_found"]);
  });
});

describe("a rerun or a retry that is sent twice", () => {
  const LINE = `name: line
steps:
  - {id: a, type: work, input: A}
  - {id: b, type: work, input: B, depends_on: [a], retry: {attempts: 1}}`;

  test("is one run with the same key, quoted or bare, however often it comes at once", async () => {
    const before = await run(LINE);
    const keys = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? "key-1" : '"key-1"'));
    const responses = await Promise.all(
      keys.map((key) => post(`/api/runs/${before.id}/rerun`, { step: "b" }, { "idempotency-key": key })),
    );
    expect(new Set(responses.map((response) => response.json<RerunAnswer>().id)).size).toBe(1);
    const replayed = responses.filter(({ headers }) => headers["idempotency-replayed"] === "true");
    expect(replayed).toHaveLength(19);
    expect(replayed.every(({ statusCode }) => statusCode === 200)).toBe(true);
  });

  test("is refused with the same key and another body", async () => {
    const before = await run(LINE);
    const key = { "idempotency-key": "key-2" };
    expect((await post(`/api/runs/${before.id}/rerun`, { step: "b" }, key)).statusCode).toBe(202);
    for (const [url, body] of [
      [`/api/runs/${before.id}/rerun`, { step: "a" }],
      ["/api/runs", { workflow: "line", inputs: {} }],
    ] as const) {
      const response = await post(url, body, key);
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([422, "run_id_taken"]);
    }
  });

  test("a retry with a key is one run as well", async () => {
    broken = new Set(["root/b"]);
    const before = await run(LINE);
    expect(before.status).toBe("failed");
    const key = { "idempotency-key": "key-3" };
    const [first, second] = [
      await post(`/api/runs/${before.id}/retry`, {}, key),
      await post(`/api/runs/${before.id}/retry`, {}, key),
    ];
    expect([first.statusCode, second.statusCode]).toEqual([202, 200]);
    expect(second.json<RerunAnswer>().id).toBe(first.json<RerunAnswer>().id);
  });
});
