import type { Json, JsonObject } from "@weftwork/core";

/**
 * One test case as its author writes it, in YAML or as an object. `docs/testing.md` explains every field; durations are
 * texts such as `"5m"`, and a text `"/…/"` is a regular expression where a pattern may stand.
 */
export interface CaseSource {
  readonly name: string;
  readonly inputs?: JsonObject;
  /** The time at which the run begins, RFC 3339. Left out: 2026-01-01T00:00:00Z. */
  readonly now?: string;
  readonly models?: readonly {
    readonly model?: string;
    readonly when?: string;
    readonly nth?: number;
    /** A list answers one call after the other, the last one all others. */
    readonly answer: ModelAnswerSource | readonly ModelAnswerSource[];
  }[];
  readonly http?: readonly {
    readonly method?: string;
    readonly url: string;
    /** Pattern in the body of the request; a body that is no text as JSON. */
    readonly body?: string;
    readonly nth?: number;
    /** A list answers one request after the other, the last one all others. */
    readonly answer: HttpAnswerSource | readonly HttpAnswerSource[];
  }[];
  /** By id, or by scope and id (`each[0]/read`). A list answers one attempt after the other, the last one all others. */
  readonly steps?: Readonly<Record<string, StepSource | readonly StepSource[]>>;
  readonly signals?: readonly { readonly name: string; readonly after?: string; readonly payload?: Json }[];
  readonly approvals?: readonly {
    readonly step: string;
    readonly scope?: string;
    readonly after?: string;
    readonly approved?: boolean;
    readonly by?: string;
    readonly form?: Json;
  }[];
  /** Somebody cancels the run at this time. */
  readonly cancel?: { readonly after: string; readonly reason?: string };
  readonly expect?: ExpectSource;
}

interface AnswerSource {
  /** How long it takes to come, in skipped time. */
  readonly delay?: string;
}

export type ModelAnswerSource = AnswerSource &
  (
    | {
        readonly text: string;
        /** The pause before each word, in skipped time. */
        readonly pace?: string;
        /** The answer breaks off behind the text. */
        readonly cut?: boolean;
        readonly tool_calls?: readonly ToolCallSource[];
      }
    | { readonly json: Json }
    | { readonly tool_calls: readonly ToolCallSource[] }
    | { readonly error: ErrorSource }
  );

export interface ToolCallSource {
  readonly name: string;
  readonly arguments?: Json;
}

export type HttpAnswerSource = AnswerSource & {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly json?: Json;
  /** No answer: what is wrong with the connection. */
  readonly error?: string;
};

export interface ErrorSource {
  /** For a model: the HTTP status that its server answers with. */
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  readonly retryable?: boolean;
  /** For a model: when its server says that it may be asked again. */
  readonly retry_after?: string;
}

export type StepSource =
  | { readonly delay?: string; readonly output: Json }
  | { readonly delay?: string; readonly error: ErrorSource };

export interface ExpectSource {
  readonly status?: CaseStatus;
  /** Maps may have more members than are named here. */
  readonly outputs?: JsonObject;
  readonly outputs_exact?: JsonObject;
  readonly error?: { readonly code?: string; readonly message?: string; readonly step?: string };
  /** The steps of the root that ran, in the order they ended. */
  readonly path?: readonly string[] | { readonly any_order: readonly string[] };
  readonly skipped?: readonly string[];
  readonly steps?: Readonly<Record<string, JsonObject>>;
  /** Calls by the id of the step; `model` and `http` are all calls of these kinds. */
  readonly calls?: Readonly<Record<string, number>>;
  /** What model steps asked, by the id of the step. A list: one time after the other. */
  readonly prompts?: Readonly<Record<string, PromptSource | readonly PromptSource[]>>;
  /** Patterns by path: `outputs.report: "/refund/i"`. */
  readonly text?: Readonly<Record<string, string>>;
  /** The longest the run may take, in skipped time. */
  readonly within?: string;
}

/** The last message, and the instruction above it: exactly, or as a pattern `/…/`. A text alone is the last message. */
export type PromptSource = string | { readonly prompt?: string; readonly system?: string };

/** How a case ends. `refused`: no run began, for its inputs do not fit; `stuck`: it waits for what will never come. */
export const CASE_STATUSES = ["succeeded", "failed", "cancelled", "refused", "stuck"] as const;
export type CaseStatus = (typeof CASE_STATUSES)[number];

/** A case, read and checked. */
export interface Case {
  readonly name: string;
  readonly place: { readonly line: number; readonly column: number };
  readonly inputs: JsonObject;
  readonly startsAt: number;
  readonly models: readonly ModelRule[];
  readonly http: readonly HttpRule[];
  readonly steps: ReadonlyMap<string, readonly StepAnswer[]>;
  readonly signals: readonly { readonly name: string; readonly afterMs: number; readonly payload: Json }[];
  readonly approvals: readonly ApprovalAnswer[];
  readonly cancel: { readonly afterMs: number; readonly reason: string | null } | null;
  readonly expect: Expectations;
}

/** A text that is held, or a regular expression. */
export interface Pattern {
  readonly shown: string;
  fits(text: string): boolean;
}

export interface ModelRule {
  readonly model: string | null;
  readonly when: Pattern | null;
  readonly nth: number | null;
  readonly answers: readonly ModelAnswer[];
}

export interface ModelAnswer {
  readonly delayMs: number;
  readonly paceMs: number;
  /** Behind the text comes nothing more, not even an end. */
  readonly isCut: boolean;
  readonly says:
    | { readonly type: "text"; readonly text: string; readonly toolCalls: readonly ToolCallSource[] }
    | { readonly type: "json"; readonly json: Json }
    | { readonly type: "error"; readonly error: ErrorSource; readonly retryAfterMs: number | null };
}

export interface HttpRule {
  readonly method: string | null;
  readonly url: string;
  readonly pattern: Pattern | null;
  readonly requestBody: Pattern | null;
  readonly nth: number | null;
  readonly answers: readonly HttpAnswer[];
}

export interface HttpAnswer {
  readonly delayMs: number;
  /** Why there is no answer; null when there is one. */
  readonly error: string | null;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
}

export type StepAnswer =
  | { readonly type: "output"; readonly delayMs: number; readonly output: Json }
  | { readonly type: "error"; readonly delayMs: number; readonly error: ErrorSource };

export interface ApprovalAnswer {
  readonly step: string;
  readonly scope: string;
  /** Null: as soon as it is asked for. */
  readonly afterMs: number | null;
  readonly approved: boolean;
  readonly by: string | null;
  readonly form: Json;
}

export interface Expectations {
  readonly status: CaseStatus;
  readonly outputs: JsonObject | null;
  readonly outputsExact: JsonObject | null;
  readonly error: { readonly code: string | null; readonly message: Pattern | null; readonly step: string | null };
  readonly path: { readonly ids: readonly string[]; readonly isOrdered: boolean } | null;
  readonly skipped: readonly string[];
  readonly steps: ReadonlyMap<string, JsonObject>;
  readonly calls: ReadonlyMap<string, number>;
  readonly prompts: ReadonlyMap<string, ExpectedPrompts>;
  readonly texts: ReadonlyMap<string, Pattern>;
  readonly withinMs: number | null;
}

/** `each`: every time the step asks; otherwise one time after the other. */
export interface ExpectedPrompts {
  readonly type: "each" | "list";
  readonly prompts: readonly ExpectedPrompt[];
}

/** A text stands for itself, a pattern has to fit, null says nothing. */
export interface ExpectedPrompt {
  readonly prompt: string | Pattern | null;
  readonly system: string | Pattern | null;
}

/** The file of a case beside the file of its workflow. */
export const CASE_FILE = /\.test\.ya?ml$/;
