import { describe, expect, test } from "vitest";
import { openWeft } from "../../packages/server/src/index.ts";
import { isTestSupport } from "../architecture/check.ts";
import { readTree } from "../architecture/repository.ts";
import { lineOf, readCode } from "../architecture/source.ts";
import { slowShapes } from "./regex-shape.ts";

interface Literal {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

/** The regular expressions that stand in the product's code. */
function literals(): readonly Literal[] {
  return [...readTree()].flatMap(([path, text]) => {
    if (!/^packages\/[^/]+\/src\/.*\.ts$/.test(path) || isTestSupport(path)) return [];
    const code = readCode(text);
    // A literal is what the reader has blanked between two slashes; a comment has lost its slashes too.
    return [...code.text.matchAll(/\/( +)\/([a-z]*)/g)].flatMap((match) => {
      const source = text.slice(match.index + 1, match.index + 1 + match[1]!.length);
      return source.trim() === "" ? [] : [{ place: `${path}:${lineOf(code, match.index)}`, source, flags: match[2]! }];
    });
  });
}

describe("A26 expressions of our own take linear time:", () => {
  test("no regular expression of the product has a shape that can be slow", () => {
    const all = literals();
    expect(all.length).toBeGreaterThan(100);
    const slow = all.flatMap(({ place, source, flags }) =>
      slowShapes(source, flags).map((why) => `${place} /${source}/${flags}: ${why}`),
    );
    expect(slow).toEqual([]);
  });

  test.each<[source: string, isSlow: boolean]>([
    ["(a+)+$", true],
    ["^(?:a|aa)+$", true],
    ["(?:\\s*\\w+)*x", true],
    ["\\s*\\n[\\s\\S]*?x", true],
    ["(.*)(.*)x", true],
    ["(?:\\d+\\.)*\\d+", false],
    ['"(?:[^"\\\\]|\\\\.)*"', false],
    ["^[\\w.-]{1,64}$", false],
    ["^(?:[a-z]{1,63}\\.)+[a-z]+$", false],
  ])("the check itself: %s is slow: %j", (source, isSlow) => expect(slowShapes(source, "").length > 0).toBe(isSlow));
});

describe("A26 patterns of strangers run on an engine that is linear:", () => {
  const PATTERNS: readonly (readonly [fact: string, pattern: string, text: string])[] = [
    ["nested repeats", "^(a+)+$", `${"a".repeat(50_000)}!`],
    ["alternatives that begin alike", "^(a|aa)+$", `${"a".repeat(50_000)}!`],
    ["a run of stars", "(.*)(.*)(.*)(.*)(.*)x$", "a".repeat(50_000)],
  ];

  test.each(PATTERNS)(
    "%s in the pattern of an input end a run's submission with a clear refusal",
    async (_fact, pattern, text) => {
      const weft = await openWeft();
      const schema = JSON.stringify({ type: "object", properties: { t: { type: "string", pattern } } });
      await weft.workflows.publish(`name: p\ninputs: ${schema}\nsteps:\n  - {id: a, type: answer, input: x}\n`);
      await expect(weft.runs.start({ workflow: "p", inputs: { t: text } })).rejects.toMatchObject({
        code: "INVALID_INPUTS",
        details: { errors: [{ pointer: "#/inputs/t" }] },
      });
      await weft.close();
    },
  );

  test.each(PATTERNS)("%s as the name of a member", async (_fact, pattern, text) => {
    const weft = await openWeft();
    const schema = JSON.stringify({
      type: "object",
      patternProperties: { [pattern]: true },
      additionalProperties: false,
    });
    await weft.workflows.publish(`name: p\ninputs: ${schema}\nsteps:\n  - {id: a, type: answer, input: x}\n`);
    await expect(weft.runs.start({ workflow: "p", inputs: { [text]: 1 } })).rejects.toMatchObject({
      code: "INVALID_INPUTS",
    });
    await weft.close();
  });

  test.each([
    ["a look-ahead", "(?=a)a"],
    ["a look-behind", "(?<!a)b"],
    ["a back-reference", "(a)\\1"],
    ["more than a thousand characters", "a".repeat(1001)],
    ["a megabyte", "a".repeat(1_000_000)],
    ["a repeat that grows out of all bounds", "((a{1,99}){1,99}){1,99}"],
  ])("%s is refused when the workflow is published, with its line", async (_fact, pattern) => {
    const weft = await openWeft();
    const inputs = `{t: {type: string, pattern: ${JSON.stringify(pattern)}}}`;
    const { plan, problems } = weft.workflows.validate(
      `name: p\ninputs: ${inputs}\nsteps:\n  - {id: a, type: answer, input: x}\n`,
    );
    expect(plan).toBeNull();
    expect(problems).toMatchObject([{ code: "invalid_schema", pointer: "/inputs/t/pattern", place: { line: 2 } }]);
    await weft.close();
  });

  test("schemas of answers and forms are looked at too", async () => {
    const weft = await openWeft();
    const steps = [
      "  - {id: a, type: model_inference, prompt: x, schema: {type: object, properties: {n: {pattern: '(?=a)'}}}}",
      "  - {id: b, type: extract, schema: {type: wrong}}",
      "  - {id: c, type: approval, form: {properties: {n: {$ref: '#/none'}}}}",
    ];
    const { problems } = weft.workflows.validate(`name: p\nsteps:\n${steps.join("\n")}\n`);
    expect(problems.filter(({ code }) => code === "invalid_schema").map(({ pointer }) => pointer)).toEqual([
      "/steps/0/schema/properties/n/pattern",
      "/steps/1/schema/type",
      "/steps/2/form/properties/n/$ref",
    ]);
    await weft.close();
  });
});
