import { describe, expect, it } from "vitest";
import { parseWorkflow } from "./parse.ts";

const HEAD = "name: t\nsteps:\n";
const numbered = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");

/** Texts made to cost time, memory or the stack. Each is refused with one clear reason; the limits leave a slow machine room. */
const CASES: readonly (readonly [fact: string, text: () => string, code: string, msMax: number])[] = [
  ["100,000 open brackets", () => "[".repeat(100_000), "too_deep", 1000],
  ["ten million open braces", () => "{".repeat(9_999_999), "too_deep", 1000],
  ["100,000 dashes", () => "- ".repeat(100_000), "too_deep", 1000],
  ["100,000 question marks", () => "? ".repeat(100_000), "too_deep", 1000],
  ["3,000 levels of indentation", () => numbered(3000, (i) => " ".repeat(i) + "a:"), "too_deep", 1000],
  ["ten megabytes of list items", () => "- a\n".repeat(2_499_999), "too_large", 10_000],
  ["ten megabytes of empty lines", () => "\n".repeat(9_999_999), "too_large", 10_000],
  ["ten megabytes of documents", () => "---\n".repeat(2_499_999), "too_large", 10_000],
  ["a text of more bytes than allowed", () => "é".repeat(5_000_001), "too_large", 1000],
  ["a map of 50,000 names given twice", () => numbered(100_000, (i) => `k${i % 50_000}: 1`), "duplicate_key", 15_000],
  [
    "an alias bomb",
    () => "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + numbered(30, (i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
    "too_large",
    1000,
  ],
  [
    "aliases nested by aliases",
    () => "a0: &a0 [x]\n" + numbered(3000, (i) => `a${i + 1}: &a${i + 1} [*a${i}]`),
    "too_deep",
    1000,
  ],
  ["a value that holds itself", () => "a: &a [*a]", "unknown_alias", 1000],
  ["10,001 steps", () => HEAD + numbered(10_001, (i) => `  - {id: s${i}, type: answer}`), "too_many_steps", 10_000],
  [
    "steps nested 25 deep",
    () =>
      HEAD +
      "  - " +
      Array.from({ length: 25 }, (_, i) => `{id: s${i}, type: loop, steps: [`).join("") +
      "{id: x, type: answer}" +
      "]}".repeat(25),
    "too_deep",
    1000,
  ],
  [
    "a ring of 10,000 steps",
    () => HEAD + numbered(10_000, (i) => `  - {id: s${i}, type: answer, depends_on: s${(i + 1) % 10_000}}`),
    "cycle",
    10_000,
  ],
  [
    "400 steps that all wait for all",
    () => {
      const all = Array.from({ length: 400 }, (_, i) => `s${i}`);
      return (
        HEAD +
        all
          .map((id) => `  - {id: ${id}, type: answer, depends_on: [${all.filter((other) => other !== id).join(", ")}]}`)
          .join("\n")
      );
    },
    "cycle",
    10_000,
  ],
];

describe("a hostile text is refused in time proportional to its length:", () => {
  for (const [fact, text, code, msMax] of CASES) {
    it(fact, () => {
      const written = text();
      const before = performance.now();
      const { workflow, problems } = parseWorkflow(written);
      expect(performance.now() - before).toBeLessThan(msMax);
      expect(workflow).toBeNull();
      expect(problems.map((problem) => problem.code)).toContain(code);
      expect(problems.length).toBeLessThanOrEqual(201);
    });
  }

  it("10,000 steps with 10,000 misspelt dependencies", () => {
    const text =
      HEAD + numbered(10_000, (i) => `  - {id: step_number_${i}, type: answer, depends_on: stp_numbr_${i}x}`);
    const before = performance.now();
    expect(parseWorkflow(text).problems).toHaveLength(201);
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});

it("no text leaves a trace on the prototype of all objects", () => {
  const names = Object.getOwnPropertyNames(Object.prototype);
  for (const body of [
    "{__proto__: {polluted: 1}}",
    '{"__proto__": {polluted: 1}}',
    "{constructor: {prototype: {polluted: 1}}}",
  ]) {
    const { problems, documentJson } = parseWorkflow(
      `name: t\nenv: ${body}\nsteps: [{id: a, type: answer, x-y: ${body}}]`,
    );
    expect(problems.map(({ code }) => code)).toEqual(["forbidden_key", "forbidden_key"]);
    expect(Object.getPrototypeOf(documentJson)).toBeNull();
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(names);
  expect((Object.create(Object.prototype) as { polluted?: number }).polluted).toBeUndefined();
});
