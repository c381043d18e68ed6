import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { FILTERS } from "./filters.ts";
import { FUNCTIONS } from "./functions.ts";
import { PREDICATES } from "./predicates.ts";

const TEXT = readFileSync(new URL("../../../../docs/expressions.md", import.meta.url), "utf8");

/** The names in code marks of a section, without their arguments. */
function names(heading: string): string[] {
  const section = TEXT.split(/^## /m).find((part) => part.startsWith(heading + "\n"))!;
  const lines = section.split("\n").filter((line) => line.startsWith("|") || line.startsWith("`"));
  return lines
    .flatMap((line) => [...line.matchAll(/`([^\s`(]+)(?:\([^)]*\))?`/g)].map((match) => match[1]!))
    .toSorted();
}

it.each([
  ["Filters", FILTERS],
  ["Tests", PREDICATES],
  ["Functions", FUNCTIONS],
] as const)("the document lists all %s and no other", (heading, table) => {
  expect(names(heading)).toEqual([...table.keys()].toSorted());
});
