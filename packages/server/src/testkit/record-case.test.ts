import { readYaml, type JsonObject, type Plan } from "@weftwork/core";
import type { Run, RunMessage } from "@weftwork/sdk";
import { describe, expect, it } from "vitest";
import { openWeft } from "../weft.ts";
import { z } from "zod";
import { defineNode } from "../nodes/define-node.ts";
import { recordCase, withCase } from "./record-case.ts";
import { testWorkflow } from "./run-cases.ts";

const SOURCE = `
name: order
steps:
  - { id: price, type: shop, retry: { attempts: 2, initial: 0.01 } }
  - { id: ask, type: approval, title: Buy? , depends_on: [price] }
  - { id: paid, type: wait, signal: payment, depends_on: [ask.approved] }
  - { id: each, type: for_each, items: [1, 2], depends_on: [paid], steps: [{ id: ship, type: shop }] }
  - { id: text, type: template, template: "It costs {{ steps.price.output }}", depends_on: [each] }
outputs: { text: "{{ steps.text.output }}", shipped: "{{ steps.each.output }}" }
`;

let asked = 0;
const shop = defineNode({
  type: "shop",
  config: z.unknown(),
  execute() {
    asked += 1;
    if (asked === 1) throw Object.assign(new Error("closed"), { retryable: true });
    return `${asked} coins`;
  },
});

async function recorded(): Promise<{ added: JsonObject; run: Run; plan: Plan }> {
  asked = 0;
  const weft = await openWeft({ nodes: [shop] });
  try {
    await weft.workflows.publish(SOURCE);
    const { run } = await weft.runs.start({ workflow: "order", inputs: { who: "Ada" } });
    while ((await weft.runs.get(run.id))!.waiting_for?.code === undefined)
      await new Promise((next) => setTimeout(next, 5));
    await weft.runs.signal(run.id, { name: "payment", payload: { amount: 2 } });
    for (;;) {
      const isAsked = await weft.runs.decide(run.id, { step: "ask", approved: true, by: "ann" }).then(
        () => true,
        () => false,
      );
      if (isAsked) break;
      await new Promise((next) => setTimeout(next, 5));
    }
    const ended = (await weft.runs.wait(run.id))!;
    const messages: RunMessage[] = [];
    for await (const message of weft.runs.events(run.id)) messages.push(message);
    const plan = await weft.workflows.plan("order");
    return { added: recordCase({ name: "recorded", run: ended, messages, plan }), run: ended, plan };
  } finally {
    await weft.close({ graceMs: 0 });
  }
}

describe("a recorded run", () => {
  it("passes as a case, without anybody being asked outside", async () => {
    const { added } = await recorded();
    const cases = withCase(null, added, null) as string;
    const before = asked;
    const report = await testWorkflow(SOURCE, { cases, nodes: [shop] });
    expect(report.cases[0]!.differences).toEqual([]);
    expect(asked).toBe(before);
    expect(added["steps"]).toMatchObject({ price: [{ error: { message: /closed/ } }, { output: "2 coins" }] });
    expect(Object.keys(added["steps"] as JsonObject)).toEqual(["price", "each[0]/ship", "each[1]/ship"]);
  });

  it("fails as a case when a template is changed", async () => {
    const { added } = await recorded();
    const cases = withCase(null, added, null) as string;
    const { cases: results } = await testWorkflow(SOURCE.replace("It costs", "Price:"), { cases, nodes: [shop] });
    expect(results[0]!.differences).toMatchObject([
      { path: "outputs.text", expected: "It costs 2 coins", actual: "Price: 2 coins" },
    ]);
  });
});

describe("a case file", () => {
  const added = { name: "one", inputs: { a: 1 } };

  it("that is new names its workflow where it has to", () => {
    expect(withCase(null, added, "other.yaml")).toBe(
      "workflow: other.yaml\ncases:\n  - name: one\n    inputs:\n      a: 1\n",
    );
  });

  it.each([
    ["cases:\n  - name: one # kept\n"],
    ["cases:\n- name: one\n"],
    ["workflow: x.yaml\n\ncases:\n    - name: one\n\n\n"],
  ])("%j gets one case more, and keeps what it has", (text) => {
    const result = withCase(text, added, null) as string;
    expect(result.startsWith(text.trimEnd())).toBe(true);
    const { cases } = readYaml(result).data as { cases: { name: string }[] };
    expect(cases.map(({ name }) => name)).toEqual(["one", "one (2)"]);
  });

  it.each([
    ["cases: [{ name: one }]\n", "blocks"],
    ["cases:\n  - name: one\nworkflow: a.yaml\n", "last field"],
    ["cases:\n  - nam: one\n", "line 2"],
  ])("%j is left as it is", (text, reason) => {
    expect(withCase(text, added, null)).toMatchObject({ reason: expect.stringContaining(reason) as string });
  });
});
