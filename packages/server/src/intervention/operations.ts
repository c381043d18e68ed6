import { createHash, randomUUID } from "node:crypto";
import { AppError, canonicalJson, type Json } from "@weftwork/core";
import type { Operation, OperationFilter, OperationPreview, OperationRequest, Page } from "@weftwork/sdk";
import { checkRequest, chosenRuns } from "./chosen-runs.ts";
import { OperationRunner, type RunnerOptions } from "./operation-runner.ts";
import type { StoredOperation } from "./operation-table.ts";

const RATE_DEFAULT = 50;
/** Runs that a preview counts. */
const PREVIEW_MAX = 100_000;
const PAGE = 1000;
/** Pages that it reads for that: a filter that fits nearly nothing is not counted through a million runs. */
const PREVIEW_PAGES_MAX = 100;
const SAMPLE = 10;

/** What is done to many runs at once, as objects that can be looked at and stopped. */
export class Operations {
  private readonly options: RunnerOptions;
  private readonly runner: OperationRunner;

  constructor(options: RunnerOptions) {
    this.options = options;
    this.runner = new OperationRunner(options);
  }

  start(): void {
    this.runner.start();
  }

  /** Resolves when the step under way is stored; another process goes on. */
  close(): Promise<void> {
    return this.runner.close();
  }

  /** How many runs an operation would be for. Throws `INVALID_REQUEST`. */
  async preview(request: OperationRequest): Promise<OperationPreview> {
    checkRequest(request);
    const sample: string[] = [];
    let total = 0;
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page = await chosenRuns(this.options, request, cursor, PAGE);
      sample.push(...page.runs.slice(0, SAMPLE - sample.length));
      total += page.runs.length;
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== null && total < PREVIEW_MAX && pages < PREVIEW_PAGES_MAX);
    return { dry_run: true, action: request.action, total, exact: cursor === null, sample };
  }

  /** Begins one; it is durable when this resolves. With a key a repeat is the same one. Throws `INVALID_REQUEST`. */
  async begin(
    given: OperationRequest,
    idempotencyKey: string | null,
  ): Promise<{ readonly operation: Operation; readonly created: boolean }> {
    checkRequest(given);
    const now = this.options.clock.now();
    const id = idempotencyKey === null ? `op_${randomUUID()}` : `op_${hashOf(idempotencyKey)}`;
    const request: OperationRequest = {
      ...given,
      ...(given.ids === undefined ? { filter: boundedBy(given.filter ?? {}, now) } : { ids: [...new Set(given.ids)] }),
      rate: given.rate ?? RATE_DEFAULT,
    };
    const before = idempotencyKey === null ? null : await this.options.table.find(id);
    const stored = before ?? (await this.options.table.add(id, request, now));
    if (!isSame(stored.request, request, given))
      throw new AppError("INVALID_REQUEST", { reason: "this Idempotency-Key has begun another operation" });
    this.runner.poke();
    return { operation: operationView(stored), created: before === null };
  }

  /** Throws `OPERATION_NOT_FOUND`. */
  async get(id: string): Promise<Operation> {
    const stored = await this.options.table.find(id);
    if (!stored) throw new AppError("OPERATION_NOT_FOUND", { operation: id.slice(0, 200) });
    return operationView(stored);
  }

  /** A page, newest first. */
  async list({ limit, cursor }: { readonly limit: number; readonly cursor?: string }): Promise<Page<Operation>> {
    const found = await this.options.table.list(limit + 1, cursor === undefined ? null : placeOf(cursor));
    const data = found.slice(0, limit);
    return { data: data.map(operationView), next_cursor: found.length > limit ? cursorOf(data.at(-1)!) : null };
  }

  /** Stops one; what it has done stays done. Throws `OPERATION_NOT_FOUND`. */
  async abort(id: string): Promise<Operation> {
    await this.get(id);
    await this.options.table.abort(id);
    this.runner.poke();
    return this.get(id);
  }
}

/** The resource `/api/operations/{id}`. */
function operationView(stored: StoredOperation): Operation {
  const { id, status, request, total, done, failed, skipped, errors, error } = stored;
  const name = encodeURIComponent(id);
  return {
    id,
    action: request.action,
    filter: request.filter ?? null,
    id_count: request.ids?.length ?? null,
    status,
    total,
    done,
    failed,
    skipped,
    errors,
    reason: request.reason ?? null,
    rate: request.rate ?? RATE_DEFAULT,
    created_at: timeOf(stored.createdAt)!,
    started_at: timeOf(stored.startedAt),
    finished_at: timeOf(stored.finishedAt),
    error,
    links: { self: `/api/operations/${name}`, abort: `/api/operations/${name}/abort` },
  };
}

/** Runs that begin later are never touched: those that the operation itself begins are among them. */
function boundedBy(filter: OperationFilter, now: number): OperationFilter {
  return { ...filter, created_before: filter.created_before ?? new Date(now + 1).toISOString() };
}

/** Whether a stored operation is what is asked for; the bound that was set for it does not count. */
function isSame(stored: OperationRequest, request: OperationRequest, given: OperationRequest): boolean {
  const bound = stored.filter?.created_before;
  const wanted =
    given.filter !== undefined && given.filter.created_before === undefined && bound !== undefined
      ? { ...request, filter: { ...request.filter, created_before: bound } }
      : request;
  return canonicalJson(stored as unknown as Json) === canonicalJson(wanted as unknown as Json);
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

function cursorOf({ createdAt, id }: StoredOperation): string {
  return Buffer.from(`${createdAt}.${id}`).toString("base64url");
}

function placeOf(cursor: string): { readonly createdAt: number; readonly id: string } {
  const match = /^(\d{1,16})\.(op_[\w-]{1,60})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  if (!match) throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave" });
  return { createdAt: Number(match[1]), id: match[2]! };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
