import { ERRORS, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { Validator } from "@cfworker/json-schema";
import type { Run } from "@weftwork/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "../app.testing.ts";

let server: TestApp;
let document: JsonObject;
beforeAll(async () => {
  server = await testApp();
  document = (await server.app.fastify.inject("/openapi.json")).json();
});
afterAll(() => server.close());

const member = (value: Json | undefined, ...names: readonly string[]): JsonObject =>
  names.reduce<JsonObject>((at, name) => at[name] as JsonObject, value as JsonObject);

function operations(): { key: string; operation: JsonObject }[] {
  return Object.entries(member(document, "paths")).flatMap(([path, methods]) =>
    Object.entries(methods as Readonly<Record<string, JsonObject>>).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
      operation,
    })),
  );
}

/** All values of a member, however deep. */
function all(value: Json, name: string): Json[] {
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((one) => all(one, name));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, one]) => [...(key === name ? [one] : []), ...all(one, name)]);
}

describe("the OpenAPI document", () => {
  test("has every route of the server, and no other", () => {
    expect(
      operations()
        .map(({ key }) => key)
        .toSorted(),
    ).toEqual([...server.app.routes].toSorted());
  });

  test("has every code of the error table, and no other", () => {
    const { enum: codes } = member(document, "components", "schemas", "ErrorCode");
    expect(codes).toEqual(Object.keys(ERRORS).map((code) => code.toLowerCase()));
  });

  test("refers to nothing that is not there, and has nothing that nobody refers to", () => {
    const used = new Set(all(document, "$ref"));
    const there = Object.keys(member(document, "components", "schemas")).map((name) => `#/components/schemas/${name}`);
    expect([...used].toSorted()).toEqual(there.toSorted());
  });

  test("names each operation once, and says what each answers", () => {
    const ids = operations().map(({ operation }) => operation["operationId"]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { key, operation } of operations()) {
      expect([key, operation["summary"]]).toEqual([key, expect.stringMatching(/\.$/)]);
      expect(Object.keys(member(operation, "responses")).length, key).toBeGreaterThan(1);
    }
  });
});

describe("what the server answers fits the document", () => {
  const fits = (schema: string, value: unknown): string[] => {
    const root = { ...member(document), $ref: `#/components/schemas/${schema}` };
    return new Validator(root, "2020-12", false)
      .validate(value)
      .errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
  };
  const post = (url: string, body: object) =>
    server.app.fastify.inject({ method: "POST", url, headers: JSON_TYPE, body });

  test("in every resource", async () => {
    const started = await post("/api/runs", { workflow: "fragile", id: "f" });
    expect(fits("SubmittedRun", started.json())).toEqual([]);
    await server.weft.runs.wait("f", { timeoutMs: 10_000 });
    server.isBroken = true;
    await post("/api/runs", { workflow: "fragile", id: "g" });
    await server.weft.runs.wait("g", { timeoutMs: 10_000 });
    const asked: readonly (readonly [string, string])[] = [
      ["Run", "/api/runs/f"],
      ["Run", "/api/runs/g"],
      ["RunDetail", "/api/runs/g?include=steps"],
      ["RunPage", "/api/runs"],
      ["TaskProgress", "/api/tasks/g"],
      ["Stats", "/api/stats"],
      ["WorkflowPage", "/api/workflows"],
      ["WorkflowPage", "/api/workflows/hello/versions"],
      ["WorkflowDetail", "/api/workflows/hello"],
      ["WorkflowGraph", "/api/workflows/hello/plan"],
      ["Readiness", "/readyz"],
      ["Problem", "/api/runs/none"],
      ["Problem", "/api/runs?limit=0"],
    ];
    for (const [schema, url] of asked) {
      const answer = (await server.app.fastify.inject(url)).json<Run>();
      expect([url, fits(schema, answer)]).toEqual([url, []]);
    }
    expect(fits("RerunAnswer", (await post("/api/runs/g/retry", {})).json())).toEqual([]);
    const check = await post("/api/workflows/validate", { name: "x", steps: [{ id: "a", type: "nope" }] });
    expect(fits("WorkflowCheck", check.json())).toEqual([]);
    expect(fits("Run", { id: 1 })).not.toEqual([]);
  });
});
