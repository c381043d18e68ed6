import type { JsonObject, Priority } from "@weftwork/core";
import type { RunStep } from "./detail.ts";
import type { RunError, RunLinks, RunStatus } from "./run.ts";

/** A run that failed, and for which nobody has done anything yet that settled it. */
export interface DeadLetter {
  /** Of the run. */
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  readonly priority: Priority;
  readonly metadata: JsonObject;
  readonly error_code: string | null;
  /** It was set aside because it was open at too many crashes. */
  readonly quarantined: boolean;
  /**
   * `open`: it waits for somebody. `retried`: the run in `retry` took over and has ended; where that one failed, it is the
   * dead letter now. `discarded`: an operator let it go. Lists show the open ones.
   */
  readonly state: "open" | "retried" | "discarded";
  /** The newest run that took over; null: none has. */
  readonly retry: { readonly run: string; readonly status: RunStatus | null } | null;
  /** How many runs have taken over so far. */
  readonly retries: number;
  /** Why it was discarded, where that was said. */
  readonly reason: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly failed_at: string;
  readonly links: RunLinks;
}

/** A dead letter with all that helps to mend it. */
export interface DeadLetterDetail extends DeadLetter {
  /** Null where the record of the run cannot be read. */
  readonly inputs: JsonObject | null;
  readonly error: RunError | null;
  /** The step that failed the run (of a run that was set aside: the one it was at), with its resolved input and its tries. */
  readonly failed_step: RunStep | null;
  /** Steps of the root with what they gave so far. */
  readonly steps: readonly RunStep[];
  /** Why the record cannot be read; null: it can. */
  readonly damaged: string | null;
}

/** Which dead letters a list shows, newest first. Times are RFC 3339. */
export interface DeadLetterFilter {
  readonly workflow?: string;
  /** Code of the error, in upper or lower case. */
  readonly error_code?: string;
  readonly quarantined?: boolean;
  readonly created_after?: string;
  readonly created_before?: string;
  /** 1 to 200; left out: 50. A page may hold fewer although there is a next one. */
  readonly limit?: number;
  readonly cursor?: string;
}

/** What a retry of a dead letter changes; all of it may be left out. */
export interface DeadLetterRetry {
  /** Inputs to be replaced, by name; every step that reads one of them is computed again. */
  readonly inputs?: JsonObject;
  /** Begin at this step. Left out: at the one that failed the run. */
  readonly step?: string;
  readonly scope?: string;
  /** Another version of the workflow. */
  readonly version?: string;
}
