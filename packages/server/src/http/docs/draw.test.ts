import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { JsonObject } from "@weftwork/core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { openApiDocument } from "../openapi/document.ts";

/** As much of an element as the page uses: children are elements or texts, and a text is never read as markup. */
class Part {
  readonly name: string;
  readonly children: (Part | string)[] = [];
  readonly attributes: Record<string, string> = {};
  readonly listeners: Record<string, (event: { target: { value: string } }) => void> = {};
  id = "";
  className = "";
  hidden = false;
  open = false;
  wasShown = false;

  constructor(name: string) {
    this.name = name;
  }

  get tagName(): string {
    return this.name.toUpperCase();
  }

  get textContent(): string {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join("");
  }

  set textContent(text: string) {
    this.children.splice(0, Infinity, text);
  }

  append(...parts: readonly (Part | string)[]): void {
    this.children.push(...parts);
  }

  setAttribute(name: string, value: string): void {
    this.attributes[name] = value;
  }

  addEventListener(type: string, listener: (event: { target: { value: string } }) => void): void {
    this.listeners[type] = listener;
  }

  scrollIntoView(): void {
    this.wasShown = true;
  }

  all(): readonly Part[] {
    return [this, ...this.children.flatMap((child) => (typeof child === "string" ? [] : child.all()))];
  }
}

/** A module runs once for each address it is imported by. */
const pages: Part[] = [];
afterEach(() => {
  vi.unstubAllGlobals();
});

/** The page as it is after its script has run: with this document, at this address. */
async function drawn(api: JsonObject | null, hash = ""): Promise<Part> {
  const body = new Part("body");
  for (const id of ["title", "about", "filter", "contents", "operations"]) {
    const part = new Part("div");
    part.id = id;
    body.append(part);
  }
  vi.stubGlobal("document", {
    createElement: (name: string) => new Part(name),
    querySelector: (selector: string) => body.all().find(({ id }) => `#${id}` === selector) ?? null,
  });
  vi.stubGlobal("location", { origin: "http://127.0.0.1:9338", hash });
  vi.stubGlobal("CSS", { escape: (text: string) => text });
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("fetch", async (url: string) => {
    expect(url).toBe("/openapi.json");
    return api === null ? new Response("", { status: 503 }) : Response.json(api);
  });
  await import(`${pathToFileURL(join(import.meta.dirname, "page.js")).href}?page=${pages.push(body)}`);
  return body;
}

const named = (body: Part, id: string): Part => body.all().find((part) => part.id === id)!;

describe("the page", () => {
  test("shows every operation with its parameters, answers and a command, and every schema", async () => {
    const api = openApiDocument();
    const body = await drawn(api);
    expect(named(body, "title").textContent).toMatch(/^Weftwork API \d/);
    const operations = Object.values(api["paths"] as Record<string, Record<string, JsonObject>>).flatMap(Object.values);
    for (const operation of operations as JsonObject[]) {
      const part = named(body, String(operation["operationId"]));
      expect(part.textContent).toContain(String(operation["summary"]));
      expect(part.textContent).toMatch(/Answers.*Try it(?:curl|websocat) /s);
    }
    expect(named(body, "listRuns").textContent).toContain("next_cursor of the page before");
    const { schemas } = api["components"] as { schemas: JsonObject };
    for (const name of Object.keys(schemas)) expect(named(body, `schema-${name}`).textContent).toContain(name);
  });

  test("links only to what is on it", async () => {
    const body = await drawn(openApiDocument());
    const ids = new Set(body.all().map(({ id }) => `#${id}`));
    const links = body.all().flatMap(({ attributes }) => attributes["href"] ?? []);
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter((link) => !ids.has(link))).toEqual([]);
  });

  test("hides what does not fit the filter, and shows it again", async () => {
    const body = await drawn(openApiDocument());
    const type = (value: string): void => named(body, "filter").listeners["input"]!({ target: { value } });
    type("post cancel");
    expect([named(body, "cancelRun").hidden, named(body, "listRuns").hidden]).toEqual([false, true]);
    type("");
    expect(named(body, "listRuns").hidden).toBe(false);
  });

  test("opens what the address names, and bears an address that names nothing", async () => {
    const body = await drawn(openApiDocument(), "#cancelRun");
    expect([named(body, "cancelRun").open, named(body, "cancelRun").wasShown]).toEqual([true, true]);
    expect(named(await drawn(openApiDocument(), "#%3Cscript%3E"), "title").textContent).toContain("Weftwork");
  });

  test("takes markup in the document for text", async () => {
    const api = openApiDocument();
    const evil = `<img src=x onerror="alert(1)">`;
    const paths = { "/x": { get: { operationId: "x", summary: evil, tags: ["runs"], responses: {} } } };
    const body = await drawn({ ...api, paths });
    expect(named(body, "x").textContent).toContain(evil);
    expect(body.all().some(({ name }) => name === "img")).toBe(false);
  });

  test("says so when the document cannot be read", async () => {
    expect(named(await drawn(null), "about").textContent).toBe(
      "/openapi.json cannot be read: the server answers with 503.",
    );
  });
});
