import type { DeadLetter, DeadLetterDetail, DeadLetterFilter, DeadLetterRetry } from "./dead-letter.ts";
import type { Page, RerunAnswer } from "./detail.ts";
import type { Operation, OperationPreview, OperationRequest } from "./operation.ts";

interface Sent {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}
type Send = (method: string, path: string, options: Sent) => Promise<Response>;

interface Call {
  readonly signal?: AbortSignal;
}
interface Repeatable extends Call {
  readonly idempotencyKey?: string;
}

/** Runs that failed, until somebody has settled them. */
export class DeadLetterClient {
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  /** A page of them, newest first. */
  async list(filter: DeadLetterFilter = {}, options: Call = {}): Promise<Page<DeadLetter>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
    return answer(await this.send("GET", `/api/dead-letters${query.size === 0 ? "" : `?${query}`}`, options));
  }

  /** One with its input, its error, its failed step and the tries of that. */
  async get(id: string, options: Call = {}): Promise<DeadLetterDetail> {
    return answer(await this.send("GET", pathOf(id), options));
  }

  /** Begins a run that takes over, with other inputs where they are given. */
  async retry(id: string, change: DeadLetterRetry = {}, options: Repeatable = {}): Promise<RerunAnswer> {
    return answer(await this.send("POST", `${pathOf(id)}/retry`, repeatable(change, options)));
  }

  /** Takes it from the list for good. The run itself stays as it is. */
  async discard(id: string, options: Call & { readonly reason?: string } = {}): Promise<DeadLetter> {
    const { reason, ...call } = options;
    const body = reason === undefined ? {} : { reason };
    return answer(await this.send("POST", `${pathOf(id)}/discard`, { ...call, body }));
  }
}

/** What is done to many runs at once, in the background of the server. */
export class OperationClient {
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  /** How many runs an operation would be for. Nothing is done. */
  async preview(request: OperationRequest, options: Call = {}): Promise<OperationPreview> {
    return answer(await this.send("POST", "/api/operations", { ...options, body: { ...request, dry_run: true } }));
  }

  /** Begins one. It goes on by itself, whatever becomes of the process that took it. */
  async start(request: Omit<OperationRequest, "dry_run">, options: Repeatable = {}): Promise<Operation> {
    return answer(await this.send("POST", "/api/operations", repeatable(request, options)));
  }

  /** A page of them, newest first. */
  async list(
    page: { readonly limit?: number; readonly cursor?: string } = {},
    options: Call = {},
  ): Promise<Page<Operation>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(page)) if (value !== undefined) query.set(name, String(value));
    return answer(await this.send("GET", `/api/operations${query.size === 0 ? "" : `?${query}`}`, options));
  }

  /** One, with how far it has come. */
  async get(id: string, options: Call = {}): Promise<Operation> {
    return answer(await this.send("GET", `/api/operations/${encodeURIComponent(id)}`, options));
  }

  /** Stops it; what it has done stays done. */
  async abort(id: string, options: Call = {}): Promise<Operation> {
    return answer(await this.send("POST", `/api/operations/${encodeURIComponent(id)}/abort`, { ...options, body: {} }));
  }
}

async function answer<Answer>(response: Response): Promise<Answer> {
  return (await response.json()) as Answer;
}

function repeatable(body: object, { idempotencyKey, ...options }: Repeatable): Sent {
  return { ...options, body, headers: idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey } };
}

function pathOf(id: string): string {
  return `/api/dead-letters/${encodeURIComponent(id)}`;
}
