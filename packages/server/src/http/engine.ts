import type { Json, Problem } from "@weftwork/core";
import type {
  Page,
  Run,
  RunDetail,
  RunListItem,
  RunMessage,
  RunStatus,
  RunSubmission,
  Stats,
  TaskProgress,
  WorkflowDetail,
  WorkflowGraph,
  WorkflowVersion,
} from "@weftwork/sdk";

/** Which runs a list shows; times are milliseconds. */
export interface RunListQuery {
  readonly status?: readonly RunStatus[];
  readonly workflow?: string;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  readonly cursor?: string;
  readonly limit: number;
}

/** A run that takes over what another one has computed. */
export interface RunAgain {
  readonly run: Run;
  readonly reused: number;
  readonly reusedTokens: number;
}

/** What the surfaces ask of the engine. They translate between it and HTTP, and hold no rule of their own. */
export interface Engine {
  readonly workflows: {
    publish(
      source: string,
      options?: { readonly version?: string },
    ): Promise<WorkflowVersion & { readonly created: boolean; readonly problems: readonly Problem[] }>;
    find(name: string, version?: string | null): Promise<WorkflowVersion | null>;
    list(): Promise<readonly WorkflowVersion[]>;
    /** Executes nothing. `plan` null: a problem is an error. */
    validate(source: string): {
      readonly problems: readonly Problem[];
      readonly plan: { readonly name: string } | null;
      readonly unavailable: readonly { readonly step: string; readonly type: string; readonly reason: string }[];
    };
    describe(name: string, version?: string): Promise<WorkflowDetail | null>;
    versions(name: string): Promise<readonly WorkflowVersion[]>;
    graph(name: string, version?: string): Promise<WorkflowGraph | null>;
  };
  readonly runs: {
    /** Durable when it resolves. */
    start(
      submission: RunSubmission & { readonly idempotencyKey?: string },
    ): Promise<{ readonly run: Run; readonly created: boolean }>;
    get(id: string): Promise<Run | null>;
    detail(id: string): Promise<RunDetail | null>;
    list(query: RunListQuery): Promise<Page<RunListItem>>;
    stats(): Promise<Stats>;
    rerun(id: string, target: { readonly scope?: string; readonly node: string }): Promise<RunAgain>;
    retry(id: string): Promise<RunAgain>;
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
