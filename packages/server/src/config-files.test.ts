import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { overlaid, readConfigFiles } from "./config-files.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-config-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test("maps merge by key, lists and values replace, null deletes", () => {
  const base = { a: { x: 1, y: [1, 2], z: 3 }, b: 1, c: { d: 1 } };
  expect(overlaid(base, { a: { y: [3], z: null }, c: 2, e: { f: null, g: 1 } })).toEqual({
    a: { x: 1, y: [3] },
    b: 1,
    c: 2,
    e: { g: 1 },
  });
});

test("the environment's file lies over the base, and each value is found where it was written", () => {
  const folder = folderOf({
    "base.yaml": "models:\n  a: {endpoint: https://base}\n  b: {endpoint: https://b}\n",
    "prod.yaml": "# prod\nmodels:\n  a: {endpoint: https://prod}\n",
  });
  const read = readConfigFiles(folder, "prod");
  expect(read.config).toEqual({ models: { a: { endpoint: "https://prod" }, b: { endpoint: "https://b" } } });
  expect(read.files).toEqual([join(folder, "base.yaml"), join(folder, "prod.yaml")]);
  expect(read.mistakes).toEqual([]);
  expect(read.locate("/models/a/endpoint")).toMatchObject({ file: join(folder, "prod.yaml"), line: 3 });
  expect(read.locate("/models/b/endpoint")).toMatchObject({ file: join(folder, "base.yaml"), line: 3 });
});

test("no file is an empty configuration, unless the environment was chosen", () => {
  const folder = folderOf({});
  expect(readConfigFiles(folder, "dev")).toMatchObject({ config: {}, files: [], mistakes: [] });
  expect(readConfigFiles(join(folder, "none"), "dev").mistakes).toEqual([]);
  const chosen = readConfigFiles(folder, "prod", { isChosen: true });
  expect(chosen.mistakes).toMatchObject([{ file: join(folder, "prod.yaml"), message: "there is no such file" }]);
});

test("mistakes of all files are reported with their lines", () => {
  const folder = folderOf({ "base.yaml": "- a list\n", "dev.yaml": "a: 1\nb: [1, 2\nc: 3\n" });
  const { mistakes } = readConfigFiles(folder, "dev");
  expect(mistakes[0]).toMatchObject({ file: join(folder, "base.yaml"), line: 1 });
  expect(mistakes[1]!.file).toBe(join(folder, "dev.yaml"));
  expect(mistakes[1]!.line).toBeGreaterThan(1);
});

test.each(["../secret", "", "a/b", "a..b"])("an environment named %j reads no file", (name) => {
  expect(readConfigFiles(folderOf({ "base.yaml": "a: 1" }), name)).toMatchObject({ config: {}, mistakes: [{}] });
});
