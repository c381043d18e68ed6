import { describe, expect, it } from "vitest";
import { z } from "zod";
import { completed, defineNode } from "../nodes/define-node.ts";
import type { CaseSource, ExpectSource, ModelAnswerSource } from "./case.ts";
import { junit } from "./junit.ts";
import { one } from "./one-case.testing.ts";
import { caseLines, failedLines, plain } from "./report.ts";
import { testWorkflow, type CaseResult } from "./run-cases.ts";

const told = (result: CaseResult): string => caseLines(result, plain);
const SAY = "  - { id: say, type: llm, model: m, prompt: 'Say it: {{ inputs.word }}', system: Be brief. }\n";
const CALL =
  "  - { id: call, type: http, url: 'https://a.example/x', method: POST, body: { word: '{{ inputs.word }}' } }\n";
const says = (...answer: ModelAnswerSource[]): Pick<CaseSource, "models"> => ({ models: [{ answer }] });

describe("scripts of models", () => {
  it("a tool call comes with its arguments, beside a text or alone", async () => {
    const steps = "  - { id: say, type: llm, model: m, prompt: x, tools: [{ name: find }] }\n";
    const expected = { tool_calls: [{ id: "call_1", name: "find", arguments: { q: 1 } }] };
    const calls = [{ name: "find", arguments: { q: 1 } }];
    const alone = await one(steps, {
      ...says({ tool_calls: calls }),
      expect: { outputs: { say: { text: "", ...expected } } },
    });
    expect(told(alone)).toContain("✓");
    const beside = await one(steps, {
      ...says({ text: "Wait.", tool_calls: calls }),
      expect: { outputs: { say: { text: "Wait.", ...expected } } },
    });
    expect(told(beside)).toContain("✓");
  });

  it("a stream that is cut is asked for again, with the answers in their order", async () => {
    const result = await one(SAY, {
      inputs: { word: "x" },
      ...says({ text: "Half an", cut: true }, { text: "Whole." }),
      expect: { outputs: { say: "Whole." }, calls: { model: 2 } },
    });
    expect(told(result)).toContain("✓");
    const thrice = await one(SAY, { inputs: { word: "x" }, ...says({ text: "Half", cut: true }) });
    expect(told(thrice)).toContain("MODEL_STREAM_CUT");
  });

  it("a model that is busy is not asked before it said", async () => {
    const result = await one(SAY, {
      inputs: { word: "x" },
      ...says({ error: { status: 429, retry_after: "2m" } }, { text: "Now." }),
      expect: { outputs: { say: "Now." } },
    });
    expect(told(result)).toContain("✓");
    expect(result.skippedMs).toBeGreaterThanOrEqual(120_000);
  });

  it.each(["MODEL_TIMEOUT", "MODEL_CONTENT_FILTERED", "MODEL_INPUT_TOO_LONG"])(
    "the error %s can be said",
    async (code) => {
      const result = await one(SAY, {
        inputs: { word: "x" },
        ...says({ error: { code } }),
        expect: { error: { code } },
      });
      expect(told(result)).toContain("✓");
    },
  );

  it("slow words take skipped time, and a step that may not take so long fails", async () => {
    const slow = { inputs: { word: "x" }, ...says({ text: "one two three", pace: "10s" }) };
    const whole = await one(SAY, { ...slow, expect: { outputs: { say: "one two three" } } });
    expect(told(whole)).toContain("✓");
    expect(whole.skippedMs).toBe(30_000);
    const short = SAY.replace("system:", "timeout: 25s, retry: 1, system:");
    expect(told(await one(short, { ...slow, expect: { error: { code: "STEP_TIMEOUT" } } }))).toContain("✓");
  });
});

describe("scripts of endpoints", () => {
  it("a list answers one request after the other, the last one all others", async () => {
    const result = await one(CALL, {
      inputs: { word: "x" },
      http: [{ url: "https://a.example/x", answer: [{ error: "connection refused" }, { status: 503 }, { json: [1] }] }],
      expect: { steps: { call: { attempt: 3, output: { body: [1] } } }, calls: { http: 3 } },
    });
    expect(told(result)).toContain("✓");
  });

  it("an endpoint can be chosen by what is sent to it", async () => {
    const http = [
      { url: "https://a.example/x", body: "/ada/i", answer: { text: "yes" } },
      { url: "https://a.example/x", answer: { status: 400 } },
    ];
    const good = await one(CALL, {
      inputs: { word: "Ada" },
      http,
      expect: { steps: { call: { status: "succeeded" } } },
    });
    expect(told(good)).toContain("✓");
    const bad = await one(CALL, { inputs: { word: "Bob" }, http, expect: { error: { code: "REQUEST_STATUS" } } });
    expect(told(bad)).toContain("✓");
  });
});

describe("a case that cancels", () => {
  const steps = "  - { id: nap, type: wait, for: 1h }\n";

  it("ends the run at that time", async () => {
    const result = await one(steps, { cancel: { after: "10m", reason: "enough" }, expect: { status: "cancelled" } });
    expect(told(result)).toContain("✓");
    expect(result.skippedMs).toBe(600_000);
  });

  it("is told when the run had ended before", async () => {
    const result = await one(steps, { cancel: { after: "2h" } });
    expect(told(result)).toContain("The run ended before the cancel after 2h 0m came.");
  });
});

describe("prompts", () => {
  const models = [{ answer: { text: "ok" } }];
  const inputs = { word: "hello" };

  it.each<[string, NonNullable<ExpectSource["prompts"]>, string]>([
    ["that are as expected pass", { say: "Say it: hello" }, "✓"],
    ["may be patterns", { say: { prompt: "/HELLO$/i", system: "/brief/" } }, "✓"],
    ["are compared whole", { say: "Say it" }, '+ actual    "Say it: hello"'],
    ["have an instruction above them", { say: { system: "Be long." } }, "prompts.say.system: another prompt"],
    ["are counted when they are a list", { say: ["Say it: hello", "again"] }, "2 prompts expected, 1 seen"],
  ])("%s", async (_fact, prompts, line) => {
    expect(told(await one(SAY, { inputs, models, expect: { prompts } }))).toContain(line);
  });

  it("are seen also where the case answers for the step", async () => {
    const steps = { say: { output: "ok" } };
    expect(told(await one(SAY, { inputs, steps, expect: { prompts: { say: "Say: hello" } } }))).toContain(
      '- expected  "Say: hello"',
    );
  });

  it("are expected of steps that exist", async () => {
    const cases = [{ name: "one", expect: { prompts: { sya: "x" } } }];
    await expect(testWorkflow(`name: w\nsteps:\n${SAY}`, { cases })).rejects.toThrow('no step "sya"');
  });
});

it("nodes of one's own are part of a test, and can be replaced", async () => {
  const double = defineNode({
    type: "double",
    config: z.object({ of: z.number() }),
    execute: ({ of }) => completed(of * 2),
  });
  const steps = "  - { id: twice, type: double, of: '{{ inputs.n }}' }\n";
  const real = await one(steps, { inputs: { n: 4 }, expect: { outputs: { twice: 8 } } }, { nodes: [double] });
  expect(told(real)).toContain("✓");
  const scripted = { inputs: { n: 4 }, steps: { twice: { output: 0 } }, expect: { outputs: { twice: 0 } } };
  expect(told(await one(steps, scripted, { nodes: [double] }))).toContain("✓");
});

it("what is wrong in scripts is listed with its place", async () => {
  const cases = `cases:
  - name: one
    cancel: { reason: none }
    models: [{ answer: { text: a, json: 1 } }, { answer: { tool_calls: [{ arguments: {} }] } }, { answer: [] }]
    http: [{ url: "https://a.example", answer: { text: a, error: b } }]
    expect: { prompts: { say: { promt: x } } }
`;
  const refusal = testWorkflow(`name: w\nsteps:\n${SAY}`, { cases });
  await expect(refusal).rejects.toMatchObject({ details: { problems: { length: 6 } } });
  await expect(refusal).rejects.toThrow(/line 3:.*after.*line 4:.*text, json.*line 4:.*name.*line 5:.*line 6:.*promt/s);
});

describe("reports", () => {
  it("JUnit XML stays XML with whatever a difference holds", async () => {
    const nasty = 'a <b> & "c" ]]> \u0001';
    const result = await one("  - { id: t, type: template, template: '{{ inputs.word }}' }\n", {
      inputs: { word: nasty },
      expect: { outputs: { t: "x\ny" } },
    });
    const xml = junit([
      { file: "a&b.yaml", cases: [result], mistake: null },
      { file: "c.yaml", cases: [], mistake: "line 1: <wrong>" },
    ]);
    expect(xml).toContain('<testsuite name="a&amp;b.yaml" tests="1" failures="1" errors="0"');
    expect(xml).toContain("a &lt;b&gt; &amp; &quot;c&quot; ]]&gt;");
    expect(xml).toContain("line 1: &lt;wrong&gt;");
    expect(problemOfXml(xml)).toBeNull();
    expect(problemOfXml(xml.replace("&lt;b&gt;", "<b>"))).not.toBeNull();
  });

  it("many files end with a list of what failed", async () => {
    const good = await one(SAY, { inputs: { word: "x" }, models: [{ answer: { text: "y" } }] });
    const bad = await one(SAY, { inputs: { word: "x" } });
    const lines = failedLines(
      [
        { file: "a.test.yaml", cases: [good] },
        { file: "b.test.yaml", cases: [good, bad] },
      ],
      plain,
    );
    expect(lines).toBe(`Failed\n  ✗ b.test.yaml:${bad.line} one\n\n`);
    expect(failedLines([{ file: "b.test.yaml", cases: [bad] }], plain)).toBe("");
  });
});

/** What keeps a text from being well-formed XML, as far as reports use it; null when nothing does. */
function problemOfXml(xml: string): string | null {
  const open: string[] = [];
  const bare = xml.replace(/^<\?xml [^?]*\?>\n/, "");
  const token = /<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>|([^<]+)/gy;
  for (let at = 0; at < bare.length; at = token.lastIndex) {
    token.lastIndex = at;
    const match = token.exec(bare);
    if (!match) return `no XML at: ${bare.slice(at, at + 40)}`;
    const [, closes, name, attributes = "", isEmpty, text = ""] = match;
    const reference = /&(?!(?:amp|lt|gt|quot);)/.exec(text + attributes);
    if (reference) return "a bare &";
    // oxlint-disable-next-line no-control-regex -- the question is whether one is there
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text + attributes)) return "a control character";
    if (name === undefined) continue;
    if (closes) {
      if (open.pop() !== name) return `</${name}> closes nothing`;
    } else if (!isEmpty) open.push(name);
  }
  return open.length === 0 ? null : `${open.at(-1)} stays open`;
}
