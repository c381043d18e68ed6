import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseWorkflow } from "@weftwork/core";
import { CASE_FILE } from "../testkit/case.ts";
import { withCodeFiles } from "./code-files.ts";
import { readText } from "./text-files.ts";

export interface Neighbour {
  readonly name: string;
  /** The text, with the code of its files in it. */
  readonly source: string;
}

/** The other workflows of a file's folder, for a workflow calls others by the names they give themselves. */
export function neighbours(path: string): readonly Neighbour[] {
  const folder = dirname(path);
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name) && !CASE_FILE.test(name) && name !== basename(path))
    .toSorted()
    .flatMap((name) => {
      const file = join(folder, name);
      const text = readText(file);
      const parsed = parseWorkflow(text);
      if (!parsed.workflow) return [];
      return [{ name: parsed.workflow.name, source: withCodeFiles(text, parsed, file).source }];
    });
}
