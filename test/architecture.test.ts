import { describe, expect, test } from "vitest";
import { BANS } from "./architecture/bans.ts";
import {
  bannedWords,
  brokenWalls,
  circles,
  crossings,
  floorOf,
  isTestSupport,
  longFiles,
  PACKAGES,
  shown,
  undeclared,
  type Floor,
} from "./architecture/check.ts";
import { FLOORS } from "./architecture/floors.ts";
import { productionDependencies, readTree } from "./architecture/repository.ts";
import { importsOf, readCode } from "./architecture/source.ts";

/** Terms that let a user ship the product with the dependency in it, without further duties. */
// MPL-2.0 binds changes to the library's own files, and we make none: Pyodide is used as it comes.
const LICENSES = new Set([
  "MIT",
  "MIT-0",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
  "MPL-2.0",
]);

const LINES_WORTH_A_LOOK = 450;
const LINES_MAX = 600;

const tree = readTree();

describe("the house", () => {
  test("every import stays within its floor", () => {
    expect(shown(brokenWalls(tree, FLOORS))).toEqual([]);
  });

  test("every file of the packages has a floor", () => {
    const sources = [...tree.keys()].filter((path) => /^packages\/[^/]+\/src\//.test(path));
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter((path) => !floorOf(path, FLOORS) && !isTestSupport(path))).toEqual([]);
  });

  test("every floor of the table that is named by another is there", () => {
    const names = new Set(FLOORS.map(({ name }) => name));
    expect(FLOORS.flatMap(({ may }) => may.filter((name) => !names.has(name)))).toEqual([]);
    expect(names.size).toBe(FLOORS.length);
  });

  test("no floor of the table may know a floor that may know it", () => {
    const byName = new Map(FLOORS.map((one) => [one.name, one]));
    const knows = (from: Floor, to: Floor, seen = new Set<Floor>()): boolean =>
      from.may.some((name) => {
        const next = byName.get(name)!;
        if (next === to) return true;
        if (seen.has(next)) return false;
        seen.add(next);
        return knows(next, to, seen);
      });
    expect(FLOORS.filter((one) => knows(one, one)).map(({ name }) => name)).toEqual([]);
  });

  test("only compose.ts may name drivers", () => {
    const drivers = new Set(
      FLOORS.map(({ name }) => name).filter((name) => /^(memory|SQLite|PostgreSQL|Redis|RabbitMQ|file) /.test(name)),
    );
    const users = FLOORS.filter(({ may }) => may.some((name) => drivers.has(name))).map(({ name }) => name);
    expect(users).toEqual(["compose"]);
  });

  test("no import leads from one package into the folders of another", () => {
    expect(shown(crossings(tree))).toEqual([]);
  });

  test("no circle of imports meets a module before it is there", () => {
    expect(circles(tree, ["value"])).toEqual([]);
  });

  test("no circle of imports, those of types included", () => {
    expect(circles(tree, ["value", "type"])).toEqual([]);
  });

  test("core has no clock, no randomness, no waiting; nothing evaluates text; the server has no global fetch", () => {
    expect(shown(bannedWords(tree, BANS))).toEqual([]);
  });

  test("node:vm is used nowhere, for it is no border", () => {
    const users = [...tree].filter(
      ([path, text]) =>
        path.startsWith("packages/") &&
        importsOf(readCode(text)).some(({ specifier }) => specifier === "node:vm" || specifier === "vm"),
    );
    expect(users.map(([path]) => path)).toEqual([]);
  });

  test("every library is declared where it is used, with an exact version, and used where it is declared", () => {
    expect(shown(undeclared(tree))).toEqual([]);
  });

  test("all packages carry one version and one licence", () => {
    const manifests = [...tree]
      .filter(([path]) => /^(packages\/[^/]+\/)?package\.json$/.test(path))
      .map(
        ([, text]) => JSON.parse(text) as { version: string; license: string; dependencies?: Record<string, string> },
      );
    expect(new Set(manifests.map(({ version }) => version)).size).toBe(1);
    expect(new Set(manifests.map(({ license }) => license))).toEqual(new Set(["Apache-2.0"]));
    const inner = manifests.flatMap(({ dependencies = {} }) =>
      Object.entries(dependencies).filter(([name]) => PACKAGES[name]),
    );
    expect(inner.filter(([, version]) => version !== manifests[0]!.version)).toEqual([]);
  });

  test("everything installed for a user has a licence that asks nothing more of them", () => {
    const dependencies = productionDependencies(tree);
    expect(dependencies.length).toBeGreaterThan(10);
    const others = dependencies.filter(({ license }) => !LICENSES.has(license));
    expect(others).toEqual([]);
  });

  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const long = longFiles(tree, LINES_WORTH_A_LOOK);
    for (const { path, lines } of long)
      process.stderr.write(`worth a look for its second noun: ${path}, ${lines} lines\n`);
    expect(long.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });
});
