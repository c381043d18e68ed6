import { AppError, isErrorCode, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { NO_SECRETS, type NodeTask, type Outcome, type SecretTexts } from "../nodes/node.ts";
import type { Credentials, OpenCredentials } from "./credentials.ts";
import type { ToolCallContext } from "./tool.ts";

/** Does an `http` task: the executor of http steps. One guard, one set of limits, one script in tests. */
export type HttpTasks = (task: NodeTask) => Outcome | Promise<Outcome>;

/** What a tool asks of a service, in the fields of an http step. */
export interface ToolRequest {
  readonly method: string;
  readonly url: string;
  readonly query?: JsonObject;
  readonly headers?: JsonObject;
  readonly body?: Json;
  readonly form?: JsonObject;
  readonly multipart?: JsonObject;
  readonly response: "auto" | "text";
  /** Left out: true. */
  readonly raise_for_status?: boolean;
}

export interface ToolAnswer {
  readonly status: number;
  readonly headers: JsonObject;
  readonly body: Json;
}

export interface RequesterOptions {
  readonly http: HttpTasks;
  /** Null: the requests carry none. */
  readonly credentials: Credentials | null;
  readonly timeoutMs: number;
}

/** Sends what a tool asks, with the credentials of its set put in at the last moment and taken out of what comes back. */
export class Requester {
  private readonly options: RequesterOptions;

  constructor(options: RequesterOptions) {
    this.options = options;
  }

  /** Throws the failure of the http step, or `TOOL_FAILED` when the time is over. */
  async send(
    tool: string,
    request: ToolRequest,
    task: NodeTask,
    { key, signal }: ToolCallContext,
  ): Promise<ToolAnswer> {
    const { http, timeoutMs, credentials } = this.options;
    const open = credentials === null ? null : await credentials.open(task.tenant);
    const late = AbortSignal.timeout(timeoutMs);
    const outcome = await http(httpTask(tool, request, task, open, { key, signal: AbortSignal.any([signal, late]) }));
    signal.throwIfAborted();
    if (outcome.type === "completed") return answerOf(open ? open.mask.value(outcome.output as Json) : outcome.output);
    if (late.aborted) throw new AppError("TOOL_FAILED", { tool, reason: `it gave no answer within ${timeoutMs} ms` });
    if (outcome.type === "parked") throw new AppError("TOOL_FAILED", { tool, reason: outcome.reason });
    const { code, message, details = {} } = outcome.failure;
    const shown = open ? open.mask.object(details) : details;
    if (isErrorCode(code)) throw new AppError(code, shown);
    throw new AppError("TOOL_FAILED", { tool, reason: open ? open.mask.text(message) : message });
  }
}

/** A task for the http executor. Its name is that of the tool, below the step that called it. */
function httpTask(
  tool: string,
  request: ToolRequest,
  task: NodeTask,
  open: OpenCredentials | null,
  { key, signal }: ToolCallContext,
): NodeTask {
  const { runId, tenant, workflowHash, scope, node, attempt, seed } = task;
  const headers = { ...request.headers, ...open?.headers };
  const config = { ...request, headers, ...(open?.auth ? { auth: open.auth } : {}) };
  return {
    runId,
    tenant,
    workflowHash,
    scope,
    node: `${node}/${tool}`,
    attempt,
    resources: null,
    key,
    config,
    input: () => null,
    seed,
    signal,
    secrets: both(task.secrets, open?.secrets ?? NO_SECRETS),
    emit: () => undefined,
  };
}

/** Marks of the step's own secrets, and of those of the set. */
function both(step: SecretTexts, set: SecretTexts): SecretTexts {
  return {
    reveal: (text, target) => step.reveal(set.reveal(text, target), target),
    hide: (bytes) => step.hide(set.hide(bytes)),
  };
}

function answerOf(output: unknown): ToolAnswer {
  if (!isJsonObject(output as Json)) throw new AppError("INTERNAL", { reason: "an http step gave no answer" });
  const { status, headers, body } = output as JsonObject;
  return {
    status: typeof status === "number" ? status : 200,
    headers: isJsonObject(headers) ? headers : {},
    body: body ?? null,
  };
}
