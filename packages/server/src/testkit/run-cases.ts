import { AppError, type JsonObject, type Plan, type Problem } from "@weftwork/core";
import type { Run } from "@weftwork/sdk";
import { compose } from "../compose.ts";
import type { NodeExecutor } from "../nodes/node.ts";
import type { CaseSource } from "./case.ts";
import type { Difference } from "./difference.ts";
import { judge } from "./judge.ts";
import { readCases, type CaseFile } from "./read-cases.ts";
import { rehearse, type ToolsOption } from "./rehearse.ts";

export interface TestWorkflowOptions {
  /** The text of a case file, or its cases as objects. */
  readonly cases: string | readonly CaseSource[];
  /** Workflows that the first one calls by name, as YAML. */
  readonly workflows?: readonly string[];
  /** Nodes of your own, made with `defineNode`. */
  readonly nodes?: readonly NodeExecutor[];
  /** The section `tools:` of the configuration, and the folder of the files that it names. */
  readonly tools?: ToolsOption;
  /** Only cases whose name holds this text. */
  readonly filter?: string;
  /** Milliseconds of real time that one case may take. Default: 30 seconds. */
  readonly realMs?: number;
  /** Told of each case as it ends. */
  readonly onCase?: (result: CaseResult) => void;
}

export interface CaseResult {
  readonly name: string;
  /** Line of the case in its file. */
  readonly line: number;
  readonly passed: boolean;
  readonly differences: readonly Difference[];
  /** Milliseconds of real time. */
  readonly durationMs: number;
  /** Milliseconds of the run's own, skipped time. */
  readonly skippedMs: number;
  /** Null when its inputs were refused. */
  readonly run: Run | null;
  readonly calls: Readonly<Record<string, number>>;
}

export interface TestReport {
  readonly workflow: string;
  /** Whether every case passed, and there was one. */
  readonly passed: boolean;
  readonly cases: readonly CaseResult[];
  /** Cases that the filter left out. */
  readonly leftOut: number;
}

const REAL_MS = 30_000;

/**
 * Runs a workflow against cases: models and endpoints answer from their scripts, time is skipped, nothing leaves the
 * machine. Throws `INVALID_WORKFLOW` for a wrong workflow and `INVALID_REQUEST` for wrong cases, each with all problems
 * in its details.
 *
 * ```ts
 * const report = await testWorkflow(source, { cases: [{ name: "greets", inputs: { name: "Ada" } }] });
 * ```
 */
export async function testWorkflow(source: string, options: TestWorkflowOptions): Promise<TestReport> {
  const { cases: given, workflows = [], nodes = [] } = options;
  const { plan, problems } = await validated(source, nodes);
  if (!plan) throw wrong("INVALID_WORKFLOW", problems);
  const file = readCases(typeof given === "string" ? given : JSON.stringify({ cases: given }), plan);
  if (file.problems.length > 0) throw wrong("INVALID_REQUEST", file.problems);
  return runCases(plan, file, { ...options, source, workflows, nodes });
}

/** Runs cases that were read already. */
export async function runCases(
  plan: Plan,
  { cases }: CaseFile,
  options: Omit<TestWorkflowOptions, "cases"> & { readonly source: string },
): Promise<TestReport> {
  const { source, workflows = [], nodes = [], tools, filter = "", realMs = REAL_MS, onCase } = options;
  const chosen = cases.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  const results: CaseResult[] = [];
  for (const one of chosen) {
    const startedAt = performance.now();
    const seen = await rehearse(one, { source, others: workflows, nodes, tools, realMs });
    const differences = judge(one, seen);
    const result: CaseResult = {
      name: one.name,
      line: one.place.line,
      passed: differences.length === 0,
      differences,
      durationMs: performance.now() - startedAt,
      skippedMs: seen.skippedMs,
      run: seen.run,
      calls: Object.fromEntries(seen.calls),
    };
    results.push(result);
    onCase?.(result);
  }
  return {
    workflow: plan.name,
    passed: results.length > 0 && results.every(({ passed }) => passed),
    cases: results,
    leftOut: cases.length - chosen.length,
  };
}

/** The plan of a workflow, and all that is wrong with its text. */
export async function validated(
  source: string,
  nodes: readonly NodeExecutor[],
): Promise<{ readonly plan: Plan | null; readonly problems: readonly Problem[] }> {
  const composition = await compose({
    store: "memory",
    nodes,
    pools: {},
    httpAllow: [],
    retentionMs: null,
    models: null,
    defaultModel: null,
    discover: false,
    tenant: "default",
    name: "test",
    problem: () => undefined,
  });
  try {
    return composition.engine.workflows.validate(source);
  } finally {
    await composition.close(0);
  }
}

function wrong(code: "INVALID_WORKFLOW" | "INVALID_REQUEST", problems: readonly Problem[]): AppError {
  const errors = problems.filter(({ severity }) => severity === "error");
  const first = errors.map(({ place, message }) => `line ${place.line}: ${message}`).join(" ");
  const details = { problems: problems as unknown as readonly JsonObject[] };
  if (code === "INVALID_WORKFLOW") return new AppError(code, { count: errors.length, first, ...details });
  return new AppError(code, { reason: `the cases are wrong: ${first.replace(/\.$/, "")}`, ...details });
}
