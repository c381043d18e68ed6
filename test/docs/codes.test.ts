import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { ROOT } from "../architecture/repository.ts";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const codes = new Set(Object.keys(ERRORS));

/** The first column of the tables whose head has this word in the column. */
function column(markdown: string, head: string): readonly string[] {
  const cells = (row: string): readonly string[] => row.split("|").map((cell) => cell.trim());
  const lines = markdown.split("\n");
  return lines.flatMap((line, index) => {
    const at = cells(line).findIndex((cell) => cell === head);
    if (!line.startsWith("|") || at === -1) return [];
    const rows = lines.slice(index + 2);
    const end = rows.findIndex((row) => !row.startsWith("|"));
    return rows
      .slice(0, end === -1 ? rows.length : end)
      .flatMap((row) => [...(cells(row)[at] ?? "").matchAll(/`([a-z_A-Z]+)`/g)].map((match) => match[1]!));
  });
}

describe("docs/troubleshooting.md", () => {
  const page = read("docs/troubleshooting.md");

  test("goes by codes that are in the table of errors, and by no others", () => {
    const named = column(page, "Code");
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((code) => !codes.has(code.toUpperCase()))).toEqual([]);
    const inText = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map((match) => match[1]!);
    expect(inText.filter((word) => !codes.has(word) && !word.startsWith("WEFT_"))).toEqual([]);
  });

  test("has a row for every reason for which a run can wait, and no other", () => {
    const source = read("packages/core/src/engine/waiting-for.ts");
    const known = [.../readonly code: ([^;]+);/.exec(source)![1]!.matchAll(/"(\w+)"/g)].map((match) => match[1]!);
    expect(known.length).toBeGreaterThan(5);
    for (const path of ["docs/troubleshooting.md", "docs/operations.md"]) {
      const head = path === "docs/operations.md" ? "Code" : "`waiting_for.code`";
      expect([path, column(read(path), head).toSorted()]).toEqual([path, known.toSorted()]);
    }
  });

  test.each(["model", "request", "secret", "store", "expression", "run"])(
    "says what to do about codes of the kind %s",
    (kind) => {
      expect([...codes].some((code) => code.toLowerCase().startsWith(kind) && page.includes(`\`${code}\``))).toBe(true);
    },
  );
});

describe("the pages that name codes in lower case", () => {
  test.each(["docs/api.md"])("%s: a problem's code is one of the table", (path) => {
    const named = [...read(path).matchAll(/"code": "([a-z_]+)"/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((code) => !codes.has(code.toUpperCase()))).toEqual([]);
  });
});
