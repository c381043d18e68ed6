import { describe, expect, test } from "vitest";
import { BANS } from "./bans.ts";
import { bannedWords, brokenWalls, circles, crossings, longFiles, shown, undeclared, type Tree } from "./check.ts";
import { CORE, FLOORS, SERVER } from "./floors.ts";
import { readTree } from "./repository.ts";
import { importsOf, readCode } from "./source.ts";

const tree = readTree();

/** The tree with some files replaced or added. */
function withFiles(files: Readonly<Record<string, string>>): Tree {
  return new Map([...tree, ...Object.entries(files)]);
}

/** What is new when these files are added. */
function wallsBy(files: Readonly<Record<string, string>>): readonly string[] {
  const before = new Set(shown(brokenWalls(tree, FLOORS)));
  return shown(brokenWalls(withFiles(files), FLOORS)).filter((violation) => !before.has(violation));
}

describe("the checks themselves", () => {
  test.each([
    {
      fact: "an expression that knows the engine is found",
      files: { [`${CORE}/expression/planted.ts`]: 'import { decide } from "../engine/decide.ts";' },
      finds: "core expression must not know core engine",
    },
    {
      fact: "a type imported upwards is found",
      files: { [`${CORE}/base/planted.ts`]: 'import type { Plan } from "../plan/plan.ts";' },
      finds: "core base must not know core plan",
    },
    {
      fact: "a re-export upwards is found",
      files: { [`${CORE}/workflow/planted.ts`]: '// first line\nexport * from "../plan/plan.ts";' },
      finds: "planted.ts:2 core workflow must not know core plan",
    },
    {
      fact: "a dynamic import upwards is found",
      files: { [`${CORE}/plan/planted.ts`]: 'export const late = import("../engine/decide.ts");' },
      finds: "core plan must not know core engine",
    },
    {
      fact: "an import over several lines is found",
      files: { [`${CORE}/base/planted.ts`]: 'import {\n  a, // why "not"\n  type B,\n} from "../engine/state.ts";' },
      finds: "core base must not know core engine",
    },
    {
      fact: "Node in core is found",
      files: { [`${CORE}/base/planted.ts`]: 'import { readFileSync } from "node:fs";' },
      finds: "core base must not use node:fs",
    },
    {
      fact: "a driver in the runtime is found",
      files: { [`${SERVER}/runtime/planted.ts`]: 'import { memoryJournal } from "../journal/memory.ts";' },
      finds: "runtime must not know memory journal",
    },
    {
      fact: "the runtime in a node is found",
      files: { [`${SERVER}/nodes/planted.ts`]: 'import type { Owner } from "../runtime/owner.ts";' },
      finds: "nodes must not know runtime",
    },
    {
      fact: "a driver that knows another driver is found",
      files: { [`${SERVER}/journal/sqlite-planted.ts`]: 'import { memoryJournal } from "./memory.ts";' },
      finds: "SQLite journal must not know memory journal",
    },
    {
      fact: "a driver with a foreign library is found",
      files: { [`${SERVER}/journal/sqlite-planted.ts`]: 'import pg from "pg";' },
      finds: "SQLite journal must not use the library pg",
    },
    {
      fact: "a thread that is another floor's file is found",
      files: { [`${SERVER}/http/planted.ts`]: 'new Worker(new URL("../journal/sqlite-worker.ts", import.meta.url));' },
      finds: "http must not know SQLite journal",
    },
    {
      fact: "a port that knows its driver is found",
      files: { [`${SERVER}/blob/blob.ts`]: 'import { fsBlobs } from "./fs.ts";' },
      finds: "blob port must not know file blobs",
    },
    {
      fact: "the server in the browser is found",
      files: { "packages/console/src/planted.ts": 'import { openWeft } from "weftwork";' },
      finds: "console must not know library",
    },
    {
      fact: "test support in the product is found",
      files: { [`${SERVER}/runtime/planted.ts`]: 'import { task } from "../nodes/test-task.ts";' },
      finds: "which only tests may use",
    },
    {
      fact: "an import of nothing is found",
      files: { [`${CORE}/base/planted.ts`]: 'import { gone } from "./gone-forever.ts";' },
      finds: "imports ./gone-forever.ts, which does not exist",
    },
    {
      fact: "an import whose name is computed is found",
      files: { [`${CORE}/base/planted.ts`]: "export const any = (name: string) => import(name);" },
      finds: "imports a module that nobody can name",
    },
    {
      fact: "a folder without a floor is found",
      files: { [`${SERVER}/utils/planted.ts`]: "export const one = 1;" },
      finds: "stands on no floor of the table",
    },
  ])("$fact", ({ files, finds }) => {
    const found = wallsBy(files);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join("\n")).toContain(finds);
  });

  test("imports in comments and in texts are none", () => {
    const text = [
      '// import { decide } from "../engine/decide.ts";',
      '/* import "../engine/decide.ts"; */',
      "const text = 'import \"../engine/decide.ts\"';",
      'const template = `import "../engine/decide.ts"; ${"import(\\"../plan/plan.ts\\")"}`;',
      String.raw`const regex = /["'] import "..\/engine\/decide.ts"/;`,
    ].join("\n");
    expect(importsOf(readCode(text))).toEqual([]);
    expect(wallsBy({ [`${CORE}/base/planted.ts`]: text })).toEqual([]);
  });

  test("a relative way into another package is found", () => {
    const files = { "packages/sdk/src/planted.ts": 'import { AppError } from "../../core/src/base/errors.ts";' };
    expect(shown(crossings(withFiles(files))).join()).toContain("leaves its package");
  });

  test("circles of values and of types are found, and told apart", () => {
    const one = `${CORE}/base/one.ts`;
    const two = `${CORE}/base/two.ts`;
    const values = withFiles({ [one]: 'import { b } from "./two.ts";', [two]: 'export { a } from "./one.ts";' });
    expect(circles(values, ["value"])).toContainEqual([one, two]);
    const types = withFiles({ [one]: 'import { b } from "./two.ts";', [two]: 'import type { A } from "./one.ts";' });
    expect(circles(types, ["value"])).not.toContainEqual([one, two]);
    expect(circles(types, ["value", "type"])).toContainEqual([one, two]);
  });

  test.each([
    ["Date.now()", "const at = Date.now();"],
    ["new Date()", "const at = new Date();"],
    ["Math.random", "const n = Math . random();"],
    ["performance", "const at = performance.now();"],
    ["process", "const home = process.env;"],
    ["async", "const later = async () => 1;"],
    ["a timer", "setTimeout(() => 1, 5);"],
    ["eval", 'eval("1");'],
    ["new Function", 'new Function("return 1");'],
  ])("%s in core is found", (_name, code) => {
    expect(bannedWords(new Map([[`${CORE}/base/planted.ts`, code]]), BANS)).toHaveLength(1);
  });

  test("banned words in comments, texts, and as names of members are none", () => {
    const code = '// Date.now()\nconst text = "eval(1)"; const m = { process: 1 }; m.process; new Date(5); task.async;';
    expect(bannedWords(new Map([[`${CORE}/base/planted.ts`, code]]), BANS)).toEqual([]);
  });

  test("a global fetch in the server is found, and a member of that name is none", () => {
    const code = "await fetch(url); globalThis.fetch(url); this.fetch(url);";
    expect(bannedWords(new Map([[`${SERVER}/nodes/planted.ts`, code]]), BANS)).toHaveLength(2);
  });

  test("a library that is not declared, a loose version and an idle dependency are found", () => {
    const manifest = JSON.stringify({ name: "x", dependencies: { yaml: "^2.0.0" } });
    const files = new Map([
      ["packages/core/package.json", manifest],
      ["packages/core/src/base/planted.ts", 'import lodash from "lodash/fp";'],
    ]);
    const found = shown(undeclared(files)).join("\n");
    expect(found).toContain("lodash is not declared in packages/core/package.json");
    expect(found).toContain("yaml must have an exact version, and has ^2.0.0");
    expect(found).toContain("yaml is declared, and no file uses it");
  });

  test("an optional package counts as declared where the root pins it, and is found where nobody uses it", () => {
    const files = new Map([
      ["package.json", JSON.stringify({ devDependencies: { ioredis: "6.0.0" } })],
      [
        "packages/server/package.json",
        JSON.stringify({
          name: "x",
          peerDependencies: { ioredis: "^6.0.0", bullmq: "^6.0.0", s3mini: "^1.0.0" },
          peerDependenciesMeta: { ioredis: { optional: true }, bullmq: { optional: true }, s3mini: { optional: true } },
        }),
      ],
      [`${SERVER}/live/planted.ts`, 'import "ioredis";\nimport "bullmq";'],
    ]);
    expect(shown(undeclared(files))).toEqual([
      `${SERVER}/live/planted.ts:2 bullmq is not declared in packages/server/package.json`,
      "packages/server/package.json s3mini is declared, and no file uses it",
    ]);
  });

  test("a file that is too long is found", () => {
    const files = withFiles({ [`${CORE}/base/planted.ts`]: "\n".repeat(1001) });
    expect(longFiles(files, 1000).map(({ path }) => path)).toEqual([`${CORE}/base/planted.ts`]);
  });
});
