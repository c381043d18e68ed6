import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CASE_FILE } from "../testkit/case.ts";
import type { Weft } from "../weft.ts";
import { readWorkflowFile } from "./workflow-file.ts";

/** The workflows that come with the repository; absent in some installations. */
export const EXAMPLES_FOLDER = join(import.meta.dirname, "../../../../examples");

/** Publishes the examples into a store that has no workflow yet. Returns the names of those it published. */
export async function publishExamples(weft: Weft, folder = EXAMPLES_FOLDER): Promise<readonly string[]> {
  if (!existsSync(folder) || (await weft.workflows.list()).length > 0) return [];
  const names: string[] = [];
  for (const file of readdirSync(folder).toSorted()) {
    if (!/\.ya?ml$/.test(file) || CASE_FILE.test(file)) continue;
    const { source } = readWorkflowFile(weft, join(folder, file));
    names.push((await weft.workflows.publish(source)).name);
  }
  return names;
}
