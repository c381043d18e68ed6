import type { Json, JsonObject } from "@weftwork/core";
import { errorOf, WeftError } from "./problem.ts";
import type { Page, RerunAnswer, RunDetail, RunFilter, RunListItem, Stats } from "./detail.ts";
import type { Run, RunMessage, RunSubmission, SubmittedRun, TaskProgress, WorkflowVersion } from "./run.ts";
import { readEvents } from "./sse.ts";
import type { WorkflowCheck, WorkflowDetail, WorkflowGraph } from "./workflow.ts";

export interface ClientOptions {
  /** Default: `http://127.0.0.1:9338`. */
  readonly baseUrl?: string;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** Milliseconds before a broken stream is tried again. Default: what the server asks for. */
  readonly reconnectMs?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface VersionOptions extends CallOptions {
  readonly version?: string;
}

export interface PublishedWorkflow extends WorkflowVersion {
  readonly created?: boolean;
}

/** Longest wait of one request for the end of a run; a longer one is several requests. */
const WAIT_SECONDS_MAX = 30;
const RECONNECT_MS = 2000;
const RECONNECTS_MAX = 10;

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
  private readonly base: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly reconnectMs: number | null;
  private readonly fetch: typeof fetch;

  constructor(options: ClientOptions = {}) {
    this.base = (options.baseUrl ?? "http://127.0.0.1:9338").replace(/\/+$/, "");
    this.headers = options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` };
    this.reconnectMs = options.reconnectMs ?? null;
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** Submits a run. With the caller's own `id`, or an idempotency key, a repeat is the same run. */
  async start(
    submission: RunSubmission,
    options: CallOptions & { readonly idempotencyKey?: string } = {},
  ): Promise<SubmittedRun> {
    const headers: Record<string, string> =
      options.idempotencyKey === undefined ? {} : { "idempotency-key": options.idempotencyKey };
    return this.json<SubmittedRun>("POST", "/api/runs", {
      ...options,
      headers,
      body: submission as unknown as JsonObject,
    });
  }

  /** The run as it is recorded. */
  async get(id: string, options: CallOptions = {}): Promise<Run> {
    return this.json<Run>("GET", runPath(id), options);
  }

  /** The same with the steps of its root and of every open scope. */
  async detail(id: string, options: CallOptions = {}): Promise<RunDetail> {
    return this.json<RunDetail>("GET", `${runPath(id)}?include=steps`, options);
  }

  /** A page of runs, newest first. */
  async list(filter: RunFilter = {}, options: CallOptions = {}): Promise<Page<RunListItem>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
    return this.json<Page<RunListItem>>("GET", `/api/runs${query.size === 0 ? "" : `?${query}`}`, options);
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
  async run(submission: RunSubmission, options: CallOptions & { readonly idempotencyKey?: string } = {}): Promise<Run> {
    const headers: Record<string, string> = { prefer: `wait=${WAIT_SECONDS_MAX}` };
    if (options.idempotencyKey !== undefined) headers["idempotency-key"] = options.idempotencyKey;
    const answer = await this.json("POST", "/api/runs", {
      ...options,
      headers,
      body: submission as unknown as JsonObject,
    });
    return "finished_at" in answer ? (answer as unknown as Run) : this.wait(String(answer["id"]), options);
  }

  /**
   * What happened in a run so far and what happens to it until it has ended. A connection that breaks is made again
   * behind the last message that was read: no gap and no repeat. `after` begins behind a known position.
   */
  async *stream(id: string, options: CallOptions & { readonly after?: string } = {}): AsyncGenerator<RunMessage> {
    let { after } = options;
    let retryMs = this.reconnectMs ?? RECONNECT_MS;
    for (let failures = 0; ;) {
      let hasProgress = false;
      try {
        const response = await this.send("GET", `${runPath(id)}/events`, {
          ...options,
          headers: { accept: "text/event-stream", ...(after === undefined ? {} : { "last-event-id": after }) },
        });
        if (response.status === 204 || !response.body) return;
        for await (const { id: position, event, data, retryMs: asked } of readEvents(response.body)) {
          retryMs = this.reconnectMs ?? asked ?? retryMs;
          if (data === "") continue;
          hasProgress = true;
          after = position ?? after;
          yield { id: position, event, data: JSON.parse(data) as JsonObject };
        }
      } catch (error) {
        if (options.signal?.aborted === true || !mayPass(error)) throw error;
        if (!hasProgress && failures >= RECONNECTS_MAX) throw error;
      }
      // The stream of an ended run ends; asked again behind its last message it answers 204 and we are done. What brought
      // something is asked again at once; what did not (a server that goes down lets streams go) has its pause.
      failures = hasProgress ? 0 : failures + 1;
      if (!hasProgress) await pause(retryMs * Math.min(failures, 5), options.signal);
    }
  }

  /** Ends the run where it stands. */
  async cancel(id: string, options: CallOptions & { readonly reason?: string } = {}): Promise<Run> {
    const body = options.reason === undefined ? {} : { reason: options.reason };
    return this.json<Run>("POST", `${runPath(id)}/cancel`, { ...options, body });
  }

  /** Begins a new run that takes over from an earlier one everything that does not follow from the step. */
  async rerun(
    id: string,
    target: { readonly step: string; readonly scope?: string },
    options: CallOptions = {},
  ): Promise<RerunAnswer> {
    return this.json<RerunAnswer>("POST", `${runPath(id)}/rerun`, { ...options, body: { ...target } });
  }

  /** The same from the step that failed the run. */
  async retry(id: string, options: CallOptions = {}): Promise<RerunAnswer> {
    return this.json<RerunAnswer>("POST", `${runPath(id)}/retry`, { ...options, body: {} });
  }

  /** Gives the run a signal; `id` makes a repeat harmless. */
  async signal(
    run: string,
    signal: { readonly name: string; readonly payload?: Json; readonly id?: string },
    options: CallOptions = {},
  ): Promise<void> {
    await this.json("POST", `${runPath(run)}/signals`, { ...options, body: signal as unknown as JsonObject });
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
    },
    options: CallOptions = {},
  ): Promise<void> {
    const { approved, ...body } = decision;
    await this.json("POST", `${runPath(run)}/${approved ? "approve" : "reject"}`, {
      ...options,
      body: body as unknown as JsonObject,
    });
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
    return (await this.json<Page<WorkflowVersion>>("GET", "/api/workflows", options)).data;
  }

  /** A published version (left out: the newest) with what its author wrote. */
  async workflow(name: string, options: VersionOptions = {}): Promise<WorkflowDetail> {
    return this.json<WorkflowDetail>("GET", workflowPath(name, "", options.version), options);
  }

  /** All versions of a workflow, the newest published first. */
  async versions(name: string, options: CallOptions = {}): Promise<readonly WorkflowVersion[]> {
    return (await this.json<Page<WorkflowVersion>>("GET", workflowPath(name, "/versions"), options)).data;
  }

  /** The plan of a workflow as a graph to be drawn. */
  async plan(name: string, options: VersionOptions = {}): Promise<WorkflowGraph> {
    return this.json<WorkflowGraph>("GET", workflowPath(name, "/plan", options.version), options);
  }

  private async json<Answer = JsonObject>(method: string, path: string, options: SendOptions): Promise<Answer> {
    return (await (await this.send(method, path, options)).json()) as Answer;
  }

  private async send(method: string, path: string, options: SendOptions): Promise<Response> {
    const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
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
  readonly body?: JsonObject;
  readonly text?: string;
}

/** A connection that broke, and an answer that says so, may be better the next time; a mistake of ours will not. */
function mayPass(error: unknown): boolean {
  return error instanceof WeftError ? error.problem.retryable : !(error instanceof SyntaxError);
}

/** A workflow file as a body; JSON is YAML as well. */
function yaml(text: string): Pick<SendOptions, "headers" | "text"> {
  return { headers: { "content-type": "application/yaml" }, text };
}

function workflowPath(name: string, part: string, version?: string): string {
  const query = version === undefined ? "" : `?version=${encodeURIComponent(version)}`;
  return `/api/workflows/${encodeURIComponent(name)}${part}${query}`;
}

function runPath(id: string): string {
  return `/api/runs/${encodeURIComponent(id)}`;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
