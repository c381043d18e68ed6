import { Validator, type Schema } from "@cfworker/json-schema";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../base/json.ts";
import { readJsonSchema } from "./json-schema.ts";

const fits = (schema: Json, value: Json): boolean => readJsonSchema(schema).errors(value).length === 0;

const TREE: JsonObject = {
  $ref: "#/$defs/tree",
  $defs: { tree: { type: "object", properties: { child: { $ref: "#/$defs/tree" } }, additionalProperties: false } },
};

describe("a value fits or not:", () => {
  test.each<[fact: string, schema: Json, good: Json, bad: Json]>([
    ["a type", { type: "string" }, "a", 1],
    ["one of several types", { type: ["string", "null"] }, null, 1],
    ["a whole number, however it is written", { type: "integer" }, 1, 1.5],
    ["a constant that is an object, in any order", { const: { a: 1, b: [2] } }, { b: [2], a: 1 }, { a: 1 }],
    ["one of a list", { enum: ["a", [1], null] }, [1], [2]],
    ["a multiple in decimal", { multipleOf: 0.1 }, 0.3, 0.35],
    ["a multiple of something tiny", { multipleOf: 1e-8 }, 12391239123, 1e-9],
    ["a multiple where the quotient is no number", { multipleOf: 0.123456789 }, 0, 1e308],
    ["bounds that belong to it", { minimum: 1, maximum: 2 }, 2, 2.5],
    ["bounds that do not", { exclusiveMinimum: 1, exclusiveMaximum: 2 }, 1.5, 2],
    ["characters, a pair of surrogates being one", { maxLength: 2 }, "😀😀", "😀😀😀"],
    ["a pattern somewhere in the text", { pattern: "b+c" }, "abbc", "ab"],
    ["a pattern as ECMAScript writes it", { pattern: "^\\u00e9(?<n>\\d)$" }, "é1", "e1"],
    [
      "different items",
      { uniqueItems: true },
      [1, "1", { a: 1 }, { a: 2 }],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
    ["an item among others", { contains: { type: "number" }, minContains: 2 }, [1, "a", 2], [1, "a"]],
    [
      "first items and the rest",
      { prefixItems: [{ type: "string" }], items: { type: "number" } },
      ["a", 1],
      ["a", "b"],
    ],
    ["first items as older drafts write them", { items: [true], additionalItems: false }, [1], [1, 2]],
    [
      "members by pattern, and no others",
      { patternProperties: { "^x-": true }, additionalProperties: false },
      { "x-a": 1 },
      { a: 1 },
    ],
    ["names", { propertyNames: { maxLength: 2 } }, { ab: 1 }, { abc: 1 }],
    ["one needs the other", { dependentRequired: { a: ["b"] } }, { b: 1 }, { a: 1 }],
    ["one brings a schema", { dependentSchemas: { a: { minProperties: 2 } } }, { b: 1 }, { a: 1 }],
    ["what is required, inherited names being none", { required: ["toString"] }, { toString: 1 }, {}],
    [
      "a member named __proto__",
      JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') as Json,
      {},
      JSON.parse('{"__proto__":1}') as Json,
    ],
    ["all", { allOf: [{ minimum: 1 }, { maximum: 2 }] }, 1, 3],
    ["any", { anyOf: [{ type: "string" }, { minimum: 5 }] }, 6, 4],
    ["exactly one", { oneOf: [{ minimum: 1 }, { maximum: 2 }] }, 3, 1],
    ["not", { not: { type: "null" } }, 1, null],
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    ["if and then and else", { if: { type: "string" }, then: { minLength: 2 }, else: { minimum: 2 } }, 2, "a"],
    ["a reference to a definition", TREE, { child: { child: {} } }, { child: { child: { other: 1 } } }],
    ["a reference to an anchor", { $ref: "#x", $defs: { a: { $anchor: "x", type: "string" } } }, "a", 1],
    [
      "a reference to an id",
      { $ref: "urn:x#/$defs/y", $defs: { a: { $id: "urn:x", $defs: { y: { type: "string" } } } } },
      "a",
      1,
    ],
    [
      "a name with a slash and a percent sign",
      { $ref: "#/$defs/a~1%25", $defs: { "a/%": { type: "string" } } },
      "a",
      1,
    ],
    [
      "members that nothing has met",
      { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
      { a: 1 },
      { a: 1, b: 1 },
    ],
    [
      "members of a branch that does not fit",
      { anyOf: [{ properties: { a: { const: 1 } }, required: ["a"] }, true], unevaluatedProperties: false },
      { a: 1 },
      { a: 2 },
    ],
    [
      "items that nothing has met",
      { prefixItems: [true], contains: { const: 5 }, unevaluatedItems: false },
      [1, 5],
      [5, 1],
    ],
    [
      "inner objects on their own",
      { properties: { o: { properties: { a: true }, unevaluatedProperties: false } } },
      { o: { a: 1 } },
      { o: { b: 1 } },
    ],
    ["everything", true, 1, undefined as unknown as Json],
  ])("%s", (_fact, schema, good, bad) => {
    expect(readJsonSchema(schema).problems).toEqual([]);
    expect(readJsonSchema(schema).errors(good)).toEqual([]);
    if (bad !== undefined) expect(fits(schema, bad)).toBe(false);
  });

  test("nothing fits false", () => expect(fits(false, 1)).toBe(false));

  test.each<[format: string, good: readonly string[], bad: readonly string[]]>([
    ["date", ["2024-02-29"], ["2023-02-29", "2024-13-01", "2024-1-1", "2024-00-10"]],
    ["time", ["23:59:60Z", "10:00:00.5+02:00"], ["24:00:00Z", "10:00:00", "10:00:00+24:00"]],
    ["date-time", ["2024-01-01T00:00:00Z", "2024-01-01t00:00:00z"], ["2024-01-01 00:00:00Z", "2024-01-01"]],
    ["duration", ["P1Y2M3DT4H5M6S", "PT1S", "P2W"], ["P", "PT", "P1S", "1D", "P1YT"]],
    ["email", ["a.b+c@example.com"], ["a@", "@b", "a..b@c.d", "a b@c.d", ".a@b.c"]],
    ["hostname", ["a.example", "xn--a"], ["-a.b", "a..b", "a_b", "a".repeat(64)]],
    ["ipv4", ["127.0.0.1"], ["127.1", "256.1.1.1", "01.1.1.1", "127.0.0.1.1"]],
    [
      "ipv6",
      ["::1", "::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::"],
      ["1::2::3", ":1", "12345::", "1:2:3:4:5:6:7", "::1.2.3"],
    ],
    ["uri", ["https://a.b/c?d#e", "urn:x"], ["/a", "http://a b", "a:%zz"]],
    ["uri-reference", ["/a?b", "#c", ""], ["a b", "\\\\a"]],
    ["uuid", ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380"]],
    ["json-pointer", ["", "/a~1b"], ["a", "/~2"]],
    ["regex", ["a+"], ["(", "a(?=b)"]],
    ["never-heard-of", ["anything"], []],
  ])("the format %s", (format, good, bad) => {
    for (const text of good) expect(fits({ format }, text), text).toBe(true);
    for (const text of bad) expect(fits({ format }, text), text).toBe(false);
  });
});

describe("errors", () => {
  test("say where and what, all of them", () => {
    const schema = {
      type: "object",
      properties: { "a/b": { type: "string" }, list: { items: { minimum: 3 } } },
      required: ["other"],
    };
    expect(readJsonSchema(schema).errors({ "a/b": 1, list: [3, 2] })).toEqual([
      { pointer: "", keyword: "required", message: 'must have "other"' },
      { pointer: "/a~1b", keyword: "type", message: "must be of type string, and is 1" },
      { pointer: "/list/1", keyword: "minimum", message: "must be at least 3, and is 2" },
    ]);
  });

  test("of the one alternative that was meant are told", () => {
    const schema = { anyOf: [{ type: "null" }, { type: "object", properties: { n: { type: "number" } } }] };
    expect(readJsonSchema(schema).errors({ n: "x" })).toMatchObject([{ pointer: "/n", keyword: "type" }]);
    expect(readJsonSchema(schema).errors(5)).toMatchObject([{ pointer: "", keyword: "anyOf" }]);
  });

  test("are at most fifty", () => {
    const wrong = Array.from({ length: 1000 }, () => "x");
    expect(readJsonSchema({ items: { type: "number" } }).errors(wrong)).toHaveLength(50);
  });
});

describe("a schema that is wrong says where, and lets nothing pass", () => {
  test.each<[fact: string, schema: Json, pointer: string, message: RegExp, value: Json]>([
    ["a look-ahead", { properties: { a: { pattern: "a(?=b)" } } }, "/properties/a/pattern", /look-ahead/, { a: "ab" }],
    ["a back-reference", { pattern: "(a)\\1" }, "/pattern", /back-reference/, "aa"],
    ["no pattern at all", { pattern: "(" }, "/pattern", /no pattern/, "("],
    [
      "a name that is a look-behind",
      { patternProperties: { "(?<!a)b": true } },
      "/patternProperties/(?<!a)b",
      /look-/,
      { b: 1 },
    ],
    ["a pattern that is too long", { pattern: "a".repeat(1001) }, "/pattern", /1000 characters/, "a"],
    ["a type that is none", { type: "text" }, "/type", /must be one of/, "a"],
    ["a bound that is a text", { minLength: "3" }, "/minLength", /whole number/, "abcd"],
    ["a list that is missing", { required: true }, "/required", /list of texts/, {}],
    ["a reference to nothing", { $ref: "#/$defs/no" }, "/$ref", /not in the schema/, 1],
    ["a reference to elsewhere", { $ref: "https://example.com/s" }, "/$ref", /nothing is fetched/, 1],
    ["a schema that is a number", { items: 3 }, "/items", /must be a schema/, [1]],
    [
      "a wrong definition that nothing refers to",
      { $defs: { a: { type: "x" } }, type: "string" },
      "/$defs/a/type",
      /must be one of/,
      1,
    ],
  ])("%s", (_fact, schema, pointer, message, value) => {
    const { problems, errors } = readJsonSchema(schema);
    expect(problems[0]).toEqual({ pointer, message: expect.stringMatching(message) as string });
    expect(errors(value)).not.toEqual([]);
  });
});

describe("work is bounded:", () => {
  const nested = (depth: number): Json => {
    let value: JsonObject = {};
    for (let level = 1; level < depth; level++) value = { child: value };
    return value;
  };
  const all = (levels: number): JsonObject => ({
    $ref: "#/$defs/d0",
    $defs: Object.fromEntries(
      Array.from({ length: levels }, (_, at) => [
        `d${at}`,
        at === levels - 1 ? {} : { allOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
      ]),
    ),
  });

  test("a value as deep as JSON may be fits a schema that names itself", () =>
    expect(fits(TREE, nested(500))).toBe(true));

  test.each<[fact: string, schema: Json, value: Json]>([
    ["a reference to itself", { $ref: "#" }, 1],
    ["two references to each other", { $ref: "#/$defs/a", $defs: { a: { anyOf: [{ $ref: "#" }, { $ref: "#" }] } } }, 1],
    ["60 levels that each ask twice", all(60), 1],
    [
      "patterns of thousands of instructions on a long text",
      { pattern: "(x{1,50}|a{1,50}){19}b" },
      "a".repeat(1_000_000),
    ],
  ])("%s ends at the limit", (_fact, schema, value) => {
    expect(readJsonSchema(schema).errors(value).at(-1)?.keyword).toBe("limit");
  });

  test.each<[fact: string, schema: Json, value: Json]>([
    ["100,000 different items", { uniqueItems: true }, Array.from({ length: 100_000 }, (_, at) => ({ at }))],
    ["a million numbers", { items: { type: "number", minimum: 0 } }, Array.from({ length: 1_000_000 }, (_, at) => at)],
    ["nested repeats", { not: { pattern: "^(a+)+$" } }, `${"a".repeat(100_000)}!`],
    ["10,000 choices", { enum: Array.from({ length: 10_000 }, (_, at) => [at]) }, [9999]],
  ])("%s are checked to the end", (_fact, schema, value) => expect(readJsonSchema(schema).errors(value)).toEqual([]));

  test("a schema of a megabyte is read once, and one of too many schemas is refused", () => {
    const wide = (count: number): JsonObject => ({
      properties: Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, { type: "string" }])),
    });
    expect(readJsonSchema(wide(40_000)).problems).toEqual([]);
    const { problems, errors } = readJsonSchema(wide(60_000));
    expect(problems).toHaveLength(1);
    expect(errors({ p59999: "x" })).not.toEqual([]);
  });

  test("patterns that are large together are refused", () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`(a{1,30}|b${at}){30}`, true]));
    expect(readJsonSchema({ patternProperties: many }).problems.at(-1)?.message).toContain("too many patterns");
  });
});

/** Schemas and values from few words, so that they meet often. */
const { value: aValue, schema: aSchema } = fc.letrec<{ value: Json; schema: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, true, 0, 1, 1.5, -2, "", "a", "ab", "😀", "2024-01-01"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "ab"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
  schema: fc.oneof(
    { maxDepth: 4 },
    fc.boolean(),
    fc.record(
      {
        type: fc.constantFrom<Json>("string", "number", "integer", "object", "array", "null", ["string", "array"]),
        const: tie("value"),
        minimum: fc.integer({ min: -2, max: 2 }),
        maxLength: fc.nat(2),
        pattern: fc.constantFrom("a", "^ab?$", "[^a]"),
        minItems: fc.nat(2),
        maxProperties: fc.nat(2),
        required: fc.uniqueArray(fc.constantFrom("a", "b"), { maxLength: 2 }),
        uniqueItems: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    fc.record(
      {
        properties: fc.dictionary(fc.constantFrom("a", "b"), tie("schema"), { maxKeys: 2, noNullPrototype: true }),
        patternProperties: fc.dictionary(fc.constantFrom("^a", "b"), tie("schema"), {
          maxKeys: 1,
          noNullPrototype: true,
        }),
        additionalProperties: tie("schema"),
        propertyNames: fc.constantFrom<Json>({ maxLength: 1 }, { pattern: "a" }),
        prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
        items: tie("schema"),
      },
      { requiredKeys: [] },
    ),
    fc.record(
      {
        allOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
        anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
        oneOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
        not: tie("schema"),
        if: tie("schema"),
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
        then: tie("schema"),
        else: tie("schema"),
      },
      { requiredKeys: [] },
    ),
  ),
}));

test("another validator comes to the same verdict", () => {
  fc.assert(
    fc.property(aSchema, aValue, (schema, value) => {
      const other = new Validator(structuredClone(schema) as Schema, "2020-12", false).validate(value);
      expect(fits(schema, value)).toBe(other.valid);
    }),
    { numRuns: 3000 },
  );
});
