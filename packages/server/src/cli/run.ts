import { resolve } from "node:path";
import type { Plan } from "@weftwork/core";
import type { Run } from "@weftwork/sdk";
import { readConfig } from "../config.ts";
import { takeSecrets } from "../secrets/variables.ts";
import { openWeft, type Weft } from "../weft.ts";
import { calledWorkflows } from "./called-workflows.ts";
import { EXIT, UsageError } from "./exit.ts";
import { readInputs } from "./inputs.ts";
import { neighbours } from "./neighbours.ts";
import { say } from "./language.ts";
import { exitCode, printOutcome } from "./outcome.ts";
import { ownNodes } from "./own-nodes.ts";
import { problemLines } from "./problems.ts";
import { progressView } from "./progress.ts";
import { recordRun } from "./record.ts";
import { readInputText } from "./text-files.ts";
import { readWorkflowFile } from "./workflow-file.ts";
import { weftOptions } from "./weft-options.ts";

export interface RunOptions {
  readonly input: readonly string[];
  readonly data?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** An export of a run that is to happen again. */
  readonly fromExport?: string;
  /** Steps of it that are really done. */
  readonly live?: readonly string[];
  /** A file of test cases that the run is appended to. */
  readonly record?: string;
  /** The node that a Dify file's run begins at, where there are several. */
  readonly root?: string;
  /** A module whose exports are nodes of the user's own. */
  readonly nodes?: string;
}

/** How often the steps are looked at, and a terminal drawn again. */
const FRAME_MS = 100;

/**
 * `weft run FILE`: runs a workflow in this process and prints its result. Steps are shown on standard error, the result
 * alone goes to standard output, so that it can be piped on.
 */
export async function runCommand(path: string | undefined, options: RunOptions): Promise<number> {
  if (options.fromExport !== undefined) {
    if (path !== undefined) throw new UsageError(say("replay.alone", { option: path }));
    return (await import("./replay.ts")).replayCommand(options.fromExport, options);
  }
  if (path === undefined) throw new UsageError(say("run.no_file"));
  if ((options.live ?? []).length > 0) throw new UsageError(say("replay.no_export"));
  const environment = takeSecrets(process.env);
  const weft = await openWeft({
    ...weftOptions(readConfig(environment), environment),
    store: options.data === undefined ? "memory" : resolve(options.data),
    ownWorkers: false,
    nodes: ownNodes(options.nodes),
  });
  // The engine's timers let a process end; a run that waits for one of them is still to be waited for.
  const awake = setInterval(() => undefined, 60_000);
  try {
    const file = readWorkflowFile(weft, path);
    for (const problem of file.problems) process.stderr.write(`${problemLines(path, problem)}\n`);
    if (file.plan === null) return EXIT.USAGE;
    for (const { step, reason } of file.unavailable) {
      process.stderr.write(`${say("run.step_unavailable", { step, reason })}\n`);
    }
    const { workflow } = file.plan;
    const inputs = workflow.dify
      ? await (await import("./dify-inputs.ts")).difyInputs(weft, workflow, options.input, options.root)
      : readInputs(options.input, workflow.inputs, readInputText);
    await publishNested(weft, file.plan, path);
    const { name, version } = await weft.workflows.publish(file.source);
    const { root } = options;
    const { run } = await weft.runs.start({
      workflow: name,
      version,
      inputs,
      ...(root === undefined ? {} : { root }),
    });
    const ended = await follow(weft, run, options);
    if (options.record !== undefined) await recordRun(weft, run.id, file.plan, path, options.record);
    return ended;
  } finally {
    await weft.close({ graceMs: 1000 });
    clearInterval(awake);
  }
}

/** Publishes the workflows that this one calls and that stand beside it, and those that they call. */
async function publishNested(weft: Weft, plan: Plan, path: string): Promise<void> {
  const wanted = [...calledWorkflows(plan)];
  const beside = new Map((wanted.length === 0 ? [] : neighbours(path)).map((one) => [one.name, one.source]));
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const source = beside.get(name);
    if (source === undefined || !beside.delete(name)) continue;
    await weft.workflows.publish(source);
    const { plan: inner } = weft.workflows.validate(source);
    if (inner) wanted.push(...calledWorkflows(inner));
  }
}

/** Shows the run to its end. Ctrl-C cancels it; the second one ends the process where it stands. */
async function follow(weft: Weft, started: Run, options: RunOptions): Promise<number> {
  let isInterrupted = false;
  const interrupt = (): void => {
    // oxlint-disable-next-line unicorn/no-process-exit -- asked twice to end
    if (isInterrupted) process.exit(EXIT.INTERRUPTED);
    isInterrupted = true;
    void weft.runs.cancel(started.id, "interrupted").catch(() => undefined);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    const run = await (options.quiet ? weft.runs.wait(started.id) : show(weft, started.id));
    if (run === null) throw new Error(`the run ${started.id} is gone`);
    printOutcome(run, options);
    return exitCode(run, isInterrupted);
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

/** Looks at the run at each frame, not at each event (a list of many items has very many), and once when it has ended. */
async function show(weft: Weft, id: string): Promise<Run | null> {
  const view = progressView(process.stderr, () => performance.now());
  let looking: Promise<void> | null = null;
  const look = (): Promise<void> =>
    (looking ??= weft.runs
      .task(id)
      .then((task) => void (task && view.update(task)))
      .finally(() => (looking = null)));
  const timer = setInterval(() => void look(), FRAME_MS);
  try {
    void look();
    const run = await weft.runs.wait(id);
    clearInterval(timer);
    await looking;
    await look();
    return run;
  } finally {
    clearInterval(timer);
    view.end();
  }
}
