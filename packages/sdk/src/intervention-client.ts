import { repeatable, type Api, type CallOptions, type RepeatableOptions } from "./api.ts";
import { queryOf } from "./client-paths.ts";
import type { DeadLetter, DeadLetterDetail, DeadLetterFilter, DeadLetterRetry } from "./dead-letter.ts";
import type { Page, RerunAnswer } from "./detail.ts";
import type { Operation, OperationPreview, OperationRequest } from "./operation.ts";

/** Runs that failed, until somebody has settled them. */
export class DeadLetterClient {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  /** A page of them, newest first. */
  list(filter: DeadLetterFilter = {}, options: CallOptions = {}): Promise<Page<DeadLetter>> {
    return this.api.json("GET", `/api/dead-letters${queryOf(filter)}`, options);
  }

  /** One with its input, its error, its failed step and the tries of that. */
  get(id: string, options: CallOptions = {}): Promise<DeadLetterDetail> {
    return this.api.json("GET", pathOf(id), options);
  }

  /** Begins a run that takes over, with other inputs where they are given. */
  retry(id: string, change: DeadLetterRetry = {}, options: RepeatableOptions = {}): Promise<RerunAnswer> {
    return this.api.json("POST", `${pathOf(id)}/retry`, repeatable(change, options));
  }

  /** Takes it from the list for good. The run itself stays as it is. */
  discard(id: string, options: CallOptions & { readonly reason?: string } = {}): Promise<DeadLetter> {
    const { reason, ...call } = options;
    const body = reason === undefined ? {} : { reason };
    return this.api.json("POST", `${pathOf(id)}/discard`, { ...call, body });
  }
}

/** What is done to many runs at once, in the background of the server. */
export class OperationClient {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  /** How many runs an operation would be for. Nothing is done. */
  preview(request: OperationRequest, options: CallOptions = {}): Promise<OperationPreview> {
    return this.api.json("POST", "/api/operations", { ...options, body: { ...request, dry_run: true } });
  }

  /** Begins one. It goes on by itself, whatever becomes of the process that took it. */
  start(request: Omit<OperationRequest, "dry_run">, options: RepeatableOptions = {}): Promise<Operation> {
    return this.api.json("POST", "/api/operations", repeatable(request, options));
  }

  /** A page of them, newest first. */
  list(
    page: { readonly limit?: number; readonly cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<Page<Operation>> {
    return this.api.json("GET", `/api/operations${queryOf(page)}`, options);
  }

  /** One, with how far it has come. */
  get(id: string, options: CallOptions = {}): Promise<Operation> {
    return this.api.json("GET", `/api/operations/${encodeURIComponent(id)}`, options);
  }

  /** Stops it; what it has done stays done. */
  abort(id: string, options: CallOptions = {}): Promise<Operation> {
    return this.api.json("POST", `/api/operations/${encodeURIComponent(id)}/abort`, { ...options, body: {} });
  }
}

function pathOf(id: string): string {
  return `/api/dead-letters/${encodeURIComponent(id)}`;
}
