import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../architecture/repository.ts";

const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
const named = [...page.matchAll(/\]\(\.\.\/([\w./-]+\.test\.ts)\)/g)].map((match) => match[1]!);

test("every test that the page on security names is there", () => {
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test("every file of attacks is named on the page, with the rows that its tests are named after", () => {
  const files = readdirSync(import.meta.dirname).filter(
    (name) => name.endsWith(".test.ts") && name !== "documented.test.ts",
  );
  expect(files.filter((name) => !named.includes(`test/attacks/${name}`))).toEqual([]);
  const rows = [...page.matchAll(/^\| (A\d.*?) [a-z].*\|(.*)\|$/gim)];
  for (const name of files) {
    const text = readFileSync(join(import.meta.dirname, name), "utf8");
    const tested = new Set([...text.matchAll(/"(A\d\d) /g)].map((match) => Number(match[1]!.slice(1))));
    const row = rows.find(([, , cell]) => cell!.includes(`test/attacks/${name}`));
    const told = [...(row?.[0] ?? "").split("|")[1]!.matchAll(/A(\d\d)(?:-A(\d\d))?/g)].map(([, from, to]) => [
      Number(from),
      Number(to ?? from),
    ]);
    for (const one of tested)
      expect([name, one, told.some(([from, to]) => one >= from! && one <= to!)]).toEqual([name, one, true]);
  }
});
