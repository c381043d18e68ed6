import type { Json } from "@weftwork/core";
import { Api, repeatable, type ApiOptions, type CallOptions, type RepeatableOptions } from "./api.ts";
import { uploadForm, type FileLink, type FileResource, type UploadOptions } from "./file.ts";
import { filePath, queryOf, runPath, workflowPath, yaml } from "./client-paths.ts";
import { ConversationClient } from "./conversation-client.ts";
import { DeadLetterClient, OperationClient } from "./intervention-client.ts";
import { PoolClient } from "./pool-client.ts";
import { ScheduleClient } from "./schedule-client.ts";
import type { Page, RerunAnswer, RerunRequest, RunDetail, RunFilter, RunPage, RunStep, Stats } from "./detail.ts";
import type { RunExport } from "./export.ts";
import type { Run, RunLog, RunMessage, RunSubmission, SubmittedRun, TaskProgress, WorkflowVersion } from "./run.ts";
import { resumed, type StreamLink, type StreamOptions } from "./stream.ts";
import type { SecretListing, SecretUpdate } from "./secret.ts";
import type { Trigger, TriggerAddress, TriggerRotation } from "./trigger.ts";
import { WebhookClient } from "./webhook-client.ts";
import type { WorkflowCheck, WorkflowDetail, WorkflowGraph } from "./workflow.ts";

export interface ClientOptions extends ApiOptions {
  /** Milliseconds before a broken stream is tried again. Default: what the server asks for. */
  readonly reconnectMs?: number;
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
  /** The pools of all processes on the store, and their controls. */
  readonly pools: PoolClient;
  /** When runs begin by themselves. */
  readonly schedules: ScheduleClient;
  private readonly api: Api;
  private readonly reconnectMs: number | null;

  constructor(options: ClientOptions = {}) {
    this.api = new Api(options);
    this.reconnectMs = options.reconnectMs ?? null;
    this.conversations = new ConversationClient(this.api);
    this.webhooks = new WebhookClient(this.api);
    this.pools = new PoolClient(this.api);
    this.schedules = new ScheduleClient(this.api);
    this.deadLetters = new DeadLetterClient(this.api);
    this.operations = new OperationClient(this.api);
  }

  /** Submits a run. With the caller's own `id`, or an idempotency key, a repeat is the same run. */
  async start(submission: RunSubmission, options: RepeatableOptions = {}): Promise<SubmittedRun> {
    return this.api.json<SubmittedRun>("POST", "/api/runs", repeatable(submission, options));
  }

  /** The run as it is recorded. */
  async get(id: string, options: CallOptions = {}): Promise<Run> {
    return this.api.json<Run>("GET", runPath(id), options);
  }

  /** The same with the steps of its root and of every open scope; with `scope`, those of that scope alone. */
  async detail(id: string, options: ScopeOptions = {}): Promise<RunDetail> {
    const { scope, ...call } = options;
    return this.api.json<RunDetail>("GET", `${runPath(id)}${queryOf({ include: "steps", scope })}`, call);
  }

  /** One step whole: its resolved inputs and its output, however large. `scope` left out: the root. */
  async step(id: string, step: string, options: ScopeOptions = {}): Promise<RunStep> {
    const { scope, ...call } = options;
    return this.api.json<RunStep>("GET", `${runPath(id)}/steps/${encodeURIComponent(step)}${queryOf({ scope })}`, call);
  }

  /** Everything recorded of a run in one document: plan, events, values. `readExport` of the server reads it. */
  async export(id: string, options: CallOptions = {}): Promise<RunExport> {
    return this.api.json<RunExport>("GET", `${runPath(id)}/export`, options);
  }

  /** The same as it comes, for a file: the document may be too large to be held as a value. */
  async exportStream(id: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.api.send("GET", `${runPath(id)}/export`, options);
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** A page of runs, newest first. With `q`, those that hold all of its words. */
  async list(filter: RunFilter = {}, options: CallOptions = {}): Promise<RunPage> {
    const { metadata = {}, ...plain } = filter;
    const members = Object.entries(metadata).map(([name, value]) => [`metadata.${name}`, value] as const);
    return this.api.json<RunPage>("GET", `/api/runs${queryOf({ ...plain, ...Object.fromEntries(members) })}`, options);
  }

  /** Runs of the server by what became of them. */
  async stats(options: CallOptions = {}): Promise<Stats> {
    return this.api.json<Stats>("GET", "/api/stats", options);
  }

  /** The run as one task with its steps, in the shape for polling. */
  async task(id: string, options: CallOptions = {}): Promise<TaskProgress> {
    return this.api.json<TaskProgress>("GET", `/api/tasks/${encodeURIComponent(id)}`, options);
  }

  /** Resolves when the run has ended. Survives restarts of the server while it waits. */
  async wait(id: string, options: CallOptions = {}): Promise<Run> {
    for await (const message of this.stream(id, options)) void message;
    return this.get(id, options);
  }

  /** Submits a run and resolves with it when it has ended. */
  async run(submission: RunSubmission, options: RepeatableOptions = {}): Promise<Run> {
    const { headers, ...sent } = repeatable(submission, options);
    const answer = await this.api.json<Run | SubmittedRun>("POST", "/api/runs", {
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
    return this.api.json<Page<RunLog>>("GET", `${runPath(id)}/logs${queryOf(query)}`, signal ? { signal } : {});
  }

  /** Ends the run where it stands. */
  async cancel(id: string, options: CallOptions & { readonly reason?: string } = {}): Promise<Run> {
    const body = options.reason === undefined ? {} : { reason: options.reason };
    return this.api.json<Run>("POST", `${runPath(id)}/cancel`, { ...options, body });
  }

  /**
   * Begins a new run that takes over from an earlier one everything that does not follow from the step, nor from an
   * input that is given anew. Inputs that are left out stay as they were.
   */
  async rerun(id: string, request: RerunRequest, options: RepeatableOptions = {}): Promise<RerunAnswer> {
    return this.api.json<RerunAnswer>("POST", `${runPath(id)}/rerun`, repeatable(request, options));
  }

  /** The same from the step that failed the run. */
  async retry(id: string, options: RepeatableOptions = {}): Promise<RerunAnswer> {
    return this.api.json<RerunAnswer>("POST", `${runPath(id)}/retry`, repeatable({}, options));
  }

  /** Gives the run a signal; `id` makes a repeat harmless. */
  async signal(
    run: string,
    signal: { readonly name: string; readonly payload?: Json; readonly id?: string },
    options: CallOptions = {},
  ): Promise<void> {
    await this.api.json("POST", `${runPath(run)}/signals`, { ...options, body: signal });
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
    await this.api.json("POST", `${runPath(run)}/${approved ? "approve" : "reject"}`, { ...options, body });
  }

  /** Publishes a workflow from its YAML or JSON text. The same content again is the same version. */
  async publish(source: string, options: CallOptions = {}): Promise<PublishedWorkflow> {
    return this.api.json<PublishedWorkflow>("PUT", "/api/workflows", { ...options, ...yaml(source) });
  }

  /** All that is wrong with a workflow's text, and what the server could not run of it. Nothing is executed or kept. */
  async validate(source: string, options: CallOptions = {}): Promise<WorkflowCheck> {
    return this.api.json<WorkflowCheck>("POST", "/api/workflows/validate", { ...options, ...yaml(source) });
  }

  /** The newest version of each published workflow, by name. */
  async workflows(options: CallOptions = {}): Promise<readonly WorkflowVersion[]> {
    return this.api.all<WorkflowVersion>("/api/workflows", options);
  }

  /** A published version (left out: the newest) with what its author wrote. */
  async workflow(name: string, options: VersionOptions = {}): Promise<WorkflowDetail> {
    return this.api.json<WorkflowDetail>("GET", workflowPath(name, "", options.version), options);
  }

  /** All versions of a workflow, the newest published first. */
  async versions(name: string, options: CallOptions = {}): Promise<readonly WorkflowVersion[]> {
    return this.api.all<WorkflowVersion>(workflowPath(name, "/versions"), options);
  }

  /** The plan of a workflow as a graph to be drawn. */
  async plan(name: string, options: VersionOptions = {}): Promise<WorkflowGraph> {
    return this.api.json<WorkflowGraph>("GET", workflowPath(name, "/plan", options.version), options);
  }

  private link(id: string): StreamLink {
    return {
      send: (path, options) => this.api.send("GET", `${runPath(id)}${path}`, options),
      socketUrl: `${this.api.base.replace(/^http/, "ws")}${runPath(id)}/stream`,
      hasKey: this.api.hasKey,
    };
  }

  /** The secrets that steps can send, by name; no answer holds a value. */
  async secrets(options: CallOptions = {}): Promise<readonly SecretListing[]> {
    return (await this.api.json<Page<SecretListing>>("GET", "/api/secrets", options)).data;
  }

  /** Stores a secret, or a new value of it. */
  async setSecret(name: string, secret: SecretUpdate, options: CallOptions = {}): Promise<SecretListing> {
    return this.api.json<SecretListing>("PUT", `/api/secrets/${encodeURIComponent(name)}`, {
      ...options,
      body: { ...secret },
    });
  }

  /** Removes a stored secret. */
  async removeSecret(name: string, options: CallOptions = {}): Promise<void> {
    await this.api.send("DELETE", `/api/secrets/${encodeURIComponent(name)}`, options);
  }

  /** Wraps the keys of all stored secrets with the newest master key of the server. */
  async rotateSecretKey(options: CallOptions = {}): Promise<{ readonly rewrapped: number }> {
    return this.api.json<{ readonly rewrapped: number }>("POST", "/api/secrets/rotate-key", { ...options, body: {} });
  }

  /** The triggers of all published workflows; no answer holds an address. */
  triggers(options: CallOptions = {}): Promise<readonly Trigger[]> {
    return this.api.all<Trigger>("/api/triggers", options);
  }

  /** Makes an address for a webhook, which is told this one time; the one before is void. */
  async rotateTrigger(rotation: TriggerRotation, options: CallOptions = {}): Promise<TriggerAddress> {
    return this.api.json<TriggerAddress>("POST", "/api/triggers", { ...options, body: { ...rotation } });
  }

  /** Takes its address from a webhook. */
  async removeTrigger(workflow: string, node: string, options: CallOptions = {}): Promise<void> {
    const path = `/api/triggers/${encodeURIComponent(workflow)}/${encodeURIComponent(node)}`;
    await this.api.send("DELETE", path, options);
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
      await this.api.json<{ readonly data: readonly [FileResource] }>("POST", path, {
        form,
        ...(signal ? { signal } : {}),
      })
    ).data[0];
  }

  /** A file without its bytes. */
  async file(id: string, options: CallOptions = {}): Promise<FileResource> {
    return this.api.json<FileResource>("GET", filePath(id), options);
  }

  /** The bytes of a file as they come. */
  async download(id: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { body } = await this.api.send("GET", `${filePath(id)}/content`, options);
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  /** An address that opens this one file for five minutes, for those who have no key. */
  async fileLink(id: string, options: CallOptions = {}): Promise<FileLink> {
    const link = await this.api.json<FileLink>("GET", `${filePath(id)}/link`, options);
    return { ...link, url: this.api.base + link.url };
  }

  async removeFile(id: string, options: CallOptions = {}): Promise<void> {
    await this.api.send("DELETE", filePath(id), options);
  }
}
