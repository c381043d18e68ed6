import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@weftwork/core";
import type { RunExport } from "@weftwork/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { completed, defineNode, failed } from "../nodes/define-node.ts";
import { openWeft, type Weft } from "../weft.ts";
import { replay } from "./replay.ts";

let weft: Weft;
let calls: string[];
let flakyTries = 0;
beforeEach(async () => {
  calls = [];
  flakyTries = 0;
  weft = await openWeft({
    nodes: [
      defineNode({
        type: "outside",
        config: z.looseObject({}),
        execute: (_config, task) => {
          calls.push(`${task.scope}/${task.node}#${task.attempt}`);
          return completed(
            { said: `${task.node} ${calls.length}` },
            { usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 } },
          );
        },
      }),
      defineNode({
        type: "flaky",
        config: z.looseObject({}),
        execute: () =>
          ++flakyTries < 3 ? failed("SHAKY", `try ${flakyTries}`, { retryable: true }) : `at try ${flakyTries}`,
      }),
      defineNode({ type: "broken", config: z.looseObject({}), execute: () => failed("BROKEN", "it is broken") }),
    ],
  });
});
afterEach(() => weft.close({ graceMs: 0 }));

async function recorded(source: string, inputs: JsonObject, act?: (id: string) => Promise<void>): Promise<string> {
  const { name } = await weft.workflows.publish(source);
  const { run } = await weft.runs.start({ workflow: name, inputs });
  await act?.(run.id);
  await weft.runs.wait(run.id);
  return exported(run.id);
}

async function exported(id: string): Promise<string> {
  let text = "";
  for await (const piece of await weft.runs.export(id)) text += piece;
  return text;
}

const MIXED = `
name: mixed
inputs: {items: array, word: string}
steps:
  - {id: ask, type: model_inference, model: builtin/echo, prompt: "say {{ inputs.word }}"}
  - id: each
    type: for_each
    items: "{{ inputs.items }}"
    steps:
      - {id: call, type: outside, input: "{{ item }}"}
      - {id: join, type: template, template: "{{ item }}: {{ steps.call.output.said }}"}
  - {id: shaky, type: flaky, retry: {attempts: 4, initial: 0.01}, depends_on: [each]}
  - {id: id, type: template, template: "{{ sys.run_id }}", depends_on: [shaky]}
  - id: sum
    type: javascript
    depends_on: [id]
    code: "function main({ list }) { return list.length; }"
    inputs: {list: "{{ steps.each.output }}"}
outputs:
  text: "{{ steps.ask.output }}"
  list: "{{ steps.each.output }}"
  shaky: "{{ steps.shaky.output }}"
  id: "{{ steps.id.output }}"
  count: "{{ steps.sum.output }}"
`;

test("a run happens again out of its export: outside work from the record, the rest anew, nobody is asked", async () => {
  const models = await openModels();
  const text = await recorded(MIXED.replace("builtin/echo", models.name), { items: ["a", "b", "c"], word: "hi" });
  const asked = calls.length;
  const result = await replay(text);
  expect(result.differences).toEqual([]);
  expect(result.replayed).toMatchObject({
    status: "succeeded",
    outputs: result.recorded.outputs!,
    usage: result.recorded.usage,
  });
  // Outside: the model, three items, three tries. Anew: three joins, the id and the sum.
  expect(result).toMatchObject({ tries: { recorded: 7, computed: 5, live: 0 }, unrecorded: [] });
  expect(calls).toHaveLength(asked);
});

/** The builtin model stands for any other: of none of them a replay asks anything. */
async function openModels(): Promise<{ readonly name: string }> {
  const listing = weft.models.listings.find(({ name }) => name.startsWith("builtin/"));
  return { name: listing!.name };
}

test("a run that failed fails again at the same step with the same error", async () => {
  const text = await recorded(
    "name: sad\nsteps:\n  - {id: a, type: outside}\n  - {id: b, type: broken, depends_on: [a]}\n  - {id: c, type: template, template: x, depends_on: [b]}\n",
    {},
  );
  const result = await replay(text);
  expect(result.differences).toEqual([]);
  expect(result.replayed).toMatchObject({ status: "failed", error: { code: "BROKEN", step: "b" } });
});

test("signals, approvals, waits and a cancel come again at their times", async () => {
  const source = `
name: patient
steps:
  - {id: nap, type: wait, for: 0.05}
  - {id: word, type: wait, signal: word, depends_on: [nap]}
  - {id: ok, type: approval, title: Go on?, depends_on: [word]}
  - {id: yes, type: template, template: "{{ steps.ok.output.by }} says {{ steps.word.output }}", depends_on: [ok.approved]}
  - {id: far, type: wait, for: 3600, depends_on: [yes]}
`;
  const status = (id: string) => async () => (await weft.runs.get(id))?.waiting_for?.step;
  const text = await recorded(source, {}, async (id) => {
    await expect.poll(status(id)).toBe("word");
    await weft.runs.signal(id, { name: "word", payload: "go" });
    await expect.poll(status(id)).toBe("ok");
    await weft.runs.decide(id, { step: "ok", approved: true, by: "ada" });
    await expect.poll(status(id)).toBe("far");
    await weft.runs.cancel(id, "enough");
  });
  const result = await replay(text);
  expect(result.differences).toEqual([]);
  expect(result.replayed).toMatchObject({ status: "cancelled", error: { message: expect.stringContaining("enough") } });
});

test("a rerun happens again with what it took over", async () => {
  const text = await recorded(MIXED.replace("model_inference, model: builtin/echo, prompt", "outside, prompt"), {
    items: ["a", "b"],
    word: "hi",
  });
  const { run } = JSON.parse(text) as RunExport;
  const again = await weft.runs.rerun(run.id, { node: "join", scope: "each[1]" });
  await weft.runs.wait(again.run.id);
  const result = await replay(await exported(again.run.id));
  expect(result.differences).toEqual([]);
  expect(result.replayed.outputs).toEqual(result.recorded.outputs);
});

test("what a step computes otherwise now is shown with its place; a live step is really done", async () => {
  const source =
    "name: two\ninputs: {n: number}\nsteps:\n  - {id: a, type: outside}\n  - {id: b, type: template, template: 'got {{ steps.a.output.said }}'}\n";
  const text = await recorded(source, { n: 1 });
  expect(calls).toEqual(["root/a#1"]);
  const outside = defineNode({
    type: "outside",
    config: z.looseObject({}),
    execute: () => completed({ said: "something else" }),
  });
  const result = await replay(text, { live: ["a"], nodes: [outside] });
  expect(result.tries).toEqual({ computed: 1, recorded: 0, live: 1 });
  expect(result.differences.map(({ path }) => path)).toEqual(["outputs.b", "steps.root/b.output"]);
  expect(result.differences[0]).toMatchObject({ expected: "got a 1", actual: "got something else" });
  await expect(replay(text, { live: ["nowhere"] })).rejects.toThrow(/has no step nowhere/);
  await expect(replay(text.replace("got", "git"))).rejects.toMatchObject({ code: "EXPORT_INVALID" });
});

test("a request of a live step leaves the machine, one from the record does not", async () => {
  let requests = 0;
  const server = createServer((_request, response) =>
    response.setHeader("content-type", "text/plain").end(`${++requests}`),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await weft.close({ graceMs: 0 });
  weft = await openWeft({ httpAllow: [target] });
  try {
    const text = await recorded(
      `name: get\nsteps:\n  - {id: g, type: http, url: "http://${target}/"}\n  - {id: t, type: template, template: "{{ steps.g.output.body }}"}\n`,
      {},
    );
    expect(await replay(text)).toMatchObject({ differences: [], tries: { recorded: 1, live: 0 } });
    expect(requests).toBe(1);
    const live = await replay(text, { live: ["g"], settings: { httpAllow: [target] } });
    expect(requests).toBe(2);
    expect(live.differences).toContainEqual({ path: "outputs.t", message: null, expected: "1", actual: "2" });
  } finally {
    server.close();
  }
});
