import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readToolsConfig } from "./tools-config.ts";

const url = "https://shop.example/v1";
const read = (set: Json, environment = {}) => readToolsConfig({ shop: set }, environment);

describe("the section tools", () => {
  test("is read into sets, with variables replaced and remembered", () => {
    const headers = { "x-key": "${KEY}", accept: "text/plain", "x-team": "{{ secrets.TEAM }}" };
    const { sets, mistakes } = read({ kind: "mcp", url: "${URL}", headers, timeout: "5s" }, { KEY: "k", URL: url });
    expect(mistakes).toEqual([]);
    expect(sets).toEqual([
      {
        kind: "mcp",
        name: "shop",
        url,
        headers: { "x-key": "k", accept: "text/plain", "x-team": "{{ secrets.TEAM }}" },
        auth: null,
        hidden: ["k"],
        only: null,
        timeoutMs: 5000,
      },
    ]);
  });

  test("takes a workflow", () => {
    expect(read({ kind: "workflow", workflow: "summarize", version: "1.0.0" }).sets).toEqual([
      { kind: "workflow", name: "shop", workflow: "summarize", version: "1.0.0" },
    ]);
  });

  test.each([
    ["stdio by its kind", { kind: "stdio", url }, "/tools/shop/kind", /over HTTP only; none is started/],
    ["a command", { command: "npx", args: ["-c", "id"] }, "/tools/shop/command", /none is started as a program/],
    ["a command beside a url", { kind: "mcp", url, command: "npx" }, "/tools/shop/command", /no field command/],
    ["no kind", { url }, "/tools/shop/kind", /none of openapi, mcp and workflow/],
    ["a field that is misspelt", { kind: "mcp", url, header: {} }, "/tools/shop/header", /no field header/],
    ["no url", { kind: "mcp" }, "/tools/shop/url", /url is missing/],
    ["a file url", { kind: "mcp", url: "file:///etc/passwd" }, "/tools/shop/url", /no address of a service/],
    ["credentials in the url", { kind: "mcp", url: "https://a:b@c/" }, "/tools/shop/url", /no address of a service/],
    [
      "a query behind a described service",
      { kind: "openapi", file: "a", url: `${url}?a=1` },
      "/tools/shop/url",
      /no address of a service/,
    ],
    ["no description", { kind: "openapi", url }, "/tools/shop/file", /file is missing/],
    [
      "an unset variable",
      { kind: "mcp", url, auth: { bearer: "${NONE}" } },
      "/tools/shop/auth/bearer",
      /NONE is not set/,
    ],
    ["a template", { kind: "mcp", url, headers: { a: "{{ inputs.a }}" } }, "/tools/shop/headers", /only \{\{ secrets/],
    [
      "a way to sign in that is none",
      { kind: "mcp", url, auth: { token: "x" } },
      "/tools/shop/auth",
      /no way to sign in/,
    ],
    ["a timeout of a day", { kind: "mcp", url, timeout: "1d" }, "/tools/shop/timeout", /no duration/],
    ["an empty choice", { kind: "mcp", url, only: [] }, "/tools/shop/only", /not a list of names/],
    ["a text", "https://x", "/tools/shop", /is not a map/],
  ] as [string, Json, string, RegExp][])("%s is a mistake with its place", (_what, set, pointer, message) => {
    const { sets, mistakes } = read(set);
    expect(sets).toEqual([]);
    const found = mistakes.find((mistake) => mistake.pointer === pointer);
    expect(found?.message).toMatch(message);
  });

  test.each(["current_time", "Shop", "a/b", ""])("%j is no name of a set", (name) => {
    expect(readToolsConfig({ [name]: { kind: "mcp", url } }, {}).mistakes).not.toEqual([]);
  });

  test("no value makes it throw", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { mistakes } = readToolsConfig({ shop: value as Json }, {});
        expect(mistakes.length).toBeGreaterThan(0);
      }),
    );
  });
});

test("A34 nothing here can start a program", () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" });
  const sources = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  expect(sources.length).toBeGreaterThan(10);
  for (const file of sources) {
    expect(readFileSync(join(import.meta.dirname, file), "utf8")).not.toMatch(/child_process|worker_threads|node:vm/);
  }
});
