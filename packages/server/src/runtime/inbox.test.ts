import { Payload, type Input } from "@weftwork/core";
import { expect, test } from "vitest";
import { decodeInput, encodeInput } from "./inbox.ts";

const signal: Input = { type: "signal_received", id: "s", name: "go", payload: Payload.of({ n: 1 }) };
const result: Input = {
  type: "task_reported",
  scope: "",
  node: "a",
  attempt: 1,
  outcome: { type: "completed", output: Payload.of({ text: "done" }) },
};

test.each([signal, result])("an input comes out of its text as it went in ($type)", (input) => {
  expect(encodeInput(decodeInput(encodeInput(input)))).toBe(encodeInput(input));
});

test("the values of an input can be read as before", () => {
  expect(decodeInput(encodeInput(signal))).toMatchObject({ payload: { value: { n: 1 } } });
  expect(decodeInput(encodeInput(result))).toMatchObject({ outcome: { output: { value: { text: "done" } } } });
});

test("what earlier versions can read is written as they did; results of tasks are refused by them", () => {
  expect(encodeInput(signal)[0]).toBe("1");
  expect(encodeInput(result)[0]).toBe("2");
  expect(() => decodeInput(`3${encodeInput(result).slice(1)}`)).toThrow('unknown format version "3"');
});
