import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "./errors.ts";
import { canonicalJson, deepFreeze, encodeJson, isJsonObject, JSON_DEPTH_MAX, parseJson, type Json } from "./json.ts";

function refusal(work: () => unknown): { code: string; reason: unknown; pointer: unknown } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, reason: error.details["reason"], pointer: error.details["pointer"] };
  }
  throw new Error("nothing was refused");
}

const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};
class Point {
  x = 1;
}

describe("values that are stored and given back unchanged", () => {
  test.each<readonly [string, unknown, string]>([
    ["NUL", "a\0b", '"a\\u0000b"'],
    ["a lone surrogate", "\ud800", '"\\ud800"'],
    ["a byte order mark inside text", "\ufeffa", '"\ufeffa"'],
    ["minus zero", -0, "-0"],
    ["minus zero deep inside", { a: [1, -0] }, '{"a":[1,-0]}'],
    ["the largest number", Number.MAX_VALUE, "1.7976931348623157e+308"],
    ["the smallest number", 5e-324, "5e-324"],
    ["a map without a prototype", Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    ["emoji", "👩‍🚀", '"👩‍🚀"'],
  ])("%s", (_, value, text) => {
    expect(encodeJson(value)).toBe(text);
    expect(Object.is(encodeJson(parseJson(text)), text) || encodeJson(parseJson(text)) === text).toBe(true);
  });

  test("a key named __proto__ is data like any other, on every way through", () => {
    const text = '{"__proto__":{"admin":true},"constructor":1,"a":[{"__proto__":2}]}';
    const value = parseJson(text);
    expect(encodeJson(value)).toBe(text);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { admin?: unknown }).admin).toBe(undefined);
    expect(encodeJson(deepFreeze(value))).toBe(text);
    expect(canonicalJson(value)).toBe('{"__proto__":{"admin":true},"a":[{"__proto__":2}],"constructor":1}');
  });

  test("a million keys, in the time that reading them takes", () => {
    const text = `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":${i}`).join(",")}}`;
    expect(encodeJson(parseJson(text))).toBe(text);
  });

  test("as deep as is allowed", () => {
    const value = nested(JSON_DEPTH_MAX - 1);
    expect(encodeJson(parseJson(encodeJson(value)))).toBe(encodeJson(value));
  });

  test("whatever JSON there is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = encodeJson(value);
        expect(encodeJson(parseJson(text))).toBe(text);
        expect(parseJson(text)).toEqual(value);
      }),
    );
  });
});

describe("values that are refused, with their place", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;

  test.each<readonly [string, unknown, string, RegExp]>([
    ["NaN", { a: [1, Number.NaN] }, "#/a/1", /NaN is not a JSON number/],
    ["Infinity", Number.POSITIVE_INFINITY, "#", /Infinity/],
    ["a big integer", { n: 1n }, "#/n", /bigint/],
    ["a function", { f: () => 1 }, "#/f", /function/],
    ["a map that would encode itself", { toJSON: () => 1 }, "#/toJSON", /function/],
    ["a symbol", [Symbol("s")], "#/0", /symbol/],
    ["a date", { d: new Date(0) }, "#/d", /instance of Date/],
    ["a Map", new Map(), "#", /instance of Map/],
    ["an own class", [new Point()], "#/0", /instance of Point/],
    ["a boxed text", [new Object("x")], "#/0", /instance of String/],
  ])("%s", (_, value, pointer, reason) => {
    expect(refusal(() => encodeJson(value))).toEqual({
      code: "INVALID_JSON",
      pointer,
      reason: expect.stringMatching(reason),
    });
  });

  test("a value that holds itself, or is nested 10,000 deep", () => {
    expect(refusal(() => encodeJson(cycle)).reason).toMatch(/deeper than 500 levels \(or holds itself\)/);
    expect(refusal(() => encodeJson(nested(10_000))).reason).toMatch(/deeper/);
  });

  test("more members than one value may hold, before they are looked at", () => {
    expect(refusal(() => encodeJson(Array.from({ length: 2_000_001 }))).reason).toMatch(/more than 2000000 members/);
    expect(refusal(() => parseJson(`[${"1,".repeat(2_000_001)}1]`)).reason).toMatch(/more than 2000000 members/);
  });
});

describe("text that is refused", () => {
  test.each<readonly [string, string, RegExp]>([
    ["a number beyond a double", '{"a":1e400}', /1e400/],
    ["a negative one", "[-1e999]", /-1e999/],
    ["a number of 10,000 digits", "9".repeat(10_000), /does not fit/],
    ["a key given twice", '{"a":1,"b":{"a":1},"a":2}', /"a" is given twice/],
    ["a key given twice, once escaped", String.raw`{"a":1,"\u0061":2}`, /"a" is given twice/],
    ["10,000 levels", `${"[".repeat(10_000)}${"]".repeat(10_000)}`, /deeper than 500/],
    ["10,000 levels that are never closed", '{"a":'.repeat(10_000), /deeper than 500/],
    ["a byte order mark before it", "\ufeff{}", /./],
    ["nothing", "", /./],
    ["two values", "{} {}", /./],
    ["a comment", "{} // x", /./],
    ["a broken escape in a key", String.raw`{"\x":1}`, /./],
    ["an open string", '{"a', /./],
    ["a control character", '"a\nb"', /./],
    ["NaN", "NaN", /./],
  ])("%s", (_, text, reason) => {
    expect(refusal(() => parseJson(text))).toMatchObject({
      code: "INVALID_JSON",
      reason: expect.stringMatching(reason),
    });
  });

  test("the same key in different maps is no repetition", () => {
    expect(parseJson('[{"a":1},{"a":[{"a":2}]}]')).toEqual([{ a: 1 }, { a: [{ a: 2 }] }]);
    expect(parseJson('{"a":"a","b":["a","a"]}')).toEqual({ a: "a", b: ["a", "a"] });
  });
});

test("undefined members are left out, as in JSON.stringify; nothing at all is null", () => {
  expect(encodeJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
  expect(encodeJson(undefined)).toBe("null");
});

test("canonical text is the same for equal values, whatever the order of their keys", () => {
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: "x" })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed()) as Json;
      expect(canonicalJson(turned)).toBe(canonicalJson(value as Json));
    }),
  );
});

test("a frozen value cannot be changed anywhere", () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  expect(() => ((value.a[0] as { b: number }).b = 2)).toThrow(TypeError);
  expect(() => (value.a as unknown[]).push(1)).toThrow(TypeError);
});

test.each([
  [{}, true],
  [[], false],
  [null, false],
  ["{}", false],
])("%j is an object: %s", (value, expected) => {
  expect(isJsonObject(value)).toBe(expected);
});
