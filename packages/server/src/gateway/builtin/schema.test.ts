import { Validator } from "@cfworker/json-schema";
import { AppError, type Json, type JsonObject } from "@weftwork/core";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ModelRequest } from "../model.ts";
import { extract } from "./extract.ts";
import { HOMETOWN, README } from "./passages.fixture.ts";
import { fits } from "./schema-check.ts";
import { sample } from "./schema-sample.ts";
import { template } from "./template.ts";

/** Small schemas that some value fits. */
const { schema } = fc.letrec<{ schema: JsonObject }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.tuple(fc.nat(12), fc.nat(20)).map(([low, more]) => ({ type: "string", minLength: low, maxLength: low + more })),
    fc.constantFrom("email", "date", "date-time", "uri", "uuid", "ipv4").map((format) => ({ type: "string", format })),
    fc
      .tuple(fc.integer({ min: -50, max: 50 }), fc.nat(40), fc.constantFrom("integer", "number"))
      .map(([low, more, type]) => ({ type, minimum: low, maximum: low + more })),
    fc
      .tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: 1, max: 7 }))
      .map(([low, step]) => ({ type: "integer", exclusiveMinimum: low, multipleOf: step })),
    fc.constantFrom<JsonObject>(
      { type: "boolean" },
      { type: "null" },
      { type: ["string", "null"] },
      { const: { a: [1] } },
      {},
    ),
    fc
      .uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })
      .map((values) => ({ enum: values })),
    fc
      .tuple(tie("schema"), fc.nat(3), fc.nat(3))
      .map(([items, low, more]) => ({ type: "array", items, minItems: low, maxItems: low + more })),
    fc.tuple(tie("schema"), tie("schema")).map((options) => ({ anyOf: options })),
    fc
      .tuple(
        fc.dictionary(fc.constantFrom("title", "price", "due_date", "is_open", "tags", "x"), tie("schema")),
        fc.boolean(),
        fc.nat(),
      )
      .map(([properties, closed, pick]): JsonObject => ({
        type: "object",
        properties: properties,
        required: Object.keys(properties).filter((_, at) => (pick >> at) % 2 === 0),
        ...(closed ? { additionalProperties: false } : {}),
      })),
  ) as fc.Arbitrary<JsonObject>,
}));

function valid(one: JsonObject, value: Json): boolean {
  return new Validator(one as Record<string, unknown>, "2020-12").validate(value).valid;
}

/** The value with small numbers: whether 1e267 is a multiple of 5 is a matter of taste. */
function moderate(value: unknown): Json {
  const text = JSON.stringify(value, (_, one: unknown) => (typeof one === "number" ? Math.round(one % 1000) / 4 : one));
  return JSON.parse(text) as Json;
}

function filled(document: string, one: JsonObject): Json {
  const reply = extract({ messages: [{ role: "user", content: document }], system: "Extract the data.", schema: one });
  return "object" in reply ? reply.object : null;
}

describe("any schema", () => {
  test("is filled by builtin/template with a value that fits, checked by a library", () => {
    fc.assert(
      fc.property(schema, fc.integer(), (one, seed) => {
        const reply = template({ messages: [{ role: "user", content: "x" }], schema: one, seed });
        expect("object" in reply && valid(one, reply.object)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test("is filled by builtin/extract with a value that fits, whatever the document", () => {
    fc.assert(
      fc.property(schema, fc.constantFrom(README, HOMETOWN, "", "title: A\nprice: $5"), (one, document) => {
        expect(valid(one, filled(document, one))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("is judged as the library judges it", () => {
    fc.assert(
      fc.property(schema, fc.jsonValue().map(moderate), (one, value) => {
        expect(fits(one, value)).toBe(valid(one, value));
      }),
      { numRuns: 500 },
    );
  });
});

describe("schemas that try a filler", () => {
  const tree: JsonObject = {
    $ref: "#/$defs/node",
    $defs: {
      node: {
        type: "object",
        required: ["name"],
        properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/node" } } },
      },
    },
  };
  test("one that refers to itself ends", () => expect(valid(tree, sample(tree, 1))).toBe(true));

  test.each<[string, JsonObject]>([
    [
      "one that can have no end",
      {
        $ref: "#/$defs/n",
        $defs: { n: { type: "object", required: ["n"], properties: { n: { $ref: "#/$defs/n" } } } },
      },
    ],
    ["contradicting bounds", { type: "integer", minimum: 5, maximum: 4 }],
    ["a length beyond reason", { type: "string", minLength: 1e9 }],
    ["not anything", { not: {} }],
  ])("%s is refused as an answer that does not fit", (_, one) => {
    const request: ModelRequest = { messages: [{ role: "user", content: "x" }], schema: one };
    for (const fill of [template, extract]) expect(() => fill(request)).toThrow(AppError);
  });
});

test("template answers alike to the same request, otherwise to another seed", () => {
  const one: JsonObject = {
    type: "object",
    properties: { id: { type: "string", format: "uuid" }, n: { type: "integer" } },
  };
  const ask = (seed: number) => template({ messages: [{ role: "user", content: "x" }], schema: one, seed });
  expect(ask(1)).toEqual(ask(1));
  expect(new Set([1, 2, 3, 4, 5].map((seed) => JSON.stringify(ask(seed)))).size).toBeGreaterThan(2);
});

describe("fields", () => {
  const invoice = `Invoice No.: INV-2024-0817
Date: 17 August 2024
Bill to: Acme Trading Ltd
Contact: jane.doe@acme.example

- Widget, 4 pcs, $12.50 each
- Gadget, 2 pcs, $99.00 each

The total amount due is $1,248.00, payable within 30 days. The invoice has not been paid.`;

  test("of an invoice are found by their lines and forms", () => {
    const line = {
      type: "object",
      required: ["name"],
      properties: { name: { type: "string" }, price: { type: "number" }, quantity: { type: "integer" } },
    };
    const properties: JsonObject = {
      invoice_number: { type: "string" },
      date: { type: "string", format: "date" },
      total: { type: "number" },
      currency: { enum: ["EUR", "USD"], description: "USD: $, dollars; EUR: €, euros" },
      email: { type: "string", format: "email" },
      paid: { type: "boolean" },
      payment_days: { type: "integer" },
      customer: { type: "string" },
      items: { type: "array", items: line },
      fax: { type: ["string", "null"] },
    };
    expect(filled(invoice, { type: "object", required: Object.keys(properties), properties })).toMatchObject({
      invoice_number: "INV-2024-0817",
      date: "2024-08-17",
      total: 1248,
      email: "jane.doe@acme.example",
      paid: false,
      payment_days: 30,
      customer: "Acme Trading Ltd",
      items: [
        { name: "Widget", price: 12.5, quantity: 4 },
        { name: "Gadget", price: 99, quantity: 2 },
      ],
      fax: null,
    });
  });

  test("of a Chinese form are found by their lines, and what is told by its sentence", () => {
    const form =
      "姓名：张三\n电话：13812345678\n订单号：A20240817\n金额：328.5元\n下单日期：2024年8月17日\n\n用户反映收到的商品破损，要求尽快退货。";
    const properties: JsonObject = {
      name: { type: "string" },
      phone: { type: "string" },
      order_id: { type: "string" },
      amount: { type: "number" },
      order_date: { type: "string", format: "date" },
      category: { enum: ["咨询", "退货", "表扬"] },
      problem: { type: "string", description: "用户反映的问题" },
    };
    expect(filled(form, { type: "object", properties })).toEqual({
      name: "张三",
      phone: "13812345678",
      order_id: "A20240817",
      amount: 328.5,
      order_date: "2024-08-17",
      category: "退货",
      problem: "用户反映收到的商品破损，要求尽快退货。",
    });
  });

  test("of a README are its title, summary and key phrases", () => {
    const properties: JsonObject = {
      title: { type: "string" },
      summary: { type: "string", maxLength: 120 },
      tags: { type: "array", items: { type: "string" }, maxItems: 3 },
      license: { type: "string" },
      language: { enum: ["en", "zh"] },
    };
    expect(filled(README, { type: "object", properties })).toMatchObject({
      title: "Loomlight",
      summary: expect.stringMatching(/^Loomlight is a small server.*text\.$/),
      tags: expect.arrayContaining(["Loomlight"]),
      license: expect.stringContaining("Apache License 2.0"),
      language: "en",
    });
  });

  test("that the document does not have are left out, null or empty, never made up", () => {
    const properties: JsonObject = {
      email: { type: "string" },
      phone: { type: ["string", "null"] },
      salary: { type: "number" },
    };
    expect(filled("The sea was calm that morning.", { type: "object", required: ["phone"], properties })).toEqual({
      phone: null,
    });
  });
});
