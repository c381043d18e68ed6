import { AppError, failureOf, formatDuration, type Failure } from "@weftwork/core";
import type { Run, RunDetail, RunMessage } from "@weftwork/sdk";
import { compose, type ComposeOptions, type Composition } from "../compose.ts";
import type { NodeExecutor } from "../nodes/node.ts";
import type { Runs } from "../runtime/runs.ts";
import type { ApprovalAnswer, Case, CaseStatus } from "./case.ts";
import { PromptLog, type SeenPrompt } from "./prompt-log.ts";
import { scriptedModels } from "./scripted-models.ts";
import { scriptedNodes } from "./scripted-nodes.ts";
import { SkippingClock } from "./skipping-clock.ts";

/** The section `tools:` of the configuration, and the folder of the files that it names. */
export type ToolsOption = NonNullable<ComposeOptions["tools"]>;

/** What a case is run against. */
export interface Stage {
  readonly source: string;
  /** Workflows that the first one calls by name. */
  readonly others: readonly string[];
  readonly nodes: readonly NodeExecutor[];
  /** The tool sets of the configuration. Their requests are answered by the script, as those of http steps are. */
  readonly tools?: ToolsOption | undefined;
  /** Milliseconds of real time that one case may take. */
  readonly realMs: number;
}

/** What happened in a case. */
export interface Rehearsed {
  readonly status: CaseStatus;
  /** Null when no run began; `refusal` says why. */
  readonly run: Run | null;
  readonly refusal: Failure | null;
  readonly detail: RunDetail | null;
  readonly messages: readonly RunMessage[];
  /** How often each step, `model` and `http` were called. */
  readonly calls: ReadonlyMap<string, number>;
  /** What each model step asked, one for each time it was done; an attempt that was repeated asked the same. */
  readonly prompts: ReadonlyMap<string, readonly SeenPrompt[]>;
  /** Why the case cannot be passed, whatever it expects. */
  readonly complaints: readonly string[];
  /** How long the run took in skipped time. */
  readonly skippedMs: number;
}

/** Timers may not be further away than ten years, so nothing happens after these. */
const UNTIL_MS = 12 * 366 * 86_400_000;
const RUN_ID = "run_test";

/** Runs a case from its beginning to its end, in a Weftwork of its own that lives in memory. */
export async function rehearse(testCase: Case, stage: Stage): Promise<Rehearsed> {
  const clock = new SkippingClock(testCase.startsAt);
  const complaints = new Set<string>();
  const calls = new Map<string, number>();
  const prompts = new PromptLog();
  const complain = (message: string): void => void complaints.add(message);
  const called = (name: string): void => void calls.set(name, (calls.get(name) ?? 0) + 1);
  const composition = await compose({
    store: "memory",
    nodes: stage.nodes,
    pools: {},
    httpAllow: [],
    retentionMs: null,
    models: null,
    defaultModel: null,
    discover: false,
    tools: stage.tools,
    tenant: "default",
    name: "test",
    problem: (message, _runId, error) => complain(`Inside the engine: ${message}: ${String(error)}`),
    rehearsal: {
      clock,
      models: (catalog) =>
        scriptedModels(catalog, { rules: testCase.models, clock, complain, called: () => called("model") }),
      executors: (executors) =>
        scriptedNodes(executors, {
          steps: testCase.steps,
          http: testCase.http,
          clock,
          called,
          began: (type, task) => prompts.add(type, task),
          complain,
        }),
    },
  });
  try {
    const seen = await play(composition, testCase, stage, clock, complain);
    return {
      ...seen,
      calls,
      prompts: prompts.byStep,
      complaints: [...complaints],
      skippedMs: clock.now() - testCase.startsAt,
    };
  } finally {
    await clock.unwind(composition.close(0));
  }
}

type Seen = Omit<Rehearsed, "calls" | "prompts" | "complaints" | "skippedMs">;

async function play(
  { engine }: Composition,
  testCase: Case,
  stage: Stage,
  clock: SkippingClock,
  complain: (message: string) => void,
): Promise<Seen> {
  for (const source of stage.others) await engine.workflows.publish(source);
  const { name, version } = await engine.workflows.publish(stage.source);
  try {
    await engine.runs.start({ id: RUN_ID, workflow: name, version, inputs: testCase.inputs });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { status: "refused", run: null, refusal: failureOf(error), detail: null, messages: [] };
  }
  let isOver = false;
  const aborter = new AbortController();
  const ended = engine.runs.wait(RUN_ID, { signal: aborter.signal }).then(() => (isOver = true));
  const visitors = new Visitors(engine.runs, testCase, clock, complain);
  const end = await clock.advance(() => isOver, {
    until: testCase.startsAt + UNTIL_MS,
    realMs: stage.realMs,
    quiet: () => visitors.answer(),
  });
  const detail = (await engine.runs.detail(RUN_ID))!;
  if (end === "too_slow") complain(tooSlow(detail, stage.realMs));
  visitors.leave();
  aborter.abort();
  await ended;
  const { steps: _steps, ...run } = detail;
  const status = isFinal(run.status) ? run.status : "stuck";
  return { status, run, refusal: null, detail, messages: await messagesOf(engine.runs) };
}

function isFinal(status: Run["status"]): status is "succeeded" | "failed" | "cancelled" {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

function tooSlow({ steps }: RunDetail, realMs: number): string {
  const open = steps.filter(({ status }) => status === "running").map(({ id }) => id);
  const who = open.length === 0 ? "the run has not ended" : `still at work: ${[...new Set(open)].join(", ")}`;
  return `After ${formatDuration(realMs)} of real time ${who}.`;
}

/** What is recorded of the run so far; a run that has not ended is not waited for. */
async function messagesOf(runs: Runs): Promise<readonly RunMessage[]> {
  const messages: RunMessage[] = [];
  const aborter = new AbortController();
  setImmediate(() => setImmediate(() => aborter.abort()));
  for await (const message of runs.events(RUN_ID, { signal: aborter.signal })) {
    if (message.id !== null) messages.push(message);
  }
  return messages;
}

/** Those who send the signals and answer the approvals of a case. */
class Visitors {
  private readonly runs: Runs;
  private readonly complain: (message: string) => void;
  /** Approvals that are answered as soon as they are asked for. */
  private readonly pending: Set<ApprovalAnswer>;
  private readonly expected = new Set<string>();

  constructor(runs: Runs, testCase: Case, clock: SkippingClock, complain: (message: string) => void) {
    this.runs = runs;
    this.complain = complain;
    this.pending = new Set(testCase.approvals.filter(({ afterMs }) => afterMs === null));
    for (const { name, afterMs, payload } of testCase.signals) {
      this.visit(clock, afterMs, `the signal ${name}`, () => runs.signal(RUN_ID, { name, payload }));
    }
    const { cancel } = testCase;
    if (cancel !== null)
      this.visit(
        clock,
        cancel.afterMs,
        "the cancel",
        async () => void (await runs.cancel(RUN_ID, cancel.reason ?? undefined)),
      );
    for (const approval of testCase.approvals) {
      if (approval.afterMs === null) continue;
      this.visit(clock, approval.afterMs, `the answer to ${approval.step}`, () => this.decide(approval));
    }
  }

  /** Answers what is asked now. True when it has answered something. */
  async answer(): Promise<boolean> {
    for (const approval of this.pending) {
      try {
        await this.decide(approval);
        this.pending.delete(approval);
        return true;
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "SIGNAL_NOT_EXPECTED") throw error;
      }
    }
    return false;
  }

  /** At the end: those who were not let in. */
  leave(): void {
    for (const { step } of this.pending)
      this.complain(`The step ${step} never asked for the approval that the case has for it.`);
    for (const what of this.expected) this.complain(`The run ended before ${what} came.`);
  }

  private visit(clock: SkippingClock, ms: number, what: string, visit: () => Promise<void>): void {
    const shown = ms === 0 ? what : `${what} after ${formatDuration(ms)}`;
    this.expected.add(shown);
    clock.after(ms, () => {
      this.expected.delete(shown);
      const end = clock.begin();
      visit()
        .catch((error: unknown) => this.complain(`${shown}: ${error instanceof Error ? error.message : String(error)}`))
        .finally(end);
    });
  }

  private decide({ step, scope, approved, by, form }: ApprovalAnswer): Promise<void> {
    return this.runs.decide(RUN_ID, { step, scope, approved, form, ...(by === null ? {} : { by }) });
  }
}
