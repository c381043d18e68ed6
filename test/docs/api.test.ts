import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "../../packages/server/src/http/app.testing.ts";
import { openApiDocument } from "../../packages/server/src/http/openapi/document.ts";
import { ROOT } from "../architecture/repository.ts";
import { fencesOf, linksOf } from "./markdown.ts";

/** The guide, and the pages that it sends its readers to for a part of the API. */
const GUIDE = "docs/api.md";
const PARTS = [
  "docs/streams.md",
  "docs/conversations.md",
  "docs/files.md",
  "docs/secrets.md",
  "docs/triggers.md",
  "docs/webhooks.md",
  "docs/schedules.md",
  "docs/dead-letters.md",
  "docs/own-workers.md",
  "docs/operations.md",
];

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const pages = [GUIDE, ...PARTS].filter((path) => existsSync(join(ROOT, path)));
const api = openApiDocument();

/** Names of parameters are the writer's to choose, and may be capitals: `/api/runs/{}`. */
const bare = (route: string): string => route.replaceAll(/(?<=\/)(?:\{\w+\}|:\w+|[A-Z][A-Z_]*)(?=\/|$)/g, "{}");

/** The routes of the document, as `GET /api/runs/{}`. */
const routes = Object.entries(api["paths"] as JsonObject).flatMap(([path, methods]) =>
  Object.keys(methods as JsonObject).map((method) => `${method.toUpperCase()} ${bare(path)}`),
);

let server: TestApp;
beforeAll(async () => {
  server = await testApp();
  // Some routes are there only when all plugins are.
  await server.app.fastify.ready();
});
afterAll(() => server.close());

describe("routes", () => {
  test("the server answers those of the document, and no other", () => {
    expect(server.app.routes.map(bare).toSorted()).toEqual(routes.toSorted());
  });

  test("the guide names every one of them", () => {
    const named = new Set(routesIn(read(GUIDE)));
    expect(routes.filter((route) => !named.has(route))).toEqual([]);
  });

  test.each(pages)("%s names none that is not there", (path) => {
    expect(routesIn(read(path)).filter((route) => !routes.includes(route))).toEqual([]);
  });

  test("each has a command to try in the guide, or in a page that the guide links to", () => {
    const linked = new Set(linksOf(read(GUIDE)).map(({ path }) => normalize(join(dirname(GUIDE), path))));
    const tried = new Set(
      pages.filter((path) => path === GUIDE || linked.has(path)).flatMap((path) => commandsIn(read(path)).map(routeOf)),
    );
    expect(routes.filter((route) => !tried.has(route))).toEqual([]);
  });

  test.each(pages.flatMap((path) => commandsIn(read(path)).map((command) => ({ path, command }))))(
    "$path: $command asks for a route",
    ({ command }) => {
      expect(routes).toContain(routeOf(command));
    },
  );
});

describe("the OpenAPI document", () => {
  test("is valid by the meta schema of OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(api) as Record<string, unknown>);
    expect(result.errors).toBeUndefined();
    expect([result.valid, validator.version]).toEqual([true, "3.1"]);
  });

  test("would not be valid with a parameter without a place", async () => {
    const broken = structuredClone(api) as { paths: Record<string, Record<string, { parameters: object[] }>> };
    broken.paths["/api/runs"]!["get"]!.parameters.push({ name: "x" });
    expect((await new Validator().validate(broken)).valid).toBe(false);
  });
});

describe("resources", () => {
  const get = async (url: string): Promise<Json> => (await server.app.fastify.inject(url)).json<Json>();
  const post = (url: string, body: object) =>
    server.app.fastify.inject({ method: "POST", url, headers: JSON_TYPE, body });

  test("have no member that the document does not name", async () => {
    const submitted = (await post("/api/runs", { workflow: "fragile", id: "f" })).json<Json>();
    await server.weft.runs.wait("f", { timeoutMs: 10_000 });
    server.isBroken = true;
    await post("/api/runs", { workflow: "fragile", id: "g", metadata: { a: 1 } });
    await server.weft.runs.wait("g", { timeoutMs: 10_000 });
    await post("/api/runs", { workflow: "gated", id: "open" });
    await server.arrived();
    const answers: readonly (readonly [string, Json])[] = [
      ["SubmittedRun", submitted],
      ["Run", await get("/api/runs/f")],
      ["Run", await get("/api/runs/g")],
      ["Run", await get("/api/runs/open")],
      ["RunDetail", await get("/api/runs/g?include=steps")],
      ["RunDetail", await get("/api/runs/open?include=steps")],
      ["RunPage", await get("/api/runs")],
      ["TaskProgress", await get("/api/tasks/f")],
      ["TaskProgress", await get("/api/tasks/open")],
      ["Stats", await get("/api/stats")],
      ["WorkflowPage", await get("/api/workflows")],
      ["WorkflowDetail", await get("/api/workflows/fragile")],
      ["WorkflowGraph", await get("/api/workflows/fragile/plan")],
      ["RerunAnswer", (await post("/api/runs/g/retry", {})).json<Json>()],
      [
        "WorkflowCheck",
        (await post("/api/workflows/validate", { name: "x", steps: [{ id: "a", type: "nope" }] })).json(),
      ],
      ["Problem", await get("/api/runs/none")],
      ["Problem", await get("/api/runs?limit=0")],
      ["Readiness", await get("/readyz")],
    ];
    for (const [name, answer] of answers) {
      expect([name, unknownMembers({ $ref: `#/components/schemas/${name}` }, answer, "")]).toEqual([name, []]);
    }
  });

  test("with a member too many are found", () => {
    const steps = [{ name: "a", status: "failed", extra: 1 }];
    expect(unknownMembers({ $ref: "#/components/schemas/TaskProgress" }, { steps, more: 1 }, "")).toEqual([
      ".steps[0].extra",
      ".more",
    ]);
  });
});

/** What a page says of routes: `GET /api/runs/{id}`, without its query. Elsewhere's (`/v1/…`) are no routes of ours. */
function routesIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/[\w{}./:-]*)/g)].map(([, method, path]) =>
    bare(`${method} ${path!.replace(/[.:]+$/, "")}`),
  );
}

/** The commands of a page that ask the server, one a line. */
function commandsIn(markdown: string): readonly string[] {
  return fencesOf(markdown)
    .filter(({ info }) => info === "sh")
    .flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, "").split("\n"))
    .filter((line) => /^(?:curl|websocat) .*localhost:9338/.test(line.trim()));
}

/** The route that a command asks for; a part in capitals, or of a resource's own name, is a parameter. */
function routeOf(command: string): string {
  const path = /localhost:9338(\/[^\s'"?#]*)/.exec(command)?.[1] ?? "/";
  const named = /-X ?([A-Z]+)/.exec(command)?.[1];
  const method = named ?? (/ (?:-d|--data|--data-binary|-F) /.test(command) ? "POST" : "GET");
  const exact = `${method} ${path}`;
  if (routes.includes(exact)) return exact;
  const parts = path.split("/");
  const fits = routes.find((route) => {
    const [verb, pattern = ""] = route.split(" ");
    const wanted = pattern.split("/");
    if (verb !== method || wanted.length !== parts.length) return false;
    return wanted.every((part, index) => part === "{}" || part === parts[index]);
  });
  return fits ?? exact;
}

/** Paths of the members of a value that its schema does not name. */
function unknownMembers(schema: JsonObject, value: Json, path: string): readonly string[] {
  const reference = schema["$ref"];
  if (typeof reference === "string") {
    const { schemas } = api["components"] as { schemas: Readonly<Record<string, JsonObject>> };
    return unknownMembers(schemas[reference.split("/").at(-1)!]!, value, path);
  }
  const choices = (schema["anyOf"] ?? schema["oneOf"]) as readonly JsonObject[] | undefined;
  if (choices)
    return choices.map((one) => unknownMembers(one, value, path)).toSorted((a, b) => a.length - b.length)[0]!;
  if (Array.isArray(value)) {
    const items = schema["items"];
    if (!isJsonObject(items)) return [];
    return (value as readonly Json[]).flatMap((one, index) => unknownMembers(items, one, `${path}[${index}]`));
  }
  const members = schema["properties"];
  if (!isJsonObject(value) || !isJsonObject(members)) return [];
  return Object.entries(value).flatMap(([name, one]) =>
    Object.hasOwn(members, name)
      ? unknownMembers(members[name] as JsonObject, one, `${path}.${name}`)
      : [`${path}.${name}`],
  );
}
