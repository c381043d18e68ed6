import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import {
  compile,
  countSupport,
  importDify,
  type DifyImport,
  type ImportReport,
  type Need,
  type NodeReport,
  type Problem,
  type Workflow,
} from "@weftwork/core";
import { CommandError, EXIT } from "./exit.ts";
import { say, sayCount } from "./language.ts";
import { problemLines } from "./problems.ts";
import { table } from "./table.ts";
import { style } from "./terminal.ts";
import { readText } from "./text-files.ts";

export interface ImportCommandOptions {
  readonly json?: boolean;
  /** The native workflow is written to this file. */
  readonly toNative?: string;
  /** Node the run begins with where there are several triggers. */
  readonly root?: string;
}

/**
 * `weft import FILE`: what a Dify file becomes here, node by node, and what it needs. Nothing is run, fetched or stored.
 * The exit code is 0 when the file can run, once what it needs is set up.
 */
export async function importCommand(path: string, options: ImportCommandOptions): Promise<number> {
  const found = importDify(readText(path), options.root === undefined ? {} : { root: options.root });
  const problems = [...found.problems, ...planProblems(found)];
  const canRun = found.workflow !== null && !problems.some(isError) && !isRefused(found.workflow);
  if (options.json === true)
    process.stdout.write(`${JSON.stringify(importJson(path, found, problems, canRun), null, 2)}\n`);
  else process.stdout.write(`${importReport(path, found, problems, canRun)}\n`);
  if (options.toNative !== undefined && canRun) {
    const { nativeYaml } = await import("./to-native.ts");
    const native = nativeYaml(found.workflow!);
    if ("left" in native) {
      process.stderr.write(`${say("import.not_native")}\n${native.left.map((line) => `  ${line}`).join("\n")}\n`);
      return EXIT.FAILED;
    }
    write(options.toNative, native.text);
    process.stderr.write(`${say("import.native", { path: options.toNative })}\n`);
  }
  return canRun ? EXIT.OK : EXIT.USAGE;
}

/** What is found only when the plan is made, such as a template that does not parse. */
function planProblems({ workflow }: DifyImport): readonly Problem[] {
  if (workflow === null) return [];
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  return compile(workflow, { version: "0.0.0", hash: "", digest }).problems;
}

function isError({ severity }: Problem): boolean {
  return severity === "error";
}

/** Whether the first node of a run is one that cannot be done: then every run fails. */
function isRefused(workflow: Workflow | null): boolean {
  return (
    workflow !== null && workflow.steps.some(({ kind, dependsOn }) => kind === "refuse" && dependsOn?.length === 0)
  );
}

function importReport(path: string, { report }: DifyImport, problems: readonly Problem[], canRun: boolean): string {
  const lines: string[] = [];
  if (report !== null) {
    const { name, mode, version, nodes } = report;
    const titles = COLUMNS.map((column) => say(column));
    lines.push(
      say("import.head", { name: style("bold", name === "" ? path : name), mode, version }),
      "",
      table(titles, nodes.map(row)),
      "",
      countLine(report),
      ...needLines(report),
    );
  }
  const found = problems.map((problem) => problemLines(path, problem));
  if (found.length > 0) lines.push("", ...found);
  lines.push(canRun ? style("green", say("import.can_run")) : style("red", say("import.cannot_run", { path })));
  return lines.join("\n").trimStart();
}

const COLUMNS = [
  "import.line",
  "import.node",
  "import.title",
  "import.kind",
  "import.becomes",
  "import.support",
  "import.about",
] as const;

function row({ place, id, title, kind, step, support, about, needs }: NodeReport): readonly string[] {
  const said = [about, ...needs.map(needText)].filter((text) => text !== "").join(" ");
  return [String(place.line), id, title, kind, step, say(`support.${support}`), said];
}

function countLine(report: ImportReport): string {
  const counts = countSupport(report);
  const parts = (["runs", "runs_with_difference", "needs_configuration", "not_supported"] as const)
    .filter((support) => counts[support] > 0)
    .map((support) => `${counts[support]} ${say(`support.${support}`)}`);
  return sayCount("import.nodes", report.nodes.length, { list: parts.join(", ") });
}

/** Everything that is to be set up, each once. */
function needLines(report: ImportReport): readonly string[] {
  const needs = allNeeds(report).map(needText);
  const plugins = report.plugins.map((plugin) => plugin.split("@", 1)[0]!);
  return [
    ...(needs.length === 0 ? [] : [say("import.needs", { list: needs.join(", ") })]),
    ...(plugins.length === 0 ? [] : [say("import.plugins", { list: plugins.join(", ") })]),
  ];
}

/** In the order in which they are set up. */
const NEEDS: readonly Need["what"][] = ["model", "tool", "dataset", "workflow", "agent", "secret"];

function allNeeds({ nodes, needs }: ImportReport): readonly Need[] {
  const all = [...nodes.flatMap((node) => node.needs), ...needs];
  const once = all.filter(
    ({ what, name }, at) => all.findIndex((one) => one.what === what && one.name === name) === at,
  );
  return once.toSorted((a, b) => NEEDS.indexOf(a.what) - NEEDS.indexOf(b.what));
}

function needText({ what, name }: Need): string {
  return say("import.need", { what: say(`need.${what}`), name });
}

/** The same for programs. */
function importJson(path: string, { report }: DifyImport, problems: readonly Problem[], canRun: boolean): object {
  const found = problems.map(({ place, ...problem }) => ({ ...problem, line: place.line, column: place.column }));
  const head = { file: path, runs: canRun, problems: found };
  if (report === null) return { ...head, name: null, nodes: [] };
  const nodes = report.nodes.map(({ place, ...node }) => ({ ...node, line: place.line, column: place.column }));
  const { name, mode, version, plugins } = report;
  return { ...head, name, mode, version, counts: countSupport(report), needs: allNeeds(report), plugins, nodes };
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new CommandError(say("import.unwritten", { path, reason: (error as Error).message }));
  }
}
