import { AppError, bodyOf, Payload, type Json, type JsonObject, type RunEvent } from "@weftwork/core";
import type { ExportedStep, Run, RunExport } from "@weftwork/sdk";
import { compose, type ComposeOptions, type Composition } from "../compose.ts";
import type { NodeExecutor } from "../nodes/node.ts";
import { readExport, type ExportReading } from "../runtime/read-export.ts";
import { compare, type Difference } from "./difference.ts";
import { recordedRun, type RecordedRun, type RecordedVisit } from "./recorded-run.ts";
import { replayedNodes } from "./replayed-nodes.ts";
import { SkippingClock } from "./skipping-clock.ts";

/** What steps that are really done need of this process. */
export type LiveSettings = Partial<
  Pick<
    ComposeOptions,
    "models" | "defaultModel" | "discover" | "httpAllow" | "httpPorts" | "tools" | "environment" | "datasets"
  >
>;

export interface ReplayOptions {
  /** Steps that are really done, by id or as scope/id. */
  readonly live?: readonly string[];
  readonly nodes?: readonly NodeExecutor[];
  readonly settings?: LiveSettings;
  /** Milliseconds of real time it may take. Default: two minutes. */
  readonly realMs?: number;
}

/** A recorded run and what it came to when it happened again. */
export interface Replay {
  readonly recorded: Run;
  readonly replayed: Run;
  /** Where they differ: in their result, or in what a step gave. Empty: they do not. */
  readonly differences: readonly Difference[];
  /** How many tries were computed anew, taken from the record, and really done. */
  readonly tries: { readonly computed: number; readonly recorded: number; readonly live: number };
  /** Steps the replay came to of which nothing is recorded, as scope/id. */
  readonly unrecorded: readonly string[];
}

const REAL_MS = 120_000;
const TENANT = "default";
/** Behind the last thing that is recorded, time goes on for so long. */
const UNTIL_MS = 12 * 366 * 86_400_000;

/**
 * Lets a recorded run happen again, in memory and out of nothing but its export: the same versions, inputs and times. What
 * models, requests, tools and workers answered is taken from the record; what needs nobody outside is computed anew.
 * Throws `EXPORT_INVALID`, and `INVALID_REQUEST` for a live step that the workflow does not have.
 */
export async function replay(given: string | JsonObject, options: ReplayOptions = {}): Promise<Replay> {
  const reading = await readExport(given);
  const { plans, decisions, load, document } = reading;
  const isApproval = (scope: string, node: string): boolean =>
    bodyOf(plans, scope)?.byId.get(node)?.kind === "approval";
  const record = recordedRun(decisions, load, isApproval);
  const live = liveSteps(reading, options.live ?? []);
  const clock = new SkippingClock(record.at);
  const tries = { computed: 0, recorded: 0, live: 0 };
  const unrecorded = new Set<string>();
  const problems: Difference[] = [];
  const composition = await compose({
    store: "memory",
    nodes: nodesOf(document, options.nodes ?? []),
    pools: poolsOf(reading),
    httpAllow: [],
    retentionMs: null,
    models: null,
    defaultModel: null,
    discover: false,
    ...(live.size > 0 ? options.settings : {}),
    tenant: TENANT,
    name: "replay",
    problem: (message, _run, error) => void problems.push({ path: "engine", message: `${message}: ${String(error)}` }),
    rehearsal: {
      clock,
      live: live.size > 0,
      models: (catalog) => catalog,
      executors: (executors) =>
        replayedNodes(executors, {
          outcomes: record.outcomes,
          clock,
          isLive: ({ scope, node }) => live.has(node) || live.has(`${scope}/${node}`),
          did: (how) => void (tries[how] += 1),
          missing: ({ scope, node }) => unrecorded.add(`${scope}/${node}`),
        }),
    },
  });
  try {
    const { run: replayed, steps } = await play(
      composition,
      reading,
      record,
      clock,
      options.realMs ?? REAL_MS,
      live.size > 0,
    );
    const differences = [...problems, ...differencesOf(reading, replayed, steps, live)];
    return { recorded: reading.run, replayed, differences, tries, unrecorded: [...unrecorded] };
  } finally {
    await clock.unwind(composition.close(0));
  }
}

async function play(
  { engine }: Composition,
  { document, decisions, run, load }: ExportReading,
  record: RecordedRun,
  clock: SkippingClock,
  realMs: number,
  isLive: boolean,
): Promise<{ readonly run: Run; readonly steps: readonly ExportedStep[] }> {
  const { workflow } = document;
  // What is called without a version is the newest, so it is published last.
  const nested = Object.entries(workflow.nested).toSorted(([a], [b]) => b.length - a.length);
  for (const [, { source, version }] of nested) await engine.workflows.publish(source, { version });
  await engine.workflows.publish(workflow.source, { version: workflow.version });
  const created = decisions[0]!.events[0];
  if (created?.type !== "run_created")
    throw new AppError("EXPORT_INVALID", { reason: "its first event is not run_created" });
  await engine.runs.startWith(
    {
      id: run.id,
      workflow: workflow.name,
      version: workflow.version,
      inputs: created.inputs.value as JsonObject,
      priority: created.priority,
      metadata: created.metadata,
      ...(created.waits?.type === "time" ? { run_at: new Date(created.waits.until).toISOString() } : {}),
    },
    record.copies.map((event) => standing(event, load)),
    created.rerunOf,
  );
  let isOver = false;
  const aborter = new AbortController();
  const ended = engine.runs.wait(run.id, { signal: aborter.signal }).then(() => (isOver = true));
  for (const visit of record.visits) {
    // A run that was set aside is not to be stopped when somebody looks what the step does.
    if (visit.type === "refuse" && isLive) continue;
    clock.after(visit.at - clock.now(), () => {
      const end = clock.begin();
      pay(engine, run.id, visit)
        .catch((error: unknown) => {
          // The replay goes another way than the run did; its result will say so.
          if (!(error instanceof AppError)) throw error;
        })
        .finally(end);
    });
  }
  await clock.advance(() => isOver, { until: clock.now() + UNTIL_MS, realMs, quiet: async () => false });
  aborter.abort();
  await ended;
  let text = "";
  for await (const piece of await engine.runs.export(run.id)) text += piece;
  const { run: replayed, steps } = JSON.parse(text) as RunExport;
  return { run: replayed, steps };
}

async function pay({ runs, owner }: Composition["engine"], id: string, visit: RecordedVisit): Promise<void> {
  switch (visit.type) {
    case "signal":
      return runs.signal(id, { name: visit.name, payload: visit.payload, inputId: visit.id });
    case "cancel":
      return void (await runs.cancel(id, visit.reason));
    case "refuse": {
      const run = owner.find(TENANT, id);
      if (run) owner.take(run, { type: "run_refused", failure: visit.failure });
      return;
    }
    case "answer": {
      const { scope, step, handle, output } = visit;
      const { by = null, form = null } = (output ?? {}) as { readonly by?: Json; readonly form?: Json };
      const isPlain = handle === "approved" || handle === "rejected";
      return runs.decide(id, {
        step,
        scope,
        approved: handle !== "rejected",
        ...(typeof by === "string" ? { by } : {}),
        form: isPlain ? form : output,
        ...(isPlain ? {} : { action: handle }),
      });
    }
  }
}

/** An event whose values stand in it: there is no store from which they could be read. */
function standing(event: RunEvent, load: ExportReading["load"]): RunEvent {
  const members = Object.entries(event).map(([name, value]: [string, unknown]) => {
    if (!(value instanceof Payload)) return [name, value] as const;
    load([value]);
    return [name, Payload.of(value.value)] as const;
  });
  return Object.fromEntries(members) as unknown as RunEvent;
}

function differencesOf(
  { run, document }: ExportReading,
  replayed: Run,
  steps: readonly ExportedStep[],
  live: ReadonlySet<string>,
): readonly Difference[] {
  const [before, after] = [byPlace(document.steps), byPlace(steps)];
  const found = [
    ...compare("status", run.status, replayed.status, false),
    ...compare("outputs", run.outputs, replayed.outputs, false),
    ...compare("error", told(run), told(replayed), false),
  ];
  for (const place of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(place), after.get(place)];
    if (live.has(place) || live.has((was ?? is)!.id)) continue;
    found.push(...compare(`steps.${place}`, shown(was), shown(is), false));
  }
  return found;
}

function byPlace(steps: readonly ExportedStep[]): ReadonlyMap<string, ExportedStep> {
  return new Map(steps.map((step) => [`${step.scope}/${step.id}`, step]));
}

function shown(step: ExportedStep | undefined): Json {
  if (!step) return null;
  const { status, output, error } = step;
  return { status, output, error: error === null ? null : { code: error["code"]!, message: error["message"]! } };
}

function told({ error }: Run): Json {
  return error === null ? null : { code: error.code, message: error.message, scope: error.scope, step: error.step };
}

function liveSteps({ plans }: ExportReading, names: readonly string[]): ReadonlySet<string> {
  const known = new Set(
    [plans.plan, ...plans.nested.values()].flatMap(({ bodies }) =>
      bodies.flatMap(({ nodes }) => nodes.map(({ id }) => id)),
    ),
  );
  const wrong = names.find((name) => !known.has(name.slice(name.lastIndexOf("/") + 1)));
  if (wrong !== undefined)
    throw new AppError("INVALID_REQUEST", {
      reason: `the workflow ${plans.plan.name} has no step ${wrong}; its steps are ${[...known].join(", ").slice(0, 500)}`,
    });
  return new Set(names);
}

/** All of these are served here, whatever served them when the run was recorded. */
function poolsOf({ plans }: ExportReading): Readonly<Record<string, number>> {
  const nodes = [plans.plan, ...plans.nested.values()].flatMap(({ bodies }) => bodies.flatMap((body) => body.nodes));
  const pools = nodes.flatMap((node) => (node.kind === "work" && node.pool !== null ? [node.pool] : []));
  return Object.fromEntries(pools.map((pool) => [pool, 32]));
}

/** The own nodes that are given, and stand-ins for those of the server that recorded the run. */
function nodesOf({ workflow }: RunExport, given: readonly NodeExecutor[]): readonly NodeExecutor[] {
  const here = new Set(given.map(({ type }) => type));
  const away = Object.entries(workflow.own_types).filter(([type]) => !here.has(type));
  return [
    ...given,
    ...away.map(([type, secretFields]): NodeExecutor => ({
      type,
      version: 1,
      effect: "effect",
      pool: "default",
      timeoutMs: null,
      secretFields,
      execute: () => {
        throw new AppError("NODE_NOT_AVAILABLE", { type, reason: "give the module that exports it with --nodes" });
      },
    })),
  ];
}
