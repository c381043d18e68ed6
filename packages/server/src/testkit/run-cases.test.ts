import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineNode } from "../nodes/define-node.ts";
import { one } from "./one-case.testing.ts";
import { caseLines, plain } from "./report.ts";
import { testWorkflow, type CaseResult } from "./run-cases.ts";

const EXAMPLES = join(import.meta.dirname, "../../../../examples");
const example = (name: string): string => readFileSync(join(EXAMPLES, name), "utf8");

const problemsOf = ({ differences }: CaseResult): string =>
  differences
    .map(({ path, message, expected, actual }) => JSON.stringify({ path, message, expected, actual }))
    .join("\n");

const WAIT =
  "  - { id: nap, type: wait, for: 30d }\n  - { id: end, type: template, template: up, depends_on: [nap] }\n";
const HTTP = `
  - { id: call, type: http, url: "https://api.example.com/orders", method: POST, body: { n: 1 }, retry: { attempts: 3 } }
`;
const APPROVAL = `
  - { id: ask, type: approval, title: Send it?, timeout: 2d }
  - { id: send, type: template, template: sent, depends_on: [ask.approved] }
  - { id: drop, type: template, template: dropped, depends_on: [ask.rejected] }
`;

describe("time", () => {
  it("a wait of thirty days takes none", async () => {
    const startedAt = performance.now();
    const result = await one(WAIT, { expect: { path: ["nap", "end"], within: "30d" } });
    expect(problemsOf(result)).toBe("");
    expect(result.skippedMs).toBe(30 * 86_400_000);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it("a run that takes longer than it may is told", async () => {
    expect(problemsOf(await one(WAIT, { expect: { within: "29d" } }))).toContain("within");
  });

  it("a step that answers too late fails by its timeout", async () => {
    const steps = "  - { id: slow, type: http, url: 'https://a.example', timeout: 5s, retry: { attempts: 1 } }\n";
    const http = [{ url: "https://a.example", answer: { delay: "10s", text: "late" } }];
    const result = await one(steps, { http, expect: { error: { code: "STEP_TIMEOUT", step: "slow" } } });
    expect(problemsOf(result)).toBe("");
    expect(result.skippedMs).toBe(5000);
  });

  it("an own node that takes real time is waited for, and no time passes", async () => {
    const node = defineNode({
      type: "own",
      config: z.unknown(),
      execute: () => new Promise((resolve) => setTimeout(() => resolve("done"), 50)),
    });
    const result = await one(
      "  - { id: a, type: own, timeout: 1 }\n",
      { expect: { outputs: { a: "done" } } },
      { nodes: [node] },
    );
    expect(problemsOf(result)).toBe("");
    expect(result.skippedMs).toBe(0);
  });

  it("an own node that never answers ends the case, and is named", async () => {
    const node = defineNode({ type: "own", config: z.unknown(), execute: () => new Promise(() => {}) });
    const result = await one("  - { id: a, type: own }\n", {}, { nodes: [node], realMs: 100 });
    expect(problemsOf(result)).toContain("still at work: a");
  });
});

describe("requests", () => {
  it("retries meet the answers in their order", async () => {
    const result = await one(HTTP, {
      http: [
        { method: "post", url: "https://api.example.com/orders", nth: 1, answer: { status: 503 } },
        { url: "/orders$/", answer: { json: { id: 7 } } },
      ],
      expect: {
        steps: { call: { attempt: 2, output: { status: 200, body: { id: 7 } } } },
        calls: { http: 2, call: 2 },
      },
    });
    expect(problemsOf(result)).toBe("");
  });

  it("one that no script answers fails the case, whatever the workflow makes of it", async () => {
    const steps = "  - { id: call, type: http, url: 'https://a.example/x?q=1', on_error: continue }\n";
    const result = await one(steps, {});
    expect(result.passed).toBe(false);
    expect(problemsOf(result)).toContain("GET https://a.example/x?q=1 was requested by call, and no script answers");
  });
});

describe("models", () => {
  const steps = "  - { id: say, type: model_inference, model: big-model, prompt: 'Hello there', on_error: continue }\n";

  it("a model that no script answers fails the case and names the script that is missing", async () => {
    expect(problemsOf(await one(steps, {}))).toContain("The model big-model was called, and no script answers");
  });

  it("a name that no configuration knows is scripted", async () => {
    const models = [{ model: "big-model", when: "there", answer: { text: "Hi" } }];
    expect(problemsOf(await one(steps, { models, expect: { outputs: { say: "Hi" }, calls: { model: 1 } } }))).toBe("");
  });

  it.each([
    [401, "MODEL_AUTHENTICATION"],
    [429, "MODEL_OVERLOADED"],
    [400, "MODEL_REQUEST_INVALID"],
    [500, "MODEL_UNAVAILABLE"],
  ])("status %i is the error %s", async (status, code) => {
    const expected = { steps: { say: { status: "failed", error: { code } } } };
    const result = await one(steps, { models: [{ answer: { error: { status } } }], expect: expected });
    expect(problemsOf(result)).toBe("");
  });
});

describe("people and signals", () => {
  it.each([
    [true, "send", "drop"],
    [false, "drop", "send"],
  ])("an approval that is answered with %s goes to %s", async (approved, way, other) => {
    const expected = { path: ["ask", way], skipped: [other] };
    expect(problemsOf(await one(APPROVAL, { approvals: [{ step: "ask", approved }], expect: expected }))).toBe("");
  });

  it("an answer after the timeout is told", async () => {
    const result = await one(APPROVAL, { approvals: [{ step: "ask", after: "3d" }], expect: { status: "failed" } });
    expect(problemsOf(result)).toContain("The run ended before the answer to ask after 72h 0m came");
  });

  it("a signal comes at its time", async () => {
    const steps = "  - { id: paid, type: wait, signal: payment }\n";
    const signals = [{ name: "payment", after: "1h", payload: { amount: 5 } }];
    const result = await one(steps, { signals, expect: { outputs: { paid: { amount: 5 } }, within: "1h" } });
    expect(problemsOf(result)).toBe("");
  });

  it("a run that waits for what never comes is stuck, and says for what", async () => {
    const result = await one("  - { id: paid, type: wait, signal: payment }\n", {});
    expect(problemsOf(result)).toContain("payment");
    expect(problemsOf(result)).toContain('"actual":"stuck"');
  });
});

describe("steps", () => {
  it("attempts meet the answers of a list, the last one all others", async () => {
    const steps = { call: [{ error: { status: 500 } }, { error: { status: 500 } }, { output: { body: "ok" } }] };
    expect(problemsOf(await one(HTTP, { steps, expect: { calls: { call: 3, http: 0 } } }))).toBe("");
  });

  it("a nested workflow is called by its name, and its steps can be replaced", async () => {
    const inner = "name: inner\nsteps:\n  - { id: think, type: model_inference, model: m, prompt: x }\n";
    const steps = "  - { id: sub, type: workflow, workflow: inner }\n";
    const testCase = { steps: { think: { output: "deep" } }, expect: { outputs: { sub: { think: "deep" } } } };
    expect(problemsOf(await one(steps, testCase, { workflows: [inner] }))).toBe("");
  });

  it("a case does the same at every repeat", async () => {
    const cases = example("each-document.test.yaml");
    const runs = [];
    for (let i = 0; i < 3; i++) {
      const report = await testWorkflow(example("each-document.yaml"), { cases });
      runs.push(JSON.stringify(report.cases.map(({ run, calls, skippedMs }) => ({ run, calls, skippedMs }))));
    }
    expect(new Set(runs).size).toBe(1);
  });
});

describe("the examples", () => {
  it.each(["summarize", "review-triage", "each-document"])("%s passes its cases", async (name) => {
    const report = await testWorkflow(example(`${name}.yaml`), { cases: example(`${name}.test.yaml`) });
    expect(report.cases.map(problemsOf).join("")).toBe("");
    expect(report.passed).toBe(true);
  });

  it.each([
    ["summarize", "Key phrases: ", "Keywords: ", "+ Keywords: first phrase, second phrase"],
    ["review-triage", "Open a refund case", "Refund", "outputs.action"],
    ["summarize", 'input: "{{ inputs.text }}"', 'input: "Please: {{ inputs.text }}"', "outputs.report"],
  ])("%s with %j changed fails with the difference", async (name, before, after, told) => {
    const source = example(`${name}.yaml`).replace(before, after);
    const report = await testWorkflow(source, { cases: example(`${name}.test.yaml`) });
    expect(report.passed).toBe(false);
    expect(report.cases.map((result) => caseLines(result, plain)).join("\n")).toContain(told);
  });

  it("wrong cases and workflows are refused with all their problems", async () => {
    await expect(testWorkflow("steps: 1", { cases: [] })).rejects.toMatchObject({ code: "INVALID_WORKFLOW" });
    const cases = "cases:\n  - nam: x\n  - name: y\n    expect: { path: [nobody] }\n";
    await expect(testWorkflow(example("summarize.yaml"), { cases })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
      details: { problems: { length: 3 } },
    });
  });
});
