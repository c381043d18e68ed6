import type { AppError, FileValue, Json, JsonObject, Priority, Problem, WebhookBody } from "@weftwork/core";
import type {
  Conversation,
  ConversationFilter,
  ConversationMessage,
  DeadLetter,
  DeadLetterDetail,
  DeadLetterRetry,
  NewConversation,
  NewMessage,
  NewSchedule,
  Operation,
  OperationPreview,
  OperationRequest,
  OwnHeartbeat,
  OwnHeartbeatAnswer,
  OwnTask,
  OwnTaskPart,
  OwnTaskResult,
  OwnWorkerJoin,
  OwnWorkerJoined,
  OwnWorkerListing,
  Page,
  Pool,
  Run,
  RunDetail,
  RunLog,
  RunMessage,
  RunPage,
  RunStep,
  RunStatus,
  RunSubmission,
  Schedule,
  ScheduleChange,
  ScheduleDetail,
  SchedulePreview,
  SchedulePreviewRequest,
  ScheduleTriggered,
  SecretListing,
  SecretUpdate,
  Stats,
  TaskProgress,
  Trigger,
  TriggerAddress,
  TriggerRotation,
  NewWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookDeliveryFilter,
  WebhookEndpoint,
  WebhookEndpointChange,
  WebhookEndpointSecret,
  WebhookRedelivery,
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
  readonly errorCode?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Words, all of which stand in the run. */
  readonly q?: string;
  readonly limit: number;
}

/** Which dead letters a list shows; times are milliseconds. */
export interface DeadLetterQuery {
  readonly workflow?: string;
  readonly errorCode?: string;
  readonly quarantined?: boolean;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  readonly cursor?: string;
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

/** A user's own worker: its id, and the token that it was given. */
export interface OwnCaller {
  readonly id: string;
  readonly token: string;
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
    /** The value of a step as JSON text; `size` in bytes. */
    output(
      id: string,
      step: string,
      options?: { readonly scope?: string },
    ): Promise<{ readonly size: number; readonly bytes: AsyncIterable<Uint8Array> }>;
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
  /** Where submissions wait for their turn. */
  readonly admission: {
    /** Why no submission at all is taken now, whatever its class; null: some may be. */
    shut(): AppError | null;
    /** A place among the submissions that are being recorded; it is left once. Throws `OVERLOADED`. */
    enter(priority: Priority): Promise<{ leave(): void }>;
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
  /** A schedule is named by its id or its name. */
  readonly schedules: {
    list(asked: { readonly limit?: number; readonly cursor?: string }): Promise<Page<Schedule>>;
    find(schedule: string): Promise<ScheduleDetail>;
    create(schedule: NewSchedule): Promise<Schedule>;
    update(schedule: string, change: ScheduleChange): Promise<Schedule>;
    pause(schedule: string): Promise<Schedule>;
    resume(schedule: string): Promise<Schedule>;
    remove(schedule: string): Promise<void>;
    trigger(schedule: string, options: { readonly idempotencyKey?: string }): Promise<ScheduleTriggered>;
    preview(asked: SchedulePreviewRequest): Promise<SchedulePreview>;
  };
  readonly deadLetters: {
    list(query: DeadLetterQuery): Promise<Page<DeadLetter>>;
    get(id: string): Promise<DeadLetterDetail>;
    retry(id: string, change: DeadLetterRetry & { readonly idempotencyKey?: string }): Promise<RunAgain>;
    discard(id: string, reason: string | null): Promise<DeadLetter>;
  };
  readonly operations: {
    preview(request: OperationRequest): Promise<OperationPreview>;
    /** Durable when it resolves. */
    begin(
      request: OperationRequest,
      idempotencyKey: string | null,
    ): Promise<{ readonly operation: Operation; readonly created: boolean }>;
    get(id: string): Promise<Operation>;
    list(page: { readonly limit: number; readonly cursor?: string }): Promise<Page<Operation>>;
    abort(id: string): Promise<Operation>;
  };
  /** Receivers of webhooks that are sent from here, and what was sent to them. */
  readonly webhooks: {
    list(): Promise<readonly WebhookEndpoint[]>;
    get(id: string): Promise<WebhookEndpoint>;
    /** One of the two answers that hold a secret. */
    create(endpoint: NewWebhookEndpoint): Promise<WebhookEndpointSecret>;
    change(id: string, change: WebhookEndpointChange): Promise<WebhookEndpoint>;
    remove(id: string): Promise<void>;
    rotate(id: string, options: { readonly overlap?: string }): Promise<WebhookEndpointSecret>;
    test(id: string): Promise<WebhookDeliveryDetail>;
    deliveries(id: string, filter: WebhookDeliveryFilter): Promise<Page<WebhookDelivery>>;
    delivery(id: string): Promise<WebhookDeliveryDetail>;
    redeliver(id: string): Promise<WebhookDelivery>;
    redeliverAll(id: string, filter: WebhookRedelivery): Promise<{ readonly count: number }>;
  };
  readonly pools: {
    list(): Promise<readonly Pool[]>;
    get(pool: string): Promise<Pool>;
    pause(pool: string, reason: string | null): Promise<Pool>;
    resume(pool: string): Promise<Pool>;
  };
  /** Processes of users' own, which do `worker` steps. */
  readonly ownWorkers: {
    join(worker: OwnWorkerJoin): Promise<OwnWorkerJoined>;
    list(): Promise<readonly OwnWorkerListing[]>;
    take(
      caller: OwnCaller,
      options: { readonly limit: number; readonly waitMs: number; readonly signal: AbortSignal },
    ): Promise<readonly OwnTask[]>;
    /** The answer with these tasks has left, or it has not arrived. */
    delivered(caller: OwnCaller, tasks: readonly OwnTask[]): void;
    undelivered(caller: OwnCaller, tasks: readonly OwnTask[]): Promise<void>;
    heartbeat(caller: OwnCaller, heartbeat: OwnHeartbeat): Promise<OwnHeartbeatAnswer>;
    progress(caller: OwnCaller, task: string, parts: readonly OwnTaskPart[]): Promise<void>;
    /** Durable when it resolves. */
    result(caller: OwnCaller, task: string, result: OwnTaskResult): Promise<void>;
    leave(caller: OwnCaller): Promise<void>;
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
