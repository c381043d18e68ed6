import type { Json, Problem } from "@weftwork/core";
import type { Run, RunMessage, RunSubmission, TaskProgress, WorkflowVersion } from "@weftwork/sdk";

/** What the surfaces ask of the engine. They translate between it and HTTP, and hold no rule of their own. */
export interface Engine {
  readonly workflows: {
    publish(
      source: string,
      options?: { readonly version?: string },
    ): Promise<WorkflowVersion & { readonly created: boolean; readonly problems: readonly Problem[] }>;
    find(name: string, version?: string | null): Promise<WorkflowVersion | null>;
    list(): Promise<readonly WorkflowVersion[]>;
  };
  readonly runs: {
    /** Durable when it resolves. */
    start(
      submission: RunSubmission & { readonly idempotencyKey?: string },
    ): Promise<{ readonly run: Run; readonly created: boolean }>;
    get(id: string): Promise<Run | null>;
    task(id: string): Promise<TaskProgress | null>;
    /** Resolves at the end of the run, or at the timeout with the run as it stands. */
    wait(id: string, options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<Run | null>;
    events(id: string, options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<RunMessage>;
    cancel(id: string, reason: string): Promise<Run>;
    signal(
      id: string,
      signal: { readonly name: string; readonly payload?: Json; readonly inputId?: string },
    ): Promise<unknown>;
    decide(
      id: string,
      decision: {
        readonly step: string;
        readonly scope?: string;
        readonly approved: boolean;
        readonly by?: string;
        readonly form?: Json;
      },
    ): Promise<unknown>;
  };
  readonly ready: () => Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>;
}
