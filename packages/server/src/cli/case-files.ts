import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseWorkflow, type Plan } from "@weftwork/core";
import type { NodeExecutor } from "../index.ts";
import { CASE_FILE } from "../testkit/case.ts";
import { readCases, type CaseFile } from "../testkit/read-cases.ts";
import { validated } from "../testkit/run-cases.ts";
import { calledWorkflows } from "./called-workflows.ts";
import { withCodeFiles } from "./code-files.ts";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { problemLines } from "./problems.ts";
import { neighbours } from "./neighbours.ts";
import { readText } from "./text-files.ts";

/** The files of cases that paths name: a folder with all below it, a case file, or a workflow file that has one. */
export function caseFiles(paths: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const path of paths) {
    if (!existsSync(path)) throw new UsageError(say("path.none", { path }));
    if (statSync(path).isDirectory()) for (const file of below(path)) found.add(file);
    else if (CASE_FILE.test(path)) found.add(path);
    else found.add(caseFileOf(path));
  }
  if (found.size > 0) return [...found];
  throw new UsageError(say("test.no_files", { paths: paths.join(", ") }));
}

/** Where the cases of a workflow file stand. */
export function caseFileOf(workflow: string): string {
  return workflow.replace(/\.ya?ml$/, "") + ".test.yaml";
}

function below(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === "node_modules" || entry.name.startsWith(".") ? [] : below(path);
      return entry.isFile() && CASE_FILE.test(entry.name) ? [path] : [];
    });
}

export type ReadCaseFile =
  | {
      readonly plan: Plan;
      readonly cases: CaseFile;
      /** The workflow, with the code of its files in it. */
      readonly source: string;
      /** Workflows that it calls. */
      readonly others: readonly string[];
    }
  /** Something is wrong with the cases or their workflow; all of it, a line each. */
  | { readonly plan: null; readonly mistakes: readonly string[] };

/** Reads a file of cases and the workflow it is for. */
export async function readCaseFile(path: string, nodes: readonly NodeExecutor[]): Promise<ReadCaseFile> {
  const text = readText(path);
  const { workflow: named } = readCases(text, null);
  const workflowPath = join(dirname(path), named ?? basename(path).replace(CASE_FILE, ".yaml"));
  const author = readText(workflowPath);
  const code = withCodeFiles(author, parseWorkflow(author), workflowPath);
  const { plan, problems } = await validated(code.source, nodes);
  const errors = [...problems, ...code.problems].filter(({ severity }) => severity === "error");
  const cases = readCases(text, plan);
  const mistakes = [
    ...errors.map((problem) => problemLines(workflowPath, problem)),
    ...cases.problems.map((problem) => problemLines(path, problem)),
  ];
  if (plan === null || mistakes.length > 0) return { plan: null, mistakes };
  return {
    plan,
    cases,
    source: code.source,
    others: calledWorkflows(plan).length === 0 ? [] : neighbours(workflowPath).map((one) => one.source),
  };
}
