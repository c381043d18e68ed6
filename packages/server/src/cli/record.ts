import { existsSync, writeFileSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import type { Plan } from "@weftwork/core";
import type { RunMessage } from "@weftwork/sdk";
import { CASE_FILE } from "../testkit/case.ts";
import { recordCase, withCase } from "../testkit/record-case.ts";
import type { Weft } from "../weft.ts";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { readText } from "./text-files.ts";

/** Appends a run that has ended to a file of test cases. */
export async function recordRun(weft: Weft, id: string, plan: Plan, workflowPath: string, path: string): Promise<void> {
  const run = (await weft.runs.get(id))!;
  const messages: RunMessage[] = [];
  for await (const message of weft.runs.events(id)) messages.push(message);
  const name = `a run of ${run.created_at.slice(0, 16).replace("T", " at ").replace(":", ".")}`;
  const steps = (await weft.runs.detail(id))?.steps ?? [];
  const added = recordCase({ name, run, messages, plan, steps });
  const text = withCase(existsSync(path) ? readText(path) : null, added, workflowOf(workflowPath, path));
  if (typeof text !== "string") throw new UsageError(say("run.not_recorded", { path, reason: text.reason }));
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(say("file.unwritable", { path, reason: (error as Error).message }));
  }
  process.stderr.write(`${say("run.recorded", { path })}\n`);
}

/** How a new case file names its workflow; null beside a workflow of the same name. */
function workflowOf(workflowPath: string, path: string): string | null {
  const way = relative(resolve(dirname(path)), resolve(workflowPath));
  return way === basename(path).replace(CASE_FILE, ".yaml") ? null : way;
}
