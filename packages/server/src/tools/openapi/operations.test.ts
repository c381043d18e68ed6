import type { Json, JsonObject } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requestOf } from "./openapi-tools.ts";
import { readOpenApi } from "./operations.ts";

function read(paths: JsonObject, components: JsonObject = {}) {
  return readOpenApi({ openapi: "3.1.0", paths, components })!;
}

const get = (parameters: Json[], more: JsonObject = {}): JsonObject => ({ get: { parameters, ...more } });

describe("reading", () => {
  test.each([[null], [{}], [{ swagger: "2.0" }], [{ openapi: "4.0.0" }], ["openapi: 3.0.0"], [[]]] as [Json][])(
    "%j is no description",
    (document) => {
      expect(readOpenApi(document)).toBeNull();
    },
  );

  test.each([
    ["a reference out of the document", get([{ $ref: "other.yaml#/P" }]), /outside of the document/],
    ["a reference to nothing", get([{ $ref: "#/components/none" }]), /leads nowhere/],
    ["references in a circle", get([{ $ref: "#/components/circle" }]), /in a circle/],
    ["a path parameter that is not described", get([]), /parameter id of its path/],
    ["a cookie that is needed", get([{ name: "c", in: "cookie", required: true }]), /goes into a cookie/],
    [
      "a body of an unknown type",
      { post: { requestBody: { required: true, content: { "a/b": {} } } } },
      /its body is a\/b/,
    ],
  ] as [string, JsonObject, RegExp][])("an operation with %s is left out, with the reason", (_what, item, reason) => {
    const reading = read({ "/x/{id}": item }, { circle: { $ref: "#/components/circle" } });
    expect(reading.operations).toEqual([]);
    expect(reading.leftOut[0]!.reason).toMatch(reason);
  });

  test.each(["x", ".evil.example/x", "@evil.example/x", ":80/x", ""])("the path %j is left out", (path) => {
    const reading = read({ [path]: get([]) });
    expect(reading.operations).toEqual([]);
    expect(reading.leftOut[0]!.reason).toBe("its path does not begin with /");
  });

  test("a schema that is too large is left out", () => {
    const properties = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`p${i}`, { type: "string" }]));
    const reading = read({ "/x": get([{ name: "q", in: "query", schema: { properties } }]) });
    expect(reading.leftOut[0]!.reason).toContain("more than 5000");
  });

  test("the words of 3.0 become those of JSON Schema", () => {
    const schema = { type: "number", minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false };
    const taken = (given: JsonObject): Json => {
      const { parameters } = read({ "/x": get([{ name: "q", in: "query", schema: given }]) }).operations[0]!;
      return (parameters["properties"] as JsonObject)["q"]!;
    };
    expect(taken(schema)).toEqual({ type: "number", exclusiveMinimum: 1, maximum: 9 });
    expect(taken({ type: "string", enum: ["a"], nullable: true })).toEqual({
      type: ["string", "null"],
      enum: ["a", null],
    });
    expect(taken({ oneOf: [{}], nullable: true })).toEqual({ anyOf: [{ oneOf: [{}] }, { type: "null" }] });
    expect(taken({ enum: [{ $ref: "#/none" }] })).toEqual({ enum: [{ $ref: "#/none" }] });
  });

  test("operations of one name get numbers, and those without get their path", () => {
    const { operations } = read({
      "/a/b": get([], { operationId: "x" }),
      "/b": get([], { operationId: "x" }),
      "/c/d": get([]),
    });
    expect(operations.map(({ name }) => name)).toEqual(["x", "x_2", "get_c_d"]);
  });

  test("no document makes it throw", () => {
    const key = fc.constantFrom(
      "get",
      "parameters",
      "$ref",
      "schema",
      "in",
      "name",
      "requestBody",
      "content",
      "/a/{b}",
    );
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom("path", "query", "#/paths", "#/paths/~1a", "x", true, 1, null),
        fc.dictionary(key, tie("node"), { maxKeys: 4 }),
        fc.array(tie("node"), { maxLength: 3 }),
      ),
    })).node;
    fc.assert(
      fc.property(value, (paths) => {
        expect(readOpenApi({ openapi: "3.0.0", paths: paths as Json })).not.toBeNull();
      }),
    );
  });
});

describe("requests", () => {
  const send = (parameters: Json[], args: JsonObject, path = "/x") =>
    requestOf(read({ [path]: get(parameters) }).operations[0]!, "https://h/v1/", args);

  test.each([
    ["a list repeats its name", { in: "query" }, [1, 2], { q: [1, 2] }],
    ["a list without explode is joined", { in: "query", explode: false }, [1, 2], { q: "1,2" }],
    ["a map is its members", { in: "query" }, { a: 1 }, { a: 1 }],
    ["a deep map has brackets", { in: "query", style: "deepObject" }, { a: 1 }, { "q[a]": 1 }],
    ["what is deeper goes as JSON", { in: "query" }, [{ a: 1 }], { q: ['{"a":1}'] }],
    ["null is left out", { in: "query" }, null, {}],
  ] as [string, JsonObject, Json, JsonObject][])("%s", (_fact, parameter, value, query) => {
    expect(send([{ name: "q", ...parameter }], { q: value }).query).toEqual(query);
  });

  test("no argument changes the host or leaves its segment", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), (id) => {
        fc.pre(id !== "." && id !== ".." && id.isWellFormed());
        const { url } = send([{ name: "id", in: "path" }], { id }, "/x/{id}/y");
        const sent = new URL(url);
        expect(sent.origin).toBe("https://h");
        expect(sent.pathname.split("/")).toHaveLength(5);
        expect(sent.search + sent.hash).toBe("");
      }),
    );
  });

  test.each([
    ["application/json", { a: 1 }, { body: { a: 1 } }],
    ["application/json", "text", { body: '"text"' }],
    ["application/x-www-form-urlencoded", { a: 1 }, { form: { a: 1 } }],
    ["multipart/form-data", { a: 1 }, { multipart: { a: 1 } }],
    ["text/plain", "text", { body: "text" }],
  ] as [string, Json, JsonObject][])("a body of %s: %j", (type, body, sent) => {
    const operation = read({ "/x": { post: { requestBody: { content: { [type]: {} } } } } }).operations[0]!;
    expect(requestOf(operation, "https://h", { body })).toMatchObject(sent);
  });
});
