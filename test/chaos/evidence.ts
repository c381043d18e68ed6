import type { Call } from "./effects.ts";

/** What was done to the engine, and when. Times are milliseconds since 1970. */
export interface Fault {
  readonly kind: "kill" | "stop" | "database" | "broker" | "end";
  /** Of which process or service, and how. */
  readonly what: string;
  readonly at: number;
  /** When it was over; for a kill the moment itself. */
  readonly until: number;
}

/** A run that a killed process held, or whose step it was doing. */
export interface Hit {
  readonly run: string;
  readonly at: number;
  readonly held: "run" | "task";
  readonly process: string;
}

/** The epoch of a run as it was seen with so many rows: what comes behind them bears it, or a later one. */
export interface Mark {
  readonly run: string;
  readonly epoch: number;
  readonly seq: number;
}

/** How a run must end that cannot succeed. */
export interface Failing {
  /** Of the failure with which it ends. */
  readonly code: string;
  /** Attempts of its steps that are recorded as failed. */
  readonly attempts: number;
}

/** All that the checker is given beside the database. */
export interface Evidence {
  readonly database: string;
  readonly workflows: Readonly<Record<string, string>>;
  /** Runs that were answered with 2xx. */
  readonly accepted: readonly { readonly id: string; readonly workflow: string; readonly at: number }[];
  /** Signals that were answered with 2xx. */
  readonly signals: readonly { readonly run: string; readonly id: string }[];
  /** Runs that were asked to end early. Left out: none. */
  readonly cancelled?: readonly string[];
  /** Runs that must fail, by id. Left out: none. */
  readonly failing?: Readonly<Record<string, Failing>>;
  readonly calls: readonly Call[];
  readonly faults: readonly Fault[];
  readonly hits: readonly Hit[];
  readonly marks: readonly Mark[];
  /** Milliseconds within which a run moves again (I13). Left out: 30 s. */
  readonly recoveryMs?: number;
}

export type Invariant = "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I8" | "I11" | "I12" | "I13";

export interface Violation {
  readonly invariant: Invariant;
  readonly run: string;
  readonly what: string;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly figures: Figures;
}

export interface Figures {
  readonly runs: number;
  readonly rows: number;
  readonly takeovers: number;
  readonly successes: number;
  readonly calls: number;
  /** Second calls of a step whose result was not recorded yet. */
  readonly duplicates: number;
  /** Steps that were under way at a fault: no more of them may be repeated. */
  readonly inFlight: number;
  /** Calls of steps whose result was recorded before: none may be. */
  readonly repeated: number;
  /** Rows of an epoch behind the grant of a later one: none may be. */
  readonly staleRows: number;
  readonly lost: number;
  /** Milliseconds from the last kill that met a run to its next row. */
  readonly recoveries: readonly number[];
  readonly timersLateMs: number;
}
