import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { webhookInputs, webhookResponse, webhookSpec, type WebhookCall } from "./webhook.ts";

const call = (more: Partial<WebhookCall> = {}): WebhookCall => ({
  method: "POST",
  contentType: "application/json",
  headers: {},
  params: {},
  body: { type: "text", text: "" },
  ...more,
});
const json = (value: Json): WebhookCall["body"] => ({ type: "text", text: JSON.stringify(value) });
const taken = (node: JsonObject, one: Partial<WebhookCall>): JsonObject => {
  const { _webhook_raw, ...values } = webhookInputs(
    webhookSpec({ method: "post", content_type: "application/json", ...node }),
    call(one),
  );
  expect(_webhook_raw).toBeTypeOf("object");
  return values;
};
const refusal = (node: JsonObject, one: Partial<WebhookCall>): Json => {
  try {
    taken(node, one);
  } catch (error) {
    if (error instanceof AppError && error.code === "WEBHOOK_REFUSED") return error.details["reason"]!;
    throw error;
  }
  throw new Error("the call was taken");
};
const field = (name: string, type: string, required = false): JsonObject => ({ name, type, required });

describe("a call of a webhook", () => {
  test("must have the method and the content type that are declared", () => {
    expect(refusal({}, { method: "GET" })).toBe("HTTP method mismatch. Expected post, got get");
    expect(refusal({}, { contentType: "text/plain" })).toBe(
      "Content-type mismatch. Expected application/json, got text/plain",
    );
    expect(refusal({}, { contentType: null })).toBe("Content-type mismatch. Expected application/json, got none");
    expect(taken({}, { contentType: "Application/JSON; charset=utf-8" })).toEqual({});
    expect(taken({ method: "get" }, { method: "GET", contentType: null })).toEqual({});
  });

  test("gives headers by names with underscores, however they are written", () => {
    const node = { headers: [field("X-My-Header", "string"), field("x_other", "string")] };
    expect(taken(node, { headers: { "x-my-header": "a", "x-other": "b" } })).toEqual({
      X_My_Header: "a",
      x_other: "b",
    });
    expect(taken(node, { headers: { x_my_header: "a" } })).toEqual({ X_My_Header: "a", x_other: null });
    expect(refusal({ headers: [field("X-A", "string", true)] }, {})).toBe("Required header missing: X-A");
  });

  test.each([
    ["number", "-1.5", -1.5],
    ["number", "many", "Parameter 'p' must be a number"],
    ["boolean", "TRUE", true],
    ["boolean", "0", false],
    ["boolean", "2", "Parameter 'p' must be a boolean"],
    ["string", "1", "1"],
    ["string", "", ""],
  ])("a parameter of type %s given as %j is %j", (type, given, result) => {
    const params = [field("p", type, true)];
    const isRefused = typeof result === "string" && result.startsWith("Parameter");
    if (isRefused) expect(refusal({ params }, { params: { p: given } })).toBe(result);
    else expect(taken({ params }, { params: { p: given } })).toEqual({ p: result });
    expect(refusal({ params }, {})).toBe("Required parameter missing: p");
  });

  test.each<[string, Json, boolean]>([
    ["string", "a", true],
    ["string", 1, false],
    ["number", 1, true],
    ["number", "1", false],
    ["boolean", false, true],
    ["boolean", "false", false],
    ["object", {}, true],
    ["object", [], false],
    ["array[string]", ["a"], true],
    ["array[string]", ["a", 1], false],
    ["array[number]", [1], true],
    ["array[object]", [{}], true],
    ["array[object]", {}, false],
    ["array[boolean]", [true], true],
  ])("a body parameter of type %s takes %j: %s", (type, value, fits) => {
    const body = [field("v", type, true)];
    if (fits) expect(taken({ body }, { body: json({ v: value }) })).toEqual({ v: value });
    else expect(refusal({ body }, { body: json({ v: value }) })).toBe(`Body parameter 'v' must be ${type}`);
  });

  test("a body that is no JSON, or lacks what is needed, is refused; an optional value is null", () => {
    const body = [field("v", "string", true)];
    expect(refusal({ body }, { body: { type: "text", text: "{" } })).toMatch(/^Invalid JSON body: /);
    for (const value of [{}, [], null, "v", { v: null }])
      expect(refusal({ body }, { body: json(value) })).toBe("Required body parameter missing: v");
    expect(taken({ body: [field("v", "string")] }, { body: json({}) })).toEqual({ v: null });
    expect(taken({ body: [field("toString", "string")] }, { body: json({}) })).toEqual({ toString: null });
  });

  test("fields of a form are texts that become the type declared; files are by name", () => {
    const file = { id: "file_1" };
    const node = {
      content_type: "multipart/form-data",
      body: [field("n", "number"), field("o", "object"), field("f", "file", true), field("s", "string")],
    };
    const form = (files: Record<string, Json>): Partial<WebhookCall> => ({
      contentType: "multipart/form-data; boundary=x",
      body: { type: "form", fields: { n: "2", o: '{"a":1}', s: "x" }, files },
    });
    expect(taken(node, form({ f: file }))).toEqual({ n: 2, o: { a: 1 }, f: file, s: "x" });
    expect(refusal(node, form({}))).toBe("Required body parameter missing: f");
  });

  test("a text and a file are the value of whatever is declared", () => {
    const text = { content_type: "text/plain", body: [field("said", "string", true)] };
    expect(taken(text, { contentType: "text/plain", body: { type: "text", text: "hi" } })).toEqual({ said: "hi" });
    const bytes = { content_type: "application/octet-stream", body: [field("it", "file", true)] };
    const file = { id: "file_1" };
    expect(taken(bytes, { contentType: "application/octet-stream", body: { type: "file", file } })).toEqual({
      it: file,
    });
  });

  test("all of it is kept as _webhook_raw, without what its sender proves itself with", () => {
    const headers = { authorization: "Bearer x", cookie: "c", "webhook-signature": "v1,y", "x-a": "1" };
    const raw = (node: JsonObject): JsonObject =>
      webhookInputs(
        webhookSpec({ method: "post", ...node }),
        call({ headers, params: { q: "1" }, body: json({ a: 1 }) }),
      )["_webhook_raw"] as JsonObject;
    expect(raw({})).toEqual({
      method: "POST",
      headers: { "x-a": "1" },
      query_params: { q: "1" },
      body: { a: 1 },
      files: {},
    });
    expect(raw({ headers: [field("Authorization", "string")] })["headers"]).toEqual({
      authorization: "Bearer x",
      "x-a": "1",
    });
  });

  test("whatever a node says and a call brings, it is taken or refused, and nothing else is thrown", () => {
    const anyField = fc.record({
      name: fc.string(),
      type: fc.constantFrom("string", "number", "object", "file", "array[x]", "?"),
      required: fc.boolean(),
    });
    const node = fc.record({
      method: fc.constantFrom("post", "get", 7),
      content_type: fc.constantFrom("application/json", "text/plain", "multipart/form-data", ""),
      headers: fc.array(anyField),
      params: fc.array(anyField),
      body: fc.oneof(fc.array(anyField), fc.jsonValue()),
      status_code: fc.jsonValue(),
      response_body: fc.oneof(fc.string(), fc.jsonValue()),
    });
    const texts = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(node, texts, texts, fc.string(), (data, headers, params, text) => {
        const spec = webhookSpec(data as JsonObject);
        expect(webhookResponse(spec).status).toBeGreaterThanOrEqual(200);
        const one = call({
          method: spec.method,
          contentType: spec.contentType,
          headers,
          params,
          body: { type: "text", text },
        });
        try {
          expect(webhookInputs(spec, one)).toHaveProperty("_webhook_raw");
        } catch (error) {
          expect(error).toMatchObject({ code: "WEBHOOK_REFUSED" });
        }
      }),
    );
  });
});

describe("the answer of a webhook", () => {
  test.each<[JsonObject, number, Json]>([
    [{}, 200, { status: "success", message: "Webhook processed successfully" }],
    [{ status_code: 202, response_body: '{"ok": true}' }, 202, { ok: true }],
    [{ response_body: "[1]" }, 200, [1]],
    [{ response_body: "{not json" }, 200, { message: "{not json" }],
    [{ response_body: "thanks" }, 200, { message: "thanks" }],
    [{ status_code: 99999 }, 200, { status: "success", message: "Webhook processed successfully" }],
  ])("%j is %i %j", (node, status, body) => {
    expect(webhookResponse(webhookSpec(node))).toEqual({ status, body });
  });
});
