import type { Json, JsonObject } from "@weftwork/core";
import { errorOf, WeftError } from "./problem.ts";
import type { Run, RunMessage, RunSubmission, SubmittedRun, TaskProgress, WorkflowVersion } from "./run.ts";
import { readEvents } from "./sse.ts";

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
    return (await this.json("POST", "/api/runs", {
      ...options,
      headers,
      body: submission as unknown as JsonObject,
    })) as unknown as SubmittedRun;
  }

  /** The run as it is recorded. */
  async get(id: string, options: CallOptions = {}): Promise<Run> {
    return (await this.json("GET", runPath(id), options)) as unknown as Run;
  }

  /** The run as one task with its steps, in the shape for polling. */
  async task(id: string, options: CallOptions = {}): Promise<TaskProgress> {
    return (await this.json("GET", `/api/tasks/${encodeURIComponent(id)}`, options)) as unknown as TaskProgress;
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
    return (await this.json("POST", `${runPath(id)}/cancel`, { ...options, body })) as unknown as Run;
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
    const response = await this.send("PUT", "/api/workflows", {
      ...options,
      headers: { "content-type": "application/yaml" },
      text: source,
    });
    return (await response.json()) as PublishedWorkflow;
  }

  private async json(method: string, path: string, options: SendOptions): Promise<JsonObject> {
    const response = await this.send(method, path, options);
    return response.status === 204 ? {} : ((await response.json()) as JsonObject);
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
