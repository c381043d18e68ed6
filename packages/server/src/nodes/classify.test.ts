import { describe, expect, test } from "vitest";
import { builtinModels } from "../gateway/builtin/index.ts";
import { classifyNode } from "./classify.ts";
import { asked, outputOf, saying } from "./model/asked.testing.ts";

const classes = [
  { id: "1", name: "Billing", description: "invoices, payments, refunds" },
  { id: "2", name: "Technical", description: "errors, crashes, bugs" },
];
const [extract] = builtinModels();

describe("what the model is asked", () => {
  test("to choose an id: classes, examples and instruction above the text, the ids in a schema", async () => {
    const model = saying(['{"class_id": "2"}']);
    const config = {
      query: "It crashes",
      classes,
      instruction: "Look at the tone.",
      examples: [{ text: "Pay?", class: "Billing" }],
    };
    expect(outputOf(await asked(classifyNode, model, config))).toEqual({ class_id: "2", class_name: "Technical" });
    const { system, messages, schema } = model.requests[0]!;
    expect(messages).toEqual([{ role: "user", content: "It crashes" }]);
    expect(system).toContain('- "1": Billing – invoices, payments, refunds');
    expect(system).toContain('- "Pay?" is "1"');
    expect(system).toContain("Look at the tone.");
    expect(schema).toMatchObject({ properties: { class_id: { enum: ["1", "2"] } }, required: ["class_id"] });
  });

  test("about the input when there is no query, with what was said before and what is to be seen", async () => {
    const model = saying(['{"class_id": "a"}']);
    const config = {
      classes: ["a", "b"],
      history: [{ role: "user", content: "before" }],
      vision: { files: "https://h/x.png" },
    };
    await asked(classifyNode, model, config, { input: { n: 1 } });
    expect(model.requests[0]!.messages).toEqual([
      { role: "user", content: "before" },
      {
        role: "user",
        content: [
          { type: "text", text: '{"n":1}' },
          { type: "image", url: "https://h/x.png" },
        ],
      },
    ]);
  });

  test("nothing of its answer is told to those who watch as text", async () => {
    const { task } = await asked(classifyNode, saying(['{"class_id": "a"}']), { classes: ["a"], query: "x" });
    expect(task.emitted).toEqual([]);
  });
});

describe("what is taken for a choice", () => {
  test.each([
    ["the id", '{"class_id": "2"}', "2"],
    ["an id as a number", '{"class_id": 2}', "2"],
    ["a name, in other letters", '{"class_id": " technical."}', "2"],
    ["the words of other dialects; the id decides", '{"category_name": "Billing", "category_id": "2"}', "2"],
    ["a name alone", "Technical", "2"],
    ["behind thoughts and among words", '<think>"1"?</think>Sure: {"class_id": "2"}', "2"],
    ["a JSON text", '"2"', "2"],
  ])("%s", async (_fact, said, id) => {
    const output = outputOf(await asked(classifyNode, saying([said]), { classes, query: "x", repair: false }));
    expect(output).toMatchObject({ class_id: id });
  });

  test("confidence is asked for and given only where the step wants it", async () => {
    const model = saying(['{"class_id": "1", "confidence": 0.8}', '{"class_id": "1", "confidence": 80}']);
    expect(outputOf(await asked(classifyNode, model, { classes, query: "x", confidence: true }))).toMatchObject({
      confidence: 0.8,
    });
    expect(model.requests[0]!.schema).toMatchObject({ required: ["class_id", "confidence"] });
    const odd = outputOf(await asked(classifyNode, model, { classes, query: "x", confidence: true }));
    expect(odd).toEqual({ class_id: "1", class_name: "Billing" });
  });
});

describe("an answer that names no class", () => {
  test("is asked for once more", async () => {
    const model = saying(['{"class_id": "9"}', '{"class_id": "1"}']);
    expect(outputOf(await asked(classifyNode, model, { classes, query: "x" }))).toMatchObject({ class_id: "1" });
    expect(model.requests[1]!.system).toContain('there is no class "9"');
  });

  test.each([
    ["fails the step", {}, null],
    ["is the default where there is one", { default: "Technical" }, "2"],
    ["is the first class where the step says so", { on_unknown: "first" }, "1"],
  ])("%s", async (_fact, more, id) => {
    const { outcome } = await asked(classifyNode, saying(["I cannot say"]), { classes, query: "x", ...more });
    if (id === null) expect(outcome).toMatchObject({ failure: { code: "MODEL_OUTPUT_INVALID" } });
    else expect(outcome).toMatchObject({ output: { class_id: id }, usage: { total_tokens: 10 } });
  });

  test("a failure of the model is no such answer", async () => {
    const model = saying([[]]);
    model.stream = () => {
      throw new Error("down");
    };
    const { outcome } = await asked(classifyNode, model, { classes, query: "x", default: "1" });
    expect(outcome).toMatchObject({ type: "failed" });
  });
});

test.each([
  ["no classes", { classes: [] }, "empty"],
  ["two of one id", { classes: ["a", { id: "a", name: "b" }] }, "same id"],
  ["a default that is not there", { classes, default: "x" }, "default"],
  ["an example of a class that is not there", { classes, examples: [{ text: "t", class: "x" }] }, "example"],
])("%s fail the step without a call", async (_fact, config, word) => {
  const model = saying(["1"]);
  const { outcome } = await asked(classifyNode, model, { query: "x", ...config });
  expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED", message: expect.stringContaining(word) } });
  expect(model.requests).toHaveLength(0);
});

describe("with the builtin model", () => {
  test.each([
    ["I was charged twice, please check my invoices and payments.", "1"],
    ["The app shows errors and crashes since the update.", "2"],
    ["How do I get one of those refunds?", "1"],
  ])("%j is of class %s", async (query, id) => {
    expect(outputOf(await asked(classifyNode, extract!, { query, classes }))).toMatchObject({ class_id: id });
  });

  test("a list of names is enough", async () => {
    const output = outputOf(
      await asked(classifyNode, extract!, {
        query: "Terrible, broken and useless.",
        classes: ["positive", "negative"],
      }),
    );
    expect(output).toEqual({ class_id: "negative", class_name: "negative" });
  });
});

describe("steps of imported files", () => {
  const imported = {
    dialect: "dify",
    params: {},
    query: "x",
    instruction: "",
    classes: classes.map((one, at) => ({ id: one.id, name: one.name, label: `CLASS ${at + 1}` })),
  };

  test("give name, id, label and usage under the names of the file", async () => {
    const output = outputOf(
      await asked(classifyNode, saying(['```json\n{"category_id": "2", "category_name": "Technical"}\n```']), imported),
    );
    expect(output).toMatchObject({
      class_id: "2",
      class_name: "Technical",
      class_label: "CLASS 2",
      usage: { total_tokens: 5 },
    });
  });

  test("take the first class for an answer that names none, after one call", async () => {
    const model = saying(["no idea"]);
    expect(outputOf(await asked(classifyNode, model, imported))).toMatchObject({ class_id: "1" });
    expect(model.requests).toHaveLength(1);
  });

  test("show the model what was said before", async () => {
    const model = saying(["1"]);
    const memory = {
      window: { enabled: true, size: 1 },
      history: [
        { role: "assistant", content: "a" },
        { role: "user", content: "b" },
      ],
    };
    await asked(classifyNode, model, { ...imported, memory });
    expect(model.requests[0]!.messages.map(({ content }) => content)).toEqual(["b", "x"]);
  });
});
