import type { Failure } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { Payload } from "../base/payload.ts";
import type { TaskUsage } from "./event.ts";

/** What happens to a run from outside. `id` is unique within the run where the world may repeat itself. */
export type Input =
  | {
      readonly type: "task_reported";
      readonly scope: string;
      readonly node: string;
      readonly attempt: number;
      readonly outcome: TaskOutcome;
    }
  /** An executor that must not be called twice is about to be called. */
  | { readonly type: "task_starting"; readonly scope: string; readonly node: string; readonly attempt: number }
  | { readonly type: "timer_fired"; readonly timer: string }
  | { readonly type: "slot_granted" }
  | { readonly type: "start_due" }
  /** Go on with what the last decision left for later. */
  | { readonly type: "resume" }
  | { readonly type: "signal_received"; readonly id: string; readonly name: string; readonly payload: Payload }
  | {
      readonly type: "approval_decided";
      readonly id: string;
      readonly scope: string;
      readonly node: string;
      readonly approved: boolean;
      readonly by: string | null;
      readonly form: Json;
      /** The button pressed, where an imported graph has buttons of its own. */
      readonly action?: string;
    }
  | { readonly type: "cancel_requested"; readonly reason: string }
  /** The owner gives the run up for a reason of its own (quarantine, damaged record). */
  | { readonly type: "run_refused"; readonly failure: Failure };

/** How an attempt ended, as its executor reports it. */
export type TaskOutcome =
  | { readonly type: "completed"; readonly output: Payload; readonly usage?: TaskUsage }
  | { readonly type: "failed"; readonly failure: Failure; readonly retryAfterMs?: number; readonly usage?: TaskUsage }
  | { readonly type: "parked"; readonly until: number; readonly reason: string };
