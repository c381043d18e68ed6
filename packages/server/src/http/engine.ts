import type { FileValue, Json, JsonObject, Problem, WebhookBody } from "@weftwork/core";
import type {
  Conversation,
  ConversationFilter,
  ConversationMessage,
  NewConversation,
  NewMessage,
  Page,
  Run,
  RunDetail,
  RunLog,
  RunMessage,
  RunPage,
  RunStep,
  RunStatus,
  RunSubmission,
  SecretListing,
  SecretUpdate,
  Stats,
  TaskProgress,
  Trigger,
  TriggerAddress,
  TriggerRotation,
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
  /** Words, all of which stand in the run. */
  readonly q?: string;
  readonly limit: number;
}

/** A run that takes over what another one has computed. */
export interface RunAgain {
  readonly run: Run;
  /** False: the idempotency key has begun this run before. */
  readonly created: boolean;
  readonly reused: number;
  readonly reusedTokens: number;
  readonly recomputed: readonly string[];
}

/** Where a run begins again, and with what. */
export interface RerunTarget {
  readonly node: string;
  readonly scope?: string;
  readonly inputs?: JsonObject;
  readonly version?: string;
  readonly idempotencyKey?: string;
}

export interface UploadedFile {
  readonly name: string;
  readonly mimeType: string;
  /** Left out: as the store is configured. */
  readonly keepMs?: number;
}

/** A file with its times, in milliseconds. */
export interface KeptFile {
  readonly value: FileValue;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** What a link to a file carries. */
export interface FileProof {
  /** Seconds since 1970. */
  readonly expires: number;
  readonly signature: string;
}

/** The head of a call. Names of headers are in lower case. */
export interface WebhookHead {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A call whose body has arrived. */
export interface WebhookArrival extends WebhookHead {
  readonly params: Readonly<Record<string, string>>;
  /** As it came, byte for byte. */
  readonly bytes: Uint8Array;
  /** Takes the body apart, and stores its files. */
  readonly body: () => Promise<WebhookBody>;
  /** The id that its sender gave it. */
  readonly id: string | null;
}

export interface OpenWebhook {
  /** Durable when it resolves. `created` false: a repeat of an earlier call. */
  receive(call: WebhookArrival): Promise<{ readonly status: number; readonly body: Json; readonly created: boolean }>;
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
    check(source: string): Promise<{
      readonly problems: readonly Problem[];
      readonly plan: { readonly name: string } | null;
      readonly unavailable: readonly { readonly step: string; readonly type: string; readonly reason: string }[];
    }>;
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
    detail(id: string, options?: { readonly scope?: string }): Promise<RunDetail | null>;
    /** One step with its values whole. */
    step(id: string, step: string, options?: { readonly scope?: string }): Promise<RunStep>;
    /** Everything recorded of a run as one JSON document, in pieces of text. */
    export(id: string): Promise<AsyncIterable<string>>;
    list(query: RunListQuery): Promise<RunPage>;
    stats(): Promise<Stats>;
    rerun(id: string, target: RerunTarget): Promise<RunAgain>;
    retry(id: string, options?: { readonly idempotencyKey?: string }): Promise<RunAgain>;
    task(id: string): Promise<TaskProgress | null>;
    /** Resolves at the end of the run, or at the timeout with the run as it stands. */
    wait(id: string, options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<Run | null>;
    /** Batches of what is there at a time. A message is one object for all who read it. */
    stream(
      id: string,
      options?: { readonly after?: string; readonly signal?: AbortSignal },
    ): AsyncIterable<readonly RunMessage[]>;
    logs(
      id: string,
      query: { readonly node?: string; readonly cursor?: string; readonly limit: number },
    ): Promise<Page<RunLog>>;
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
        /** The button that was pressed, where the step has more than two. */
        readonly action?: string;
      },
    ): Promise<unknown>;
  };
  readonly conversations: {
    create(conversation: NewConversation): Promise<Conversation>;
    find(id: string): Promise<Conversation | null>;
    list(filter: ConversationFilter): Promise<Page<Conversation>>;
    messages(
      id: string,
      page: { readonly limit?: number; readonly cursor?: string },
    ): Promise<Page<ConversationMessage>>;
    message(id: string, message: string): Promise<ConversationMessage | null>;
    /** Durable when it resolves; the run that answers has begun, or waits for its turn. */
    send(id: string, message: NewMessage): Promise<ConversationMessage>;
    remove(id: string): Promise<void>;
  };
  readonly triggers: {
    list(): Promise<readonly Trigger[]>;
    /** The only answer that holds an address. */
    rotate(rotation: TriggerRotation): Promise<TriggerAddress>;
    remove(workflow: string, node: string): Promise<void>;
    /** The webhook of a token, if it takes such a call. */
    open(token: string, head: WebhookHead): Promise<OpenWebhook>;
  };
  /** Values go in and never come out. */
  readonly secrets: {
    list(): Promise<readonly SecretListing[]>;
    set(name: string, secret: SecretUpdate): Promise<SecretListing>;
    remove(name: string): Promise<void>;
    rotateKey(): Promise<{ readonly rewrapped: number }>;
  };
  readonly files: {
    put(file: UploadedFile, bytes: AsyncIterable<Uint8Array>): Promise<KeptFile>;
    find(id: string): Promise<KeptFile | null>;
    /** Throws `FILE_NOT_FOUND`. */
    open(id: string): Promise<KeptFile & { readonly bytes: AsyncIterable<Uint8Array> }>;
    remove(id: string): Promise<boolean>;
    link(id: string): Promise<FileProof | null>;
    holds(id: string, proof: FileProof): Promise<boolean>;
  };
  /** What this process has done, as lines in the text format of Prometheus. */
  readonly metrics: () => readonly string[];
  readonly ready: () => Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>;
}
