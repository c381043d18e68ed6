import type { Command, Decision, Input, RunState } from "@weftwork/core";
import type { RunCreation, RunStatus } from "../journal/journal.ts";

/** An input on its way into a run, with those who wait for it to be recorded. */
export interface QueuedInput {
  readonly input: Input;
  /** Id of its inbox row, if it came through the journal. */
  readonly inboxId: string | null;
  /** Called when what it caused is recorded (or it caused nothing). */
  readonly recorded: (() => void) | null;
  readonly failed: ((error: unknown) => void) | null;
}

/** What was decided and is not recorded yet; becomes one row. */
export interface OpenRow {
  readonly decisions: Decision[];
  events: number;
  /** Commands that must not be carried out before the row is recorded. */
  readonly commands: Command[];
  readonly inputs: QueuedInput[];
}

/**
 * A run that this process owns, in memory.
 *
 * H1. `state` is ahead of the journal by `sending` and `open`. It is shown to nobody outside before it is recorded.
 * H2. At most one row is on its way (`sending`), so rows arrive in order.
 */
export interface HotRun {
  /** One for each of these in this process: two may be of the same run, one of them held by another process. */
  readonly serial: number;
  readonly key: number;
  readonly tenant: string;
  readonly id: string;
  epoch: number;
  state: RunState;
  /** Sequence number of the next row. */
  nextSeq: number;
  /** Given with the first row only. */
  creation: RunCreation | null;
  readonly inputs: QueuedInput[];
  /** In the owner's queue already. */
  queued: boolean;
  open: OpenRow;
  sending: OpenRow | null;
  /** In the committer's queue already. */
  dirty: boolean;
  /** Status that the journal shows. */
  recordedStatus: RunStatus | null;
  eventsSinceSnapshot: number;
  bytesSinceSnapshot: number;
  /** Tasks that wait for a pool that no worker here serves, by command. */
  readonly unserved: Map<string, { readonly pool: string; readonly since: number }>;
  /** Its state is being read back: inputs wait. */
  reloading: boolean;
  /** Rows refused since the last one that was recorded. */
  refusals: number;
  /** Called once with the verdict on the first row. */
  created: ((answer: CreationAnswer) => void) | null;
  /** An input waits in the journal that this version cannot read: given back, the run would be due at once. */
  isBlocked: boolean;
  /** The run has ended, and the journal says so. */
  endRecorded: boolean;
  /** Number of the last piece that was told of it here; 0: none was. */
  said: number;
  /** Fenced out, released or ended: nothing more is done for it here. */
  gone: boolean;
  /** It left with nothing open: what its state no longer owes is recorded. */
  leftAsRecorded: boolean;
}

export type CreationAnswer =
  | { readonly type: "created"; readonly slot: "granted" | "queued" | null }
  | { readonly type: "exists"; readonly id: string }
  | { readonly type: "failed"; readonly error: unknown };

export function emptyRow(): OpenRow {
  return { decisions: [], events: 0, commands: [], inputs: [] };
}

let serial = 0;

export function hotRun(
  of: Pick<HotRun, "key" | "tenant" | "id" | "epoch" | "state" | "nextSeq" | "creation" | "recordedStatus">,
): HotRun {
  return {
    ...of,
    serial: ++serial,
    inputs: [],
    queued: false,
    open: emptyRow(),
    sending: null,
    dirty: false,
    eventsSinceSnapshot: 0,
    bytesSinceSnapshot: 0,
    unserved: new Map(),
    reloading: false,
    refusals: 0,
    created: null,
    isBlocked: false,
    endRecorded: false,
    said: 0,
    gone: false,
    leftAsRecorded: false,
  };
}
