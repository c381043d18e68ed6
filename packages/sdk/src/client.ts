import type { Json, JsonObject } from "@weftwork/core";
import { uploadForm, type FileLink, type FileResource, type UploadOptions } from "./file.ts";
import { filePath, queryOf, runPath, workflowPath, yaml } from "./client-paths.ts";
import { ConversationClient } from "./conversation-client.ts";
import { DeadLetterClient, OperationClient } from "./intervention-client.ts";
import { PoolClient } from "./pool-client.ts";
import { ScheduleClient } from "./schedule-client.ts";
import { errorOf } from "./problem.ts";
import type { Page, RerunAnswer, RerunRequest, RunDetail, RunFilter, RunPage, RunStep, Stats } from "./detail.ts";
import type { RunExport } from "./export.ts";
import type { Run, RunLog, RunMessage, RunSubmission, SubmittedRun, TaskProgress, WorkflowVersion } from "./run.ts";
import { resumed, type StreamLink, type StreamOptions } from "./stream.ts";
import type { SecretListing, SecretUpdate } from "./secret.ts";
import type { Trigger, TriggerAddress, TriggerRotation } from "./trigger.ts";
import { WebhookClient } from "./webhook-client.ts";
import type { WorkflowCheck, WorkflowDetail, WorkflowGraph } from "./workflow.ts";

export interface ClientOptions {
  /** Default: `http://127.0.0.1:9338`. */
  readonly baseUrl?: string;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** Language of problems, as `Accept-Language`: `zh-CN`. Default: what the platform sends. */
  readonly language?: string;
  /** Milliseconds before a broken stream is tried again. Default: what the server asks for. */
  readonly reconnectMs?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A repeat with the same key is the same run, for 24 hours. */
export interface RepeatableOptions extends CallOptions {
  readonly idempotencyKey?: string;
}

export interface ScopeOptions extends CallOptions {
  /** `root`, `each-doc[3]`, `retry-loop#2` */
  readonly scope?: string;
}

export interface VersionOptions extends CallOptions {
  readonly version?: string;
}

export interface PublishedWorkflow extends WorkflowVersion {
  readonly created?: boolean;
}

/** Longest wait of one request for the end of a run; a longer one is several requests. */
const WAIT_SECONDS_MAX = 30;

/**
 * A client of the native API, for Node and the browser, without dependencies.
 *
 * ```ts
 * const weft = new WeftClient();
 * const { id } = await weft.start({ workflow: "summarize", inputs: { text } });
 * for await (const message of weft.stream(id)) console.log(message.event);
 * const run = await weft.wait(id);
 * ```
 */
export class WeftClient {
  /** Conversations with chat apps. */
  readonly conversations: ConversationClient;
  /** The receivers of webhooks that the server sends. */
  readonly webhooks: WebhookClient;
  /** Runs that failed and wait for somebody. */
  readonly deadLetters: DeadLetterClient;
  /** What is done to many runs at once. */
  readonly operations: OperationClient;
  /** When runs begin by themselves. */
  readonly pools: PoolClient;
  readonly schedules: ScheduleClient;
  private readonly base: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly reconnectMs: number | null;
  private readonly fetch: typeof fetch;

  constructor(options: ClientOptions = {}) {
    this.base = (options.baseUrl ?? "http://127.0.0.1:9338").replace(/\/+$/, "");
    this.headers = {
      ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
      ...(options.language === undefined ? {} : { "accept-language": options.language }),
    };
    this.reconnectMs = options.reconnectMs ?? null;
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.conversations = new ConversationClient((method, path, call) => this.send(method, path, call));
    this.webhooks = new WebhookClient((method, path, call) => this.send(method, path, call));
    this.pools = new PoolClient((method, path, call) => this.send(method, path, call));
    this.schedules = new ScheduleClient((method, path, call) => this.send(method, path, call));
    this.deadLetters = new DeadLetterClient((method, path, call) => this.send(method, path, call));
    this.operations = new OperationClient((method, path, call) => this.send(method, path, call));
  }

  /** Submits a run. With the caller's own `id`, or an idempotency key, a repeat is the same run. */
  async start(submission: RunSubmission, options: RepeatableOptions = {}): Promise<SubmittedRun> {
    return this.json<SubmittedRun>("POST", "/api/runs", repeatable(submission, options));
  }

  /** The run as it is recorded. */
  async get(id: string, options: CallOptions = {}): Promise<Run> {
    return this.json<Run>("GET", runPath(id), options);
  }

  /** The same with the steps of its root and of every open scope; with `scope`, those of that scope alone. */
  async detail(id: string, options: ScopeOptions = {}): Promise<RunDetail> {
    const { scope, ...call } = options;
    return this.json<RunDetail>("GET", `${runPath(id)}${queryOf({ include: "steps", scope })}`, call);
  }

  /** One step whole: its resolved inputs and its output, however large. `scope` left out: the root. */
  async step(id: string, step: string, options: ScopeOptions = {}): Promise<RunStep> {
    const { scope, ...call } = options;
    return this.json<RunStep>("GET", `${runPath(id)}/steps/${encodeURIComponent(step)}${queryOf({ scope })}`, call);
  }

  /** Everything recorded of a run in one document: plan, events, values. `readExport` of the server reads it. */
  async export(id: string, options: CallOptions = {}): Promise<RunExport> {
    return this.json<RunExport>("GET", `${runPath(id)}/export`, options);
  }

  /** The same as it comes, for a file: the document may be too large to be held as a value. */
  async exportStream(id: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.send("GET", `${runPath(id)}/export`, options);
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** A page of runs, newest first. With `q`, those that hold all of its words. */
  async list(filter: RunFilter = {}, options: CallOptions = {}): Promise<RunPage> {
    const { metadata = {}, ...plain } = filter;
    const members = Object.entries(metadata).map(([name, value]) => [`metadata.${name}`, value] as const);
    return this.json<RunPage>("GET", `/api/runs${queryOf({ ...plain, ...Object.fromEntries(members) })}`, options);
  }

  /** Runs of the server by what became of them. */
  async stats(options: CallOptions = {}): Promise<Stats> {
    return this.json<Stats>("GET", "/api/stats", options);
  }

  /** The run as one task with its steps, in the shape for polling. */
  async task(id: string, options: CallOptions = {}): Promise<TaskProgress> {
    return this.json<TaskProgress>("GET", `/api/tasks/${encodeURIComponent(id)}`, options);
  }

  /** Resolves when the run has ended. Survives restarts of the server while it waits. */
  async wait(id: string, options: CallOptions = {}): Promise<Run> {
    for await (const message of this.stream(id, options)) void message;
    return this.get(id, options);
  }

  /** Submits a run and resolves with it when it has ended. */
  async run(submission: RunSubmission, options: RepeatableOptions = {}): Promise<Run> {
    const { headers, ...sent } = repeatable(submission, options);
    const answer = await this.json<Run | SubmittedRun>("POST", "/api/runs", {
      ...sent,
      headers: { ...headers, prefer: `wait=${WAIT_SECONDS_MAX}` },
    });
    return "finished_at" in answer ? answer : this.wait(answer.id, options);
  }

  /**
   * What happened in a run so far and what happens to it until it has ended, the text of its steps included. A connection
   * that breaks is made again behind the last message that was read: no gap and no repeat. `after` begins behind a known
   * position; `transport` chooses how the messages come (default: server-sent events).
   */
  async *stream(id: string, options: StreamOptions = {}): AsyncGenerator<RunMessage> {
    yield* resumed(this.link(id), { ...options, reconnectMs: this.reconnectMs });
  }

  /** A page of the lines that the steps of a run (or one of them) wrote, in the order in which they came. */
  async logs(
    id: string,
    options: CallOptions & { readonly node?: string; readonly cursor?: string; readonly limit?: number } = {},
  ): Promise<Page<RunLog>> {
    const { signal, ...query } = options;
    return this.json<Page<RunLog>>("GET", `${runPath(id)}/logs${queryOf(query)}`, signal ? { signal } : {});
  }

  /** Ends the run where it stands. */
  async cancel(id: string, options: CallOptions & { readonly reason?: string } = {}): Promise<Run> {
    const body = options.reason === undefined ? {} : { reason: options.reason };
    return this.json<Run>("POST", `${runPath(id)}/cancel`, { ...options, body });
  }

  /**
   * Begins a new run that takes over from an earlier one everything that does not follow from the step, nor from an
   * input that is given anew. Inputs that are left out stay as they were.
   */
  async rerun(id: string, request: RerunRequest, options: RepeatableOptions = {}): Promise<RerunAnswer> {
    return this.json<RerunAnswer>("POST", `${runPath(id)}/rerun`, repeatable(request, options));
  }

  /** The same from the step that failed the run. */
  async retry(id: string, options: RepeatableOptions = {}): Promise<RerunAnswer> {
    return this.json<RerunAnswer>("POST", `${runPath(id)}/retry`, repeatable({}, options));
  }

  /** Gives the run a signal; `id` makes a repeat harmless. */
  async signal(
    run: string,
    signal: { readonly name: string; readonly payload?: Json; readonly id?: string },
    options: CallOptions = {},
  ): Promise<void> {
    await this.json("POST", `${runPath(run)}/signals`, { ...options, body: signal });
  }

  /** Answers a step that waits for approval. */
  async decide(
    run: string,
    decision: {
      readonly step: string;
      readonly scope?: string;
      readonly approved: boolean;
      readonly by?: string;
      readonly form?: Json;
      /** The button that was pressed, where the step has more than two. */
      readonly action?: string;
    },
    options: CallOptions = {},
  ): Promise<void> {
    const { approved, ...body } = decision;
    await this.json("POST", `${runPath(run)}/${approved ? "approve" : "reject"}`, { ...options, body });
  }

  /** Publishes a workflow from its YAML or JSON text. The same content again is the same version. */
  async publish(source: string, options: CallOptions = {}): Promise<PublishedWorkflow> {
    return this.json<PublishedWorkflow>("PUT", "/api/workflows", { ...options, ...yaml(source) });
  }

  /** All that is wrong with a workflow's text, and what the server could not run of it. Nothing is executed or kept. */
  async validate(source: string, options: CallOptions = {}): Promise<WorkflowCheck> {
    return this.json<WorkflowCheck>("POST", "/api/workflows/validate", { ...options, ...yaml(source) });
  }

  /** The newest version of each published workflow, by name. */
  async workflows(options: CallOptions = {}): Promise<readonly WorkflowVersion[]> {
    return this.all<WorkflowVersion>("/api/workflows", options);
  }

  /** A published version (left out: the newest) with what its author wrote. */
  async workflow(name: string, options: VersionOptions = {}): Promise<WorkflowDetail> {
    return this.json<WorkflowDetail>("GET", workflowPath(name, "", options.version), options);
  }

  /** All versions of a workflow, the newest published first. */
  async versions(name: string, options: CallOptions = {}): Promise<readonly WorkflowVersion[]> {
    return this.all<WorkflowVersion>(workflowPath(name, "/versions"), options);
  }

  /** The plan of a workflow as a graph to be drawn. */
  async plan(name: string, options: VersionOptions = {}): Promise<WorkflowGraph> {
    return this.json<WorkflowGraph>("GET", workflowPath(name, "/plan", options.version), options);
  }

  private link(id: string): StreamLink {
    return {
      send: (path, options) => this.send("GET", `${runPath(id)}${path}`, options),
      socketUrl: `${this.base.replace(/^http/, "ws")}${runPath(id)}/stream`,
      hasKey: "authorization" in this.headers,
    };
  }

  /** The secrets that steps can send, by name; no answer holds a value. */
  async secrets(options: CallOptions = {}): Promise<readonly SecretListing[]> {
    return (await this.json<Page<SecretListing>>("GET", "/api/secrets", options)).data;
  }

  /** Stores a secret, or a new value of it. */
  async setSecret(name: string, secret: SecretUpdate, options: CallOptions = {}): Promise<SecretListing> {
    return this.json<SecretListing>("PUT", `/api/secrets/${encodeURIComponent(name)}`, {
      ...options,
      body: { ...secret },
    });
  }

  /** Removes a stored secret. */
  async removeSecret(name: string, options: CallOptions = {}): Promise<void> {
    await this.send("DELETE", `/api/secrets/${encodeURIComponent(name)}`, options);
  }

  /** Wraps the keys of all stored secrets with the newest master key of the server. */
  async rotateSecretKey(options: CallOptions = {}): Promise<{ readonly rewrapped: number }> {
    return this.json<{ readonly rewrapped: number }>("POST", "/api/secrets/rotate-key", { ...options, body: {} });
  }

  /** The triggers of all published workflows; no answer holds an address. */
  async triggers(options: CallOptions = {}): Promise<readonly Trigger[]> {
    return (await this.json<Page<Trigger>>("GET", "/api/triggers", options)).data;
  }

  /** Makes an address for a webhook, which is told this one time; the one before is void. */
  async rotateTrigger(rotation: TriggerRotation, options: CallOptions = {}): Promise<TriggerAddress> {
    return this.json<TriggerAddress>("POST", "/api/triggers", { ...options, body: { ...rotation } });
  }

  /** Takes its address from a webhook. */
  async removeTrigger(workflow: string, node: string, options: CallOptions = {}): Promise<void> {
    const path = `/api/triggers/${encodeURIComponent(workflow)}/${encodeURIComponent(node)}`;
    await this.send("DELETE", path, options);
  }

  /**
   * Uploads a file; what is returned can be given as an input of a run. In Node a file on disk is
   * `await openAsBlob(path)`, which is read while it is sent.
   */
  async upload(
    source: Blob | Uint8Array<ArrayBuffer> | string,
    options: UploadOptions & CallOptions = {},
  ): Promise<FileResource> {
    const { expiresIn, signal } = options;
    const path = `/api/files${queryOf({ expires_in: expiresIn })}`;
    const form = uploadForm(source, options);
    return (
      await this.json<{ readonly data: readonly [FileResource] }>("POST", path, { form, ...(signal ? { signal } : {}) })
    ).data[0];
  }

  /** A file without its bytes. */
  async file(id: string, options: CallOptions = {}): Promise<FileResource> {
    return this.json<FileResource>("GET", filePath(id), options);
  }

  /** The bytes of a file as they come. */
  async download(id: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { body } = await this.send("GET", `${filePath(id)}/content`, options);
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** An address that opens this one file for five minutes, for those who have no key. */
  async fileLink(id: string, options: CallOptions = {}): Promise<FileLink> {
    const link = await this.json<FileLink>("GET", `${filePath(id)}/link`, options);
    return { ...link, url: this.base + link.url };
  }

  async removeFile(id: string, options: CallOptions = {}): Promise<void> {
    await this.send("DELETE", filePath(id), options);
  }

  /** All pages of a list. */
  private async all<Item>(path: string, options: CallOptions): Promise<readonly Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.json<Page<Item>>("GET", path + queryOf({ cursor }), options);
      items.push(...page.data);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  private async json<Answer = JsonObject>(method: string, path: string, options: SendOptions): Promise<Answer> {
    return (await (await this.send(method, path, options)).json()) as Answer;
  }

  private async send(method: string, path: string, options: SendOptions): Promise<Response> {
    const body =
      options.form ?? options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const type: Record<string, string> = options.body === undefined ? {} : { "content-type": "application/json" };
    const response = await this.fetch(this.base + path, {
      method,
      headers: { ...this.headers, ...type, ...options.headers },
      ...(body === undefined ? {} : { body }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

interface SendOptions extends CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  readonly text?: string;
  /** Its content type is set by the platform, with the boundary in it. */
  readonly form?: FormData;
}

function repeatable(body: object, { idempotencyKey, ...options }: RepeatableOptions): SendOptions {
  const headers: Record<string, string> = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
  return { ...options, headers, body };
}
