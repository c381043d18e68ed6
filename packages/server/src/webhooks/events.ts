import type { Decision, RunCreated, RunEvent } from "@weftwork/core";

/** What can be told of runs. */
export const RUN_EVENTS = ["run.started", "run.paused", "run.succeeded", "run.failed", "run.cancelled"] as const;
export type RunEventType = (typeof RUN_EVENTS)[number];
/** Sent only when somebody asks for it. */
export const TEST_EVENT = "webhook.test";
/** What an endpoint can ask for. */
export const PATTERNS: readonly string[] = ["*", "run.*", ...RUN_EVENTS];

/** Waiting steps that one message names. */
const WAITING_MAX = 20;
/** Places for the events of one row, in the order in which they are told. */
export const RANKS = 4;
const RANK = { "run.started": 0, "run.paused": 1, "run.succeeded": 2, "run.failed": 2, "run.cancelled": 2 } as const;
const STATUS = {
  "run.started": "running",
  "run.paused": "waiting",
  "run.succeeded": "succeeded",
  "run.failed": "failed",
  "run.cancelled": "cancelled",
} as const;

/** A step that waits for somebody. */
export interface WaitingStep {
  readonly scope: string;
  readonly step: string;
  readonly for: "approval" | "signal";
  /** Of the signal. */
  readonly name: string | null;
  readonly until: number | null;
}

/** Something of a run that can be told, as a row of its journal has it. */
export interface RunNews {
  readonly type: RunEventType;
  readonly status: (typeof STATUS)[RunEventType];
  readonly at: number;
  readonly seq: number;
  readonly error: { readonly code: string; readonly scope: string | null; readonly step: string | null } | null;
  readonly waiting: readonly WaitingStep[];
}

/** What one row of a journal tells. The same row tells the same, whoever reads it. */
export function newsOf(seq: number, decisions: readonly Decision[]): readonly RunNews[] {
  let started: RunNews | null = null;
  let ended: RunNews | null = null;
  let waitingAt = 0;
  const waiting = new Map<string, WaitingStep>();
  for (const { at, events } of decisions) {
    for (const event of events) {
      const type = typeOf(event);
      if (type === "run.started") started = { ...plain(type, at, seq) };
      else if (type !== null) ended = { ...plain(type, at, seq), error: errorOf(event) };
      else if (event.type === "task_waiting") {
        const step = waitingStep(event);
        if (step === null) continue;
        waiting.set(`${event.scope}/${event.node}`, step);
        waitingAt = at;
      } else if (waiting.size > 0 && (event.type === "task_completed" || event.type === "task_failed"))
        // What came before the row was written has answered it already.
        waiting.delete(`${event.scope}/${event.node}`);
    }
  }
  const steps = [...waiting.values()].slice(0, WAITING_MAX);
  const paused = steps.length > 0 && ended === null ? { ...plain("run.paused", waitingAt, seq), waiting: steps } : null;
  return [started, paused, ended].filter((news) => news !== null);
}

/** Where news stand among those of their run. */
export function positionOf({ seq, type }: Pick<RunNews, "seq" | "type">): number {
  return seq * RANKS + RANK[type];
}

export function isEnd({ type }: Pick<RunNews, "type">): boolean {
  return RANK[type] === 2;
}

/** Whether one of the patterns (`run.failed`, `run.*`, `*`) means the type. */
export function isWanted(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    (pattern) =>
      pattern === type || pattern === "*" || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1))),
  );
}

/** The text of a row that can tell nothing need not be taken apart. */
export function mayTell(row: string): boolean {
  return /"type":"(?:run_|task_waiting")/.test(row);
}

function plain(type: RunEventType, at: number, seq: number): RunNews {
  return { type, status: STATUS[type], at, seq, error: null, waiting: [] };
}

function typeOf(event: RunEvent): Exclude<RunEventType, "run.paused"> | null {
  switch (event.type) {
    case "run_created":
      return beginsAtOnce(event) ? "run.started" : null;
    case "run_started":
      return "run.started";
    case "run_completed":
      return "run.succeeded";
    case "run_failed":
      return "run.failed";
    case "run_cancelled":
      return "run.cancelled";
    default:
      return null;
  }
}

function beginsAtOnce({ waits, rerunOf }: RunCreated): boolean {
  return waits === null && rerunOf === null;
}

function errorOf(event: RunEvent): RunNews["error"] {
  if (event.type !== "run_failed") return null;
  return { code: event.failure.code, scope: event.scope, step: event.node };
}

function waitingStep({ scope, node, waiting, dueAt }: Extract<RunEvent, { type: "task_waiting" }>): WaitingStep | null {
  if (waiting.type === "time") return null;
  const name = waiting.type === "signal" ? waiting.name : null;
  return { scope, step: node, for: waiting.type, name, until: dueAt };
}
