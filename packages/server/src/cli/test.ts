import { writeFileSync } from "node:fs";
import { AppError } from "@weftwork/core";
import { junit, type Suite } from "../testkit/junit.ts";
import { caseLines, failedLines, summaryLine, type Paint, type Totals } from "../testkit/report.ts";
import { runCases, type CaseResult } from "../testkit/run-cases.ts";
import { toolsFromFolder } from "./config-folder.ts";
import { EXIT, UsageError } from "./exit.ts";
import { ownNodes } from "./own-nodes.ts";
import { say, setLanguage } from "./language.ts";
import { errorLines } from "./problems.ts";
import { style } from "./terminal.ts";
import { caseFiles, readCaseFile, type ReadCaseFile } from "./case-files.ts";
import { watchFiles } from "./watch-files.ts";

export interface TestOptions {
  readonly filter?: string;
  readonly json?: boolean;
  readonly junit?: string;
  readonly watch?: boolean;
  /** A module whose exports are nodes of the user's own. */
  readonly nodes?: string;
}

/**
 * `weft test [FILES OR FOLDERS]`: runs the cases beside the workflows. Ends with 0 when all passed, with 1 when one did
 * not, with 2 when a file is wrong or there is none.
 */
export async function testCommand(given: readonly string[], options: TestOptions): Promise<number> {
  // The mistakes of files are part of the results, and programs read them.
  if (options.json === true) setLanguage("en");
  const paths = given.length === 0 ? ["."] : given;
  const first = await testOnce(caseFiles(paths), options);
  if (!options.watch) return first;
  await watchFiles(paths, async () => {
    if (process.stdout.isTTY) process.stdout.write("\x1b[2J\x1b[3J\x1b[H");
    try {
      await testOnce(caseFiles(paths), options);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      process.stderr.write(`weft: ${error.message}\n`);
    }
    process.stdout.write(`${style("dim", say("test.waiting"))}\n`);
  });
  return EXIT.INTERRUPTED;
}

interface FileResult extends Suite {
  readonly workflow: string | null;
  readonly leftOut: number;
}

async function testOnce(files: readonly string[], options: TestOptions): Promise<number> {
  const startedAt = performance.now();
  const results: FileResult[] = [];
  for (const file of files) results.push(await testFile(file, options));
  const cases = results.flatMap((result) => result.cases);
  const totals: Totals = {
    files: files.length,
    passed: cases.filter(({ passed }) => passed).length,
    failed: cases.filter(({ passed }) => !passed).length,
    broken: results.filter(({ mistake }) => mistake !== null).length,
    leftOut: results.reduce((sum, { leftOut }) => sum + leftOut, 0),
    durationMs: performance.now() - startedAt,
    skippedMs: cases.reduce((sum, { skippedMs }) => sum + skippedMs, 0),
  };
  if (options.junit !== undefined) writeReport(options.junit, junit(results));
  if (options.json) process.stdout.write(`${JSON.stringify({ ...totals, results }, null, 2)}\n`);
  else process.stdout.write(`\n${failedLines(results, paint)}${summaryLine(totals, paint)}\n`);
  if (totals.broken > 0) return EXIT.USAGE;
  if (cases.length === 0) throw new UsageError(say("test.no_case", { text: JSON.stringify(options.filter ?? "") }));
  return totals.failed > 0 ? EXIT.FAILED : EXIT.OK;
}

async function testFile(file: string, { filter = "", json = false, nodes: module }: TestOptions): Promise<FileResult> {
  const nodes = ownNodes(module);
  const show = (text: string): void => void (json || process.stdout.write(`${text}\n`));
  const broken = (mistake: string): FileResult => {
    show(`${style("bold", file)}\n${mistake}`);
    return { file, workflow: null, cases: [], leftOut: 0, mistake };
  };
  let read: ReadCaseFile;
  try {
    read = await readCaseFile(file, nodes);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return broken(error.message);
  }
  if (read.plan === null) return broken(read.mistakes.join("\n"));
  const { plan, cases, source, others } = read;
  let hasTitle = false;
  const onCase = (result: CaseResult): void => {
    if (!hasTitle) show(style("bold", file));
    hasTitle = true;
    show(caseLines(result, paint));
  };
  try {
    const options = { source, workflows: others, nodes, ...toolsFromFolder(process.env), filter, onCase };
    const report = await runCases(plan, cases, options);
    return { file, workflow: report.workflow, cases: report.cases, leftOut: report.leftOut, mistake: null };
  } catch (error) {
    // Such as a nested workflow that is nowhere: the case could not begin.
    if (!(error instanceof AppError)) throw error;
    return broken(errorLines(error));
  }
}

const paint: Paint = (name, text) => style(name, text);

function writeReport(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(say("file.unwritable", { path, reason: (error as Error).message }));
  }
}
