import type { Json } from "@weftwork/core";

/**
 * Runs code that a workflow brings, behind a border.
 *
 * X1. The code reaches no file, network, environment, clock of another job or object of this process: what it gets is
 *     its input, and what leaves is its result and its log lines.
 * X2. A job ends at its limits, exactly and alone: no other job and not this process feels it.
 * X3. What one job leaves behind no other job sees. An interpreter serves one `reuse` key only, and each job begins with
 *     a clean namespace.
 */
export interface Sandbox {
  /** Resolves when the code has ended, in whichever way; rejects only for a defect of the sandbox itself. */
  run(job: SandboxJob): Promise<SandboxResult>;
  /** Ends every interpreter. Jobs under way fail. */
  close(): Promise<void>;
}

export interface SandboxJob {
  /** Names what may share an interpreter: tenant and version of the workflow. */
  readonly reuse: string;
  /** Source text that defines a function `main`. */
  readonly code: string;
  /** How `main` is called: with one value, or with the members of an object by name where the language has that. */
  readonly call: "value" | "members";
  readonly input: Json;
  readonly limits: SandboxLimits;
  readonly signal: AbortSignal;
  /** A line that the code has printed. */
  readonly log: (level: "info" | "warn" | "error", line: string) => void;
}

export interface SandboxLimits {
  readonly timeMs: number;
  readonly memoryBytes: number;
  /** Of the result as JSON, in UTF-8; and of all that is printed. */
  readonly outputBytes: number;
}

export type SandboxResult =
  | { readonly type: "completed"; readonly value: Json }
  /** The code is at fault: it threw, has no `main`, or returned what is not JSON. `at` is the place in its text. */
  | { readonly type: "failed"; readonly message: string; readonly at: string | null }
  /** Ended by a limit. `machine`: not by one of its own, the system has ended it. */
  | { readonly type: "stopped"; readonly limit: "time" | "memory" | "output" | "machine"; readonly message: string }
  /** Ended because the signal fired, or the sandbox was closed. */
  | { readonly type: "aborted" };

export const SANDBOX_LIMITS: SandboxLimits = {
  timeMs: 30_000,
  memoryBytes: 256 * 1024 * 1024,
  outputBytes: 16 * 1024 * 1024,
};
