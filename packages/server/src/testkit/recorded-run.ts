import type { Decision, Failure, Json, Payload, RunEvent } from "@weftwork/core";
import type { Outcome, Usage } from "../nodes/node.ts";

/** What came of one attempt, and when. */
export interface RecordedOutcome {
  readonly at: number;
  readonly outcome: Outcome;
}

/** What somebody outside did to the run, and when. */
export type RecordedVisit = { readonly at: number } & (
  | { readonly type: "signal"; readonly name: string; readonly id: string; readonly payload: Json }
  | {
      readonly type: "answer";
      readonly scope: string;
      readonly step: string;
      readonly handle: string;
      readonly output: Json;
    }
  | { readonly type: "cancel"; readonly reason: string }
  | { readonly type: "refuse"; readonly failure: Failure }
);

/** A run as those around it saw it: what they answered, and what they did. */
export interface RecordedRun {
  /** When it was submitted. */
  readonly at: number;
  /** By scope, step and attempt, as `root/read#1`. */
  readonly outcomes: ReadonlyMap<string, RecordedOutcome>;
  readonly visits: readonly RecordedVisit[];
  /** What it took over from an earlier run. */
  readonly copies: readonly RunEvent[];
}

/** What ends a run and follows from nothing in it. */
const REFUSALS: ReadonlySet<string> = new Set(["RUN_QUARANTINED", "RUN_DAMAGED", "INTERNAL"]);

type TaskCompleted = Extract<RunEvent, { type: "task_completed" }>;

/** Reads from the decisions of a run what came into it from outside. `load` makes payloads readable. */
export function recordedRun(
  decisions: readonly Decision[],
  load: (payloads: readonly Payload[]) => void,
  isApproval: (scope: string, node: string) => boolean,
): RecordedRun {
  const recorder = new Recorder(load, isApproval);
  for (const { at, events } of decisions) for (const event of events) recorder.take(event, at);
  const { outcomes, visits, copies } = recorder;
  return { at: decisions[0]!.at, outcomes, visits, copies };
}

class Recorder {
  readonly outcomes = new Map<string, RecordedOutcome>();
  readonly visits: RecordedVisit[] = [];
  readonly copies: RunEvent[] = [];
  private readonly load: (payloads: readonly Payload[]) => void;
  private readonly isApproval: (scope: string, node: string) => boolean;

  constructor(load: Recorder["load"], isApproval: Recorder["isApproval"]) {
    this.load = load;
    this.isApproval = isApproval;
  }

  take(event: RunEvent, at: number): void {
    if ("from" in event && event.from !== undefined) this.copies.push(event);
    switch (event.type) {
      case "task_completed":
        this.completed(event, at);
        break;
      case "task_failed":
      case "task_retried": {
        const after = event.type === "task_retried" ? { retryAfterMs: event.dueAt - at } : {};
        this.ended(event, at, { type: "failed", failure: event.failure, ...after, ...usageOf(event.usage) });
        break;
      }
      case "signal_received": {
        const { name, id, payload } = event;
        this.visits.push({ type: "signal", at, name, id, payload: this.valueOf(payload) });
        break;
      }
      case "run_cancelled":
        this.visits.push({ type: "cancel", at, reason: event.reason });
        break;
      case "run_failed":
        if (event.scope === null && REFUSALS.has(event.failure.code))
          this.visits.push({ type: "refuse", at, failure: event.failure });
        break;
      default:
    }
  }

  private completed(event: TaskCompleted, at: number): void {
    const { scope, node, handle, usage } = event;
    const output = this.valueOf(event.output);
    if (!this.isApproval(scope, node)) this.ended(event, at, { type: "completed", output, ...usageOf(usage) });
    else if (handle !== undefined && handle !== "timeout")
      this.visits.push({ type: "answer", at, scope, step: node, handle, output });
  }

  private ended(
    { scope, node, attempt = 1 }: { readonly scope: string; readonly node: string; readonly attempt?: number },
    at: number,
    outcome: Outcome,
  ): void {
    this.outcomes.set(`${scope}/${node}#${attempt}`, { at, outcome });
  }

  private valueOf(payload: Payload): Json {
    this.load([payload]);
    return payload.value;
  }
}

function usageOf(usage: Usage | undefined): { readonly usage?: Usage } {
  return usage === undefined ? {} : { usage };
}
