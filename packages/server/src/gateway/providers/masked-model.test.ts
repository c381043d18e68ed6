import { expect, test } from "vitest";
import { Secret } from "../../secrets/secret.ts";
import type { Model, ModelPart } from "../model.ts";
import { isCredential, maskedModel } from "./masked-model.ts";

const KEY = "sk-c4n4ry-0123456789";
const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
const end = { usage, finishReason: "stop", fingerprint: "f" } as const;

function repeating(parts: readonly ModelPart[]): Model {
  return {
    id: "m",
    provider: "p",
    generate: async () => ({
      text: `it is ${KEY}`,
      reasoning: KEY,
      object: { [KEY]: KEY },
      toolCalls: [{ type: "tool_call", id: "1", name: "t", arguments: { a: KEY } }],
      ...end,
    }),
    async *stream() {
      yield* parts;
    },
  };
}

const context = { signal: new AbortController().signal };
const request = { messages: [] };

test("a server that repeats its key puts it into no result", async () => {
  const result = await maskedModel(repeating([]), [new Secret(KEY)]).generate(request, context);
  expect(JSON.stringify(result)).not.toContain(KEY);
  expect(result).toMatchObject({ text: "it is ***", reasoning: "***", object: { "***": "***" }, usage });
});

test("nor into a stream, where the key is cut; the text stays between its start and its end", async () => {
  const deltas = [..."it is ", ...KEY, ..." and sk-c4n"].map((text): ModelPart => ({ type: "text_delta", text }));
  const parts: ModelPart[] = [
    { type: "reasoning_delta", text: "sk-c4n4ry-" },
    { type: "text_start" },
    ...deltas,
    { type: "text_end" },
    { type: "reasoning_delta", text: "0123456789!" },
    { type: "tool_call", id: "1", name: "t", arguments: [KEY] },
    { type: "finish", object: KEY, ...end },
  ];
  const seen: ModelPart[] = [];
  for await (const part of maskedModel(repeating(parts), [new Secret(KEY)]).stream(request, context)) seen.push(part);
  const joined = (type: string): string =>
    seen.map((part) => (part.type === type && "text" in part ? part.text : "")).join("");
  expect([joined("text_delta"), joined("reasoning_delta")]).toEqual(["it is *** and sk-c4n", "***!"]);
  const types = seen.map(({ type }) => type);
  expect(types.indexOf("text_start")).toBeLessThan(types.indexOf("text_delta"));
  expect(types.lastIndexOf("text_delta")).toBeLessThan(types.indexOf("text_end"));
  expect(seen.slice(-2)).toEqual([
    { type: "tool_call", id: "1", name: "t", arguments: ["***"] },
    { type: "finish", object: "***", ...end },
  ]);
});

test("a model without secrets is not wrapped", () => {
  const model = repeating([]);
  expect(maskedModel(model, [])).toBe(model);
});

test.each([
  ["authorization", true],
  ["x-api-key", true],
  ["cookie", true],
  ["x-organisation", false],
  ["user-agent", false],
])("the header %s signs in: %s", (name, is) => expect(isCredential(name)).toBe(is));
