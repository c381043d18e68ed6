import type { SandboxResult } from "./sandbox.ts";

/** A job as it crosses to the thread. The input is JSON text: it is parsed inside. */
export interface ThreadJob {
  readonly id: number;
  readonly reuse: string;
  readonly code: string;
  readonly input: string;
  readonly timeMs: number;
  readonly memoryBytes: number;
  readonly outputBytes: number;
}

export type ThreadMessage =
  | { readonly type: "log"; readonly id: number; readonly level: "info" | "warn" | "error"; readonly line: string }
  | { readonly type: "ended"; readonly id: number; readonly result: ThreadResult };

/** The value is still JSON text: it is parsed by the one who asked, under the product's own limits. */
export type ThreadResult =
  | { readonly type: "completed"; readonly json: string }
  | Extract<SandboxResult, { type: "failed" | "stopped" }>;
