import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Json, JsonObject } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "../app.testing.ts";
import { openApiDocument } from "../openapi/document.ts";

type Piece = { readonly text: string; readonly schema?: string };
type Operation = JsonObject & { readonly method: string; readonly path: string };

/** The script of the page; plain JavaScript, so its types stand here. */
interface Model {
  operationsByTag(api: JsonObject): [string, Operation[]][];
  typePieces(schema: JsonObject): Piece[];
  membersOf(schema: JsonObject): { name: string; pieces: Piece[]; isNeeded: boolean; about: string }[];
  exampleOf(schema: JsonObject, api: JsonObject): Json;
  curlOf(operation: Operation, api: JsonObject, origin: string): string;
  isFound(operation: Operation, text: string): boolean;
}

const api = openApiDocument();
let server: TestApp;
let model: Model;
beforeAll(async () => {
  server = await testApp();
  model = (await import(pathToFileURL(join(import.meta.dirname, "model.js")).href)) as Model;
});
afterAll(() => server.close());

const all = (): Operation[] => model.operationsByTag(api).flatMap(([, operations]) => operations);
const operation = (id: string): Operation => all().find((one) => one["operationId"] === id)!;
const wordsOf = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join("");

describe("GET /docs", () => {
  const get = (url: string) => server.app.fastify.inject(url);

  test("answers with a page that loads nothing but what this server serves", async () => {
    const answer = await get("/docs");
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(answer.body).not.toMatch(/https?:|\bon\w+=|<script(?![^>]*\bsrc=)|style=/i);
    const asked = [...answer.body.matchAll(/\b(?:src|href)="(\/[^"]*)"/g)].map((match) => match[1]!);
    expect(asked).toEqual(expect.arrayContaining(["/docs/page.js", "/docs/page.css", "/openapi.json"]));
    for (const url of asked) expect([url, (await get(url)).statusCode]).toEqual([url, 200]);
  });

  test("forbids scripts and styles of others, and those within the page", async () => {
    const policy = String((await get("/docs")).headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  test.each([
    ["page.js", "text/javascript"],
    ["model.js", "text/javascript"],
    ["page.css", "text/css"],
  ])("%s has its type, asks no other machine, and makes no markup of texts", async (name, type) => {
    const answer = await get(`/docs/${name}`);
    expect(answer.headers["content-type"]).toBe(`${type}; charset=utf-8`);
    expect(answer.body).not.toMatch(
      /https?:\/\/|innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(/,
    );
    const imports = [...answer.body.matchAll(/from "\.\/([^"]+)"/g)].map((match) => match[1]!);
    for (const file of imports) expect((await get(`/docs/${file}`)).statusCode).toBe(200);
  });

  test.each(["/docs/page.ts", "/docs/page.html", "/docs/..%2fapp.ts", "/docs/%2e%2e%2fpage.ts"])(
    "%s is not there",
    async (url) => expect((await get(url)).statusCode).toBe(404),
  );
});

describe("the page's view of the document", () => {
  test("has every operation once, by tag", () => {
    const paths = api["paths"] as Readonly<Record<string, JsonObject>>;
    const there = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(
      all()
        .map(({ method, path }) => `${method} ${path}`)
        .toSorted(),
    ).toEqual(there.toSorted());
    expect(model.operationsByTag(api).map(([tag]) => tag)).toEqual(expect.arrayContaining(["runs", "workflows"]));
  });

  test.each<[JsonObject, string]>([
    [{ type: "string" }, "string"],
    [{ type: ["string", "null"] }, "string or null"],
    [{ type: "string", format: "date-time" }, "string (date-time)"],
    [{ type: "integer", minimum: 1, maximum: 200, default: 50 }, "integer, 1 to 200, default 50"],
    [{ type: "array", items: { $ref: "#/components/schemas/Run" } }, "list of Run"],
    [{ type: "object", additionalProperties: { type: "string" } }, "map of string"],
    [{ anyOf: [{ $ref: "#/components/schemas/Run" }, { type: "null" }] }, "Run or null"],
    [{ enum: ["a", "b"] }, '"a" | "b"'],
    [{}, "any value"],
  ])("tells the type of %j", (schema, words) => {
    expect(wordsOf(model.typePieces(schema))).toBe(words);
  });

  test("marks the members that are needed", () => {
    const { schemas } = api["components"] as { schemas: Record<string, JsonObject> };
    const members = model.membersOf(schemas["RunSubmission"]!);
    expect(members.find(({ name }) => name === "workflow")).toMatchObject({ isNeeded: true });
    expect(members.find(({ name }) => name === "run_at")).toMatchObject({ isNeeded: false });
  });

  test("gives commands that can be copied", () => {
    expect(model.curlOf(operation("startRun"), api, "http://127.0.0.1:9338")).toBe(
      `curl -s -XPOST 'http://127.0.0.1:9338/api/runs' -H 'content-type: application/json' -d '{"workflow":"text"}'`,
    );
    expect(model.curlOf(operation("getRun"), api, "http://h")).toBe("curl -s 'http://h/api/runs/ID'");
    expect(model.curlOf(operation("streamRun"), api, "http://h")).toContain("curl -sN ");
    for (const one of all())
      expect(model.curlOf(one, api, "http://h")).toMatch(/^(?:curl -sN? .*'http|websocat 'ws):\/\/h\/[^']*'/);
  });

  test("an example of a submission is taken by the server", async () => {
    const { schemas } = api["components"] as { schemas: Record<string, JsonObject> };
    const example = model.exampleOf(schemas["RunSubmission"]!, api);
    const answer = await server.app.fastify.inject({
      method: "POST",
      url: "/api/runs",
      headers: { "content-type": "application/json" },
      body: { ...(example as JsonObject), workflow: "hello", inputs: { text: "you" } },
    });
    expect(answer.statusCode).toBe(202);
  });

  test("finds operations by words of their path, name and parameters", () => {
    const found = (text: string): string[] =>
      all()
        .filter((one) => model.isFound(one, text))
        .map(({ path }) => path);
    expect(found("post cancel")).toEqual(["/api/runs/{id}/cancel"]);
    expect(found("idempotency-key")).toContain("/api/runs");
    expect(found("")).toHaveLength(all().length);
    expect(found("nothing like this")).toEqual([]);
  });
});
