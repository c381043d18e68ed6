import type { Failure } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { Payload, type EncodedPayload } from "../base/payload.ts";
import type { Priority } from "../workflow/workflow.ts";

/**
 * Facts of a run, in the past tense. The journal holds them in rows: all that one decision caused is one row.
 * `scope` and `node` name a task; a payload may stand inline or by reference.
 */
export type RunEvent =
  | RunCreated
  /** A run that had to wait (slot, time) begins. */
  | { readonly type: "run_started" }
  | { readonly type: "run_completed"; readonly output: Payload }
  | {
      readonly type: "run_failed";
      readonly failure: Failure;
      readonly scope: string | null;
      readonly node: string | null;
    }
  | { readonly type: "run_cancelled"; readonly reason: string }
  /** The `when` of a node was true, so it runs. Nodes without `when` run without an event. */
  | { readonly type: "task_admitted"; readonly scope: string; readonly node: string }
  | { readonly type: "task_skipped"; readonly scope: string; readonly node: string }
  /** Only for a step that must not be repeated: its executor is about to be called. */
  | { readonly type: "task_started"; readonly scope: string; readonly node: string; readonly attempt: number }
  | TaskCompleted
  | {
      readonly type: "task_failed";
      readonly scope: string;
      readonly node: string;
      readonly attempt: number;
      readonly failure: Failure;
      readonly usage?: TaskUsage;
    }
  | {
      readonly type: "task_retried";
      readonly scope: string;
      readonly node: string;
      readonly attempt: number;
      readonly failure: Failure;
      readonly dueAt: number;
      readonly usage?: TaskUsage;
    }
  | {
      readonly type: "task_parked";
      readonly scope: string;
      readonly node: string;
      readonly attempt: number;
      readonly reason: string;
      readonly dueAt: number;
    }
  /** A retry or a park is over: the task is due again. */
  | { readonly type: "task_due"; readonly scope: string; readonly node: string; readonly attempt: number }
  | TaskWaiting
  /** The result of another run's task, taken over by a rerun. */
  | {
      readonly type: "task_copied";
      readonly scope: string;
      readonly node: string;
      readonly output: Payload;
      readonly handle: string | null;
      readonly failure: Failure | null;
      readonly skipped: boolean;
      readonly from: string;
    }
  | {
      readonly type: "items_started";
      readonly scope: string;
      readonly node: string;
      readonly items: Payload;
      readonly count: number;
    }
  /** One item (or its copy from another run) has ended. `output` left out: the value of the body's only last node. */
  | {
      readonly type: "item_ended";
      readonly scope: string;
      readonly output?: Payload;
      readonly failure?: Failure;
      readonly from?: string;
    }
  | { readonly type: "loop_started"; readonly scope: string; readonly node: string; readonly values: Payload }
  | {
      readonly type: "round_ended";
      readonly scope: string;
      readonly output?: Payload;
      readonly last: boolean;
      readonly from?: string;
    }
  /** A thousand collected values moved to a page of their own. */
  | {
      readonly type: "values_paged";
      readonly scope: string;
      readonly node: string;
      readonly page: number;
      readonly values: Payload;
    }
  | { readonly type: "child_started"; readonly scope: string; readonly node: string; readonly inputs: Payload }
  | {
      readonly type: "variable_assigned";
      readonly scope: string;
      readonly node: string;
      readonly name: string;
      readonly values: Payload;
      readonly from?: string;
    }
  | { readonly type: "signal_received"; readonly name: string; readonly id: string; readonly payload: Payload };

export interface RunCreated {
  readonly type: "run_created";
  readonly runId: string;
  readonly tenant: string;
  readonly workflow: string;
  readonly version: string;
  readonly hash: string;
  /** Hashes of the nested workflows, by the name each is called by: pinned for the life of the run. */
  readonly pins: Readonly<Record<string, string>>;
  readonly inputs: Payload;
  readonly seed: number;
  readonly priority: Priority;
  readonly metadata: JsonObject;
  /** What the run waits for before its first step. */
  readonly waits:
    | { readonly type: "slot"; readonly key: string }
    | { readonly type: "time"; readonly until: number }
    | null;
  readonly rerunOf: { readonly runId: string; readonly scope: string; readonly node: string } | null;
  readonly batch: { readonly id: string; readonly index: number; readonly size: number } | null;
  /** Somebody is told of the run at an address of its own, which is kept outside of the record. */
  readonly callback?: true;
}

export interface TaskCompleted {
  readonly type: "task_completed";
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  readonly output: Payload;
  /** The handle it left by; plain edges are taken as well, unless the handle is negative (see `isNegativeHandle`). */
  readonly handle?: string;
  readonly usage?: TaskUsage;
  /** The signal that ended the wait. */
  readonly signal?: string;
}

export interface TaskWaiting {
  readonly type: "task_waiting";
  readonly scope: string;
  readonly node: string;
  readonly waiting: Waiting;
  /** Milliseconds; null waits without end. */
  readonly dueAt: number | null;
}

export type Waiting =
  | { readonly type: "time" }
  | { readonly type: "signal"; readonly name: string }
  | { readonly type: "approval"; readonly title: string; readonly assignees: readonly string[] };

export interface TaskUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

/** Everything that followed from one input, at one moment. A row of the journal holds one or several of these. */
export interface Decision {
  /** Milliseconds since 1970, as the owner saw it. */
  readonly at: number;
  /** Ids of the inputs that caused it. */
  readonly causes: readonly string[];
  readonly events: readonly RunEvent[];
}

/** Format version of rows and snapshots; the first character of their text. Readers refuse what they do not know. */
export const FORMAT_VERSION = "1";

/** Members of events that hold payloads. */
const PAYLOAD_FIELDS: ReadonlySet<string> = new Set(["inputs", "output", "items", "values", "payload"]);

/** The text of a row: the format version, then JSON. Payload text is inserted, not encoded a second time. */
export function encodeRow(decisions: readonly Decision[]): string {
  let text = FORMAT_VERSION + "[";
  for (let d = 0; d < decisions.length; d++) {
    const { at, causes, events } = decisions[d]!;
    text += `${d === 0 ? "" : ","}{"at":${at}`;
    if (causes.length > 0) text += `,"causes":${JSON.stringify(causes)}`;
    text += ',"events":[';
    for (let i = 0; i < events.length; i++) text += (i === 0 ? "" : ",") + encodeEvent(events[i]!);
    text += "]}";
  }
  return text + "]";
}

/** One event as JSON text. */
export function encodeEvent(event: RunEvent): string {
  return encodeMembers(event);
}

/** An object as JSON text, member by member: one that can `encode` itself (a payload) does, the rest is plain data. */
export function encodeMembers(object: object): string {
  let text = "";
  const members = object as Readonly<Record<string, unknown>>;
  for (const key in members) {
    const value = members[key];
    if (value === undefined) continue;
    text += (text === "" ? '{"' : ',"') + key + '":' + (canEncode(value) ? value.encode() : JSON.stringify(value));
  }
  return text === "" ? "{}" : text + "}";
}

function canEncode(value: unknown): value is { encode(): string } {
  return typeof value === "object" && value !== null && typeof (value as { encode?: unknown }).encode === "function";
}

/** The reverse of `encodeRow`. Throws on text that this version cannot read: the caller knows which run it belongs to. */
export function decodeRow(text: string): Decision[] {
  if (text[0] !== FORMAT_VERSION) throw new Error(`unknown format version ${JSON.stringify(text[0] ?? "")}`);
  const row = JSON.parse(text.slice(1)) as { at: number; causes?: string[]; events: Record<string, unknown>[] }[];
  return row.map(({ at, causes, events }) => ({ at, causes: causes ?? [], events: decodeEvents(events) }));
}

/** Events from their parsed JSON, in place. */
export function decodeEvents(events: Record<string, unknown>[]): RunEvent[] {
  for (const event of events) {
    for (const key in event) {
      if (PAYLOAD_FIELDS.has(key)) event[key] = Payload.decode(event[key] as EncodedPayload);
    }
  }
  return events as unknown as RunEvent[];
}

/** The payloads that an event holds, and those they consist of. */
export function payloadsOf(event: RunEvent): readonly Payload[] {
  const found: Payload[] = [];
  const members = event as unknown as Readonly<Record<string, unknown>>;
  for (const key in members) {
    const value = members[key];
    if (value instanceof Payload) found.push(...value.pieces());
  }
  return found;
}

/** Collects the events of one decision and applies each as it is made. */
export type Emit = (event: RunEvent) => void;
