import type { JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { builtinModels } from "../gateway/builtin/index.ts";
import type { ModelPart } from "../gateway/model.ts";
import { extractNode } from "./extract.ts";
import { asked, outputOf, saying, type Says } from "./model/asked.testing.ts";

const parameters = [
  { name: "city", type: "string", description: "Name of the city", required: true },
  { name: "days", type: "number", required: true },
  { name: "mood", type: "select", options: ["good", "bad"] },
];
const call = (given: JsonObject): ModelPart => ({
  type: "tool_call",
  id: "c",
  name: "extract_parameters",
  arguments: given,
});
const good = { city: "Rome", days: 3, mood: "good" };
const [builtin] = builtinModels();

describe("what the model is asked", () => {
  test("by a schema of its answer, unless the step says otherwise", async () => {
    const model = saying([JSON.stringify(good)]);
    expect(outputOf(await asked(extractNode, model, { query: "text", parameters, instruction: "Dates too." }))).toEqual(
      good,
    );
    const { schema, tools, system, messages } = model.requests[0]!;
    expect(schema).toEqual({
      type: "object",
      properties: {
        city: { type: "string", description: "Name of the city" },
        days: { type: "number" },
        mood: { type: "string", enum: ["good", "bad"] },
      },
      required: ["city", "days"],
      additionalProperties: false,
    });
    expect(tools).toBeUndefined();
    expect(system).toContain("Dates too.");
    expect(messages).toEqual([{ role: "user", content: "text" }]);
  });

  test("by a tool, or in words", async () => {
    const model = saying([[call(good)], `It is: ${JSON.stringify(good)}`]);
    expect(outputOf(await asked(extractNode, model, { query: "t", parameters, mode: "function_call" }))).toEqual(good);
    expect(outputOf(await asked(extractNode, model, { query: "t", parameters, mode: "prompt" }))).toEqual(good);
    const [byTool, inWords] = model.requests;
    expect(byTool!.tools).toMatchObject([{ name: "extract_parameters", parameters: { required: ["city", "days"] } }]);
    expect([byTool!.schema, inWords!.schema, inWords!.tools]).toEqual([undefined, undefined, undefined]);
    expect(inWords!.system).toContain('"additionalProperties":false');
  });

  test("a model that knows no tools is asked by a schema; one that answers in words all the same is read", async () => {
    const model = saying([JSON.stringify(good)], { media: [], tools: false });
    await asked(extractNode, model, { query: "t", parameters, mode: "function_call" });
    expect(model.requests[0]).toMatchObject({ schema: { type: "object" } });
    const talking = saying([`<think>{}</think>Here: ${JSON.stringify(good)}`]);
    expect(outputOf(await asked(extractNode, talking, { query: "t", parameters, mode: "function_call" }))).toEqual(
      good,
    );
  });
});

describe("strict, which is the default", () => {
  test("what is not required and not there is null; other members are left out", async () => {
    const model = saying(['{"city": "Rome", "days": "3", "more": 1}']);
    expect(outputOf(await asked(extractNode, model, { query: "t", parameters }))).toEqual({
      city: "Rome",
      days: 3,
      mood: null,
    });
  });

  test.each<[string, Says, string]>([
    ["a required member is missing", '{"city": "Rome"}', "Parameter days is required"],
    ["a member is of another type", '{"city": ["Rome"], "days": 1}', "parameter city"],
    [
      "an option is none of the options",
      '{"city": "R", "days": 1, "mood": "mixed"}',
      "`select` value for parameter mood",
    ],
    ["it is no object", "[1]", "no JSON object"],
  ])("when %s, the model is asked once more and then the step fails", async (_fact, said, reason) => {
    const model = saying([said]);
    const { outcome } = await asked(extractNode, model, { query: "t", parameters });
    expect(outcome).toMatchObject({
      failure: { code: "MODEL_OUTPUT_INVALID", message: expect.stringContaining(reason) },
    });
    expect(model.requests).toHaveLength(2);
    const better = saying([said, JSON.stringify(good)]);
    expect(outputOf(await asked(extractNode, better, { query: "t", parameters }))).toEqual(good);
  });

  test("a schema of the author's own is held to as a whole", async () => {
    const schema = {
      type: "object",
      properties: { tags: { type: "array", items: { type: "string" }, minItems: 1 } },
      required: ["tags"],
    };
    expect(outputOf(await asked(extractNode, saying(['{"tags": ["a"], "n": 1}']), { query: "t", schema }))).toEqual({
      tags: ["a"],
      n: 1,
    });
    const { outcome } = await asked(extractNode, saying(['{"tags": []}']), { query: "t", schema });
    expect(outcome).toMatchObject({
      failure: { code: "MODEL_OUTPUT_INVALID", message: expect.stringContaining("#/tags") },
    });
  });
});

describe("not strict", () => {
  test.each<[string, Says, JsonObject]>([
    ["all is there", JSON.stringify(good), { success: true, reason: null, values: good }],
    [
      "something is missing",
      '{"city": "Rome"}',
      { success: false, reason: "Parameter days is required", values: { city: "Rome", days: 0, mood: "" } },
    ],
    [
      "there is nothing",
      "I do not know",
      {
        success: false,
        reason: expect.stringMatching(/^Failed to extract result/),
        values: { city: "", days: 0, mood: "" },
      },
    ],
  ])("the step succeeds and says how it went when %s", async (_fact, said, output) => {
    expect(outputOf(await asked(extractNode, saying([said]), { query: "t", parameters, strict: false }))).toEqual(
      output,
    );
  });
});

describe("types", () => {
  const one = async (type: string, value: unknown): Promise<unknown> => {
    const config = { query: "t", parameters: [{ name: "x", type }], strict: false, repair: false };
    return outputOf(await asked(extractNode, saying([JSON.stringify({ x: value })]), config));
  };

  test.each([
    ["string", "a", "a"],
    ["number", "1e2", 100],
    ["number", " 1.5", 1.5],
    ["integer", 2, 2],
    ["boolean", "True", true],
    ["bool", 0, false],
    ["object", { a: 1 }, { a: 1 }],
    ["array[string]", ["a"], ["a"]],
    ["array[number]", ["1", 2], [1, 2]],
    ["array[object]", [{}], [{}]],
    ["array[boolean]", ["false"], [false]],
  ])("%s takes %j as %j", async (type, value, taken) => {
    expect(await one(type, value)).toEqual({ success: true, reason: null, values: { x: taken } });
  });

  test.each([
    ["string", 1, ""],
    ["number", "one", 0],
    ["integer", 1.5, 0],
    ["boolean", "maybe", false],
    ["object", [], {}],
    ["array[string]", "a", []],
    ["array[number]", [1, "x"], []],
  ])("%s refuses %j and is then %j", async (type, value, empty) => {
    expect(await one(type, value)).toMatchObject({ success: false, values: { x: empty } });
  });
});

test.each([
  ["neither schema nor parameters", {}, "either schema or parameters"],
  ["both", { parameters, schema: { type: "object" } }, "either schema or parameters"],
  ["no parameters", { parameters: [] }, "empty"],
  ["two of one name", { parameters: [{ name: "a" }, { name: "a" }] }, "same name"],
  ["a reserved name", { parameters: [{ name: "__reason" }] }, "reserved"],
  ["a choice without options", { parameters: [{ name: "a", type: "select" }] }, "options"],
  ["an unknown type", { parameters: [{ name: "a", type: "date" }] }, "type"],
])("%s fails the step without a call", async (_fact, config, word) => {
  const model = saying(["{}"]);
  const { outcome } = await asked(extractNode, model, { query: "t", ...config });
  expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED", message: expect.stringContaining(word) } });
  expect(model.requests).toHaveLength(0);
});

test("the builtin model finds what stands in the text, however the step asks", async () => {
  const query = "Invoice\nTotal: 42.50\nEmail: ann@example.org\nPaid: yes";
  const wanted = [
    { name: "total", type: "number", required: true },
    { name: "email", type: "string", required: true },
  ];
  for (const mode of ["schema", "function_call"]) {
    const output = outputOf(await asked(extractNode, builtin!, { query, parameters: wanted, mode }));
    expect(output).toEqual({ total: 42.5, email: "ann@example.org" });
  }
});

describe("steps of imported files", () => {
  const imported = {
    dialect: "dify",
    params: {},
    query: "x",
    parameters,
    instruction: "",
    reasoning_mode: "function_call",
  };

  test("give the values beside how it went", async () => {
    const output = outputOf(await asked(extractNode, saying([[call(good)]]), imported));
    expect(output).toEqual({
      ...good,
      __is_success: 1,
      __reason: null,
      __usage: expect.objectContaining({ total_tokens: 5 }),
    });
  });

  test("succeed without values, after one call", async () => {
    const model = saying(["no"]);
    const output = outputOf(await asked(extractNode, model, imported));
    expect(output).toMatchObject({
      city: "",
      days: 0,
      mood: "",
      __is_success: 0,
      __reason: expect.stringContaining("Failed to extract"),
    });
    expect(model.requests).toHaveLength(1);
  });

  test("count their members, required or not", async () => {
    const output = outputOf(await asked(extractNode, saying([[call({ city: "Rome", days: 2 })]]), imported));
    expect(output).toMatchObject({
      city: "Rome",
      days: 2,
      mood: "",
      __is_success: 0,
      __reason: "Invalid number of parameters",
    });
  });
});
