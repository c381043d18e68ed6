import type { Json, JsonObject } from "./value.ts";

interface ErrorRow {
  /** The HTTP status a surface answers with. */
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** What happened and what to do; `{name}` is replaced from the details. */
  readonly message: string;
}

const row = (status: number, retryable: boolean, message: string): ErrorRow => ({ status, retryable, message });

/**
 * The one error table. Every code that the product can answer or record stands here; `docs/errors.md` lists the same
 * codes, and a test holds both equal. Upper case here, in run records and logs; problem bodies carry them in lower case.
 */
export const ERRORS = {
  // What a caller sent.
  INVALID_JSON: row(
    400,
    false,
    "The value is not JSON that can be stored: {reason} (at {pointer}). Correct it and send it again.",
  ),
  INVALID_REQUEST: row(400, false, "The request cannot be read: {reason}."),
  INVALID_INPUTS: row(
    422,
    false,
    "The inputs do not fit the workflow {workflow}: {reason}. Correct the inputs named and submit again.",
  ),
  INVALID_WORKFLOW: row(
    422,
    false,
    "The workflow has {count} problem(s); the first: {first}. See errors for all, each with its line and remedy.",
  ),
  UNSUPPORTED_MEDIA_TYPE: row(415, false, "The content type {type} is not accepted here. Send {accepted}."),
  PAYLOAD_TOO_LARGE: row(413, false, "{what} has {size} bytes; the limit is {limit}. Send less, or raise {setting}."),
  FILE_NOT_FOUND: row(404, false, "There is no file {file}, or it has expired. Upload it again."),
  FILE_TYPE_REFUSED: row(
    415,
    false,
    "Files of type {type} are not taken here. Send one of {types}; an operator sets them with WEFT_FILE_TYPES.",
  ),
  FILE_STORE_FULL: row(
    413,
    false,
    "The files kept here take {used} of {limit} bytes; this one does not fit. Delete some, or raise WEFT_FILES_BYTES_MAX.",
  ),
  FILE_LINK_INVALID: row(
    403,
    false,
    "The link to the file {file} is not valid, or its time is over. Ask for a new one.",
  ),
  DOCUMENT_TYPE_UNKNOWN: row(
    415,
    false,
    "The file {file} is no document that can be read: {reason}. Give it as text, PDF, Word, Excel, PowerPoint, HTML, CSV, JSON, YAML or mail.",
  ),
  DOCUMENT_UNREADABLE: row(
    422,
    false,
    "The document {file} cannot be read: {reason}. Open it in its program, save it again, and send that.",
  ),
  DOCUMENT_TOO_LARGE: row(413, false, "The document {file} is too large to be read: {reason}. Split it into parts."),
  DATASET_NOT_FOUND: row(
    404,
    false,
    "There is no dataset {dataset}. Known: {known}. An operator names folders under datasets in the configuration, or in WEFT_DATASETS.",
  ),
  DATASET_UNREADABLE: row(503, true, "The dataset {dataset} cannot be searched: {reason}."),
  TRIGGER_NOT_FOUND: row(
    404,
    false,
    "The newest version of the workflow {workflow} has no webhook {node}. weft triggers ls lists those that there are.",
  ),
  SCHEDULE_NOT_FOUND: row(404, false, "There is no schedule {schedule}. weft schedules ls lists those that there are."),
  SCHEDULE_EXISTS: row(409, false, "There is a schedule {name} already. Choose another name, or change that one."),
  SCHEDULE_INVALID: row(422, false, "The schedule cannot be kept: {reason}. Correct it."),
  WEBHOOK_UNKNOWN: row(404, false, "There is no such webhook."),
  WEBHOOK_REFUSED: row(400, false, "The call does not fit what the webhook takes: {reason}. Correct the call."),
  WEBHOOK_SIGNATURE_INVALID: row(
    401,
    false,
    "The call is not signed as this webhook asks for, or its time is over. Sign webhook-id, webhook-timestamp and the body as Standard Webhooks has it, and set the clock.",
  ),
  WEBHOOK_UNCHECKED: row(
    503,
    true,
    "The signature of the call cannot be checked: the secret of this webhook cannot be read. An operator sets it with weft secrets set.",
  ),
  WEBHOOK_ENDPOINT_NOT_FOUND: row(
    404,
    false,
    "There is no webhook endpoint {endpoint}. weft webhooks ls lists those that there are.",
  ),
  WEBHOOK_DELIVERY_NOT_FOUND: row(
    404,
    false,
    "There is no webhook delivery {delivery}; they are kept for 30 days. weft webhooks deliveries lists those of an endpoint.",
  ),
  WEBHOOK_ENDPOINT_DISABLED: row(
    409,
    false,
    "The webhook endpoint {endpoint} is disabled, so nothing is sent to it. Enable it first: PATCH /api/webhooks/{endpoint} with status enabled.",
  ),
  WEBHOOK_ENDPOINTS_FULL: row(
    409,
    false,
    "There are {limit} webhook endpoints already, which is as many as can be. Remove one, or let one receiver pass messages on.",
  ),
  FORBIDDEN_HOST: row(
    403,
    false,
    "Requests for host {host} are not accepted by a server without a key. Use the loopback address.",
  ),
  FORBIDDEN_ORIGIN: row(403, false, "Requests from the origin {origin} are not accepted by a server without a key."),
  ROUTE_NOT_FOUND: row(404, false, "There is nothing at {method} {path}."),
  UPGRADE_REQUIRED: row(
    426,
    false,
    "This address speaks WebSocket only. Send a handshake, or follow the run at /api/runs/ID/events.",
  ),
  WORKFLOW_NOT_FOUND: row(
    404,
    false,
    "No workflow {workflow} is published here. Publish it with PUT /api/workflows, or list what is there.",
  ),
  WORKFLOW_VERSION_EXISTS: row(
    409,
    false,
    "Version {version} of {workflow} is published already with other content. Raise the version, or leave it out.",
  ),
  CONVERSATION_NOT_FOUND: row(404, false, "There is no conversation {conversation}."),
  CONVERSATION_BUSY: row(
    409,
    true,
    "The conversation {conversation} is answering a message (run {run}). Wait for its end, cancel it, or send with queue: true.",
  ),
  NO_CHAT: row(422, false, "The workflow {workflow} is no chat app: {reason}. Start it with POST /api/runs."),
  RUN_NOT_FOUND: row(404, false, "There is no run {run}."),
  STEP_NOT_FOUND: row(
    404,
    false,
    "The run {run} has no {what}, or has not come to it yet. GET /api/runs/ID?include=steps shows its steps and scopes.",
  ),
  EXPORT_TOO_LARGE: row(
    413,
    false,
    "The record of the run {run} has {size} bytes; an export holds up to {limit}. Read its steps one by one, or take a backup.",
  ),
  EXPORT_INVALID: row(400, false, "The document is no export of a run: {reason}."),
  RUN_ID_TAKEN: row(422, false, "The run {run} exists with another workflow or other inputs. Use another id."),
  RUN_FINISHED: row(409, false, "The run {run} has ended as {status}; it takes no further input."),
  RUN_CONFLICT: row(409, true, "The run {run} has moved on since it was read. Read it again and repeat."),
  RUN_REJECTED: row(
    409,
    true,
    "The concurrency key {key} of {workflow} has no free slot, and its strategy is reject. Try again later.",
  ),
  RETRY_NOT_POSSIBLE: row(
    409,
    false,
    "The run {run} cannot be retried: {reason}. Rerun it from a step of your choice instead.",
  ),
  DEAD_LETTER_NOT_FOUND: row(
    404,
    false,
    "The run {run} is no dead letter: it is {status}. weft dead-letters ls lists those that there are.",
  ),
  DEAD_LETTER_SETTLED: row(409, false, "The dead letter {run} takes no retry: {reason}."),
  OPERATION_NOT_FOUND: row(404, false, "There is no operation {operation}. GET /api/operations lists them."),
  SIGNAL_NOT_EXPECTED: row(409, false, "The run {run} has no step {step} that waits for this."),
  // What the engine met.
  EXPRESSION_ERROR: row(422, false, "The expression failed: {reason}"),
  EXPRESSION_LIMIT: row(422, false, "The expression was stopped: {reason}. Do the work in a step instead."),
  NODE_NOT_AVAILABLE: row(501, false, "Steps of type {type} cannot run here: {reason}."),
  STEP_FAILED: row(500, false, "The step failed: {reason}"),
  CODE_FAILED: row(422, false, "The code of the step failed: {reason}. Correct it, publish, and rerun from this step."),
  CODE_STOPPED: row(
    422,
    false,
    "The code of the step was stopped: {reason}. Let it do less at a time, or raise {setting}.",
  ),
  CONFIG_INVALID: row(422, false, "The fields of the step do not fit its type: {reason}."),
  STEP_TIMEOUT: row(504, true, "The step took longer than its timeout of {timeoutMs} ms."),
  POOL_NOT_FOUND: row(404, false, "There is no pool {pool}. Known: {known}."),
  QUEUE_TIMEOUT: row(
    504,
    true,
    "No worker of the pool {pool} took the step within {waitedMs} ms. Start a worker that serves the pool, or raise WEFT_QUEUE_TIMEOUT.",
  ),
  WORKER_NOT_FOUND: row(
    404,
    false,
    "There is no worker {worker}: its lease has ended, it has left, or the token is not its own. Join again with POST /api/workers.",
  ),
  TASK_NOT_HELD: row(
    409,
    false,
    "The worker does not hold the task {task} (any more): it was reported, withdrawn, or given to another worker. Drop it.",
  ),
  WAIT_TIMEOUT: row(504, false, "Nothing arrived within the time the step waits ({timeoutMs} ms)."),
  RUN_CANCELLED: row(409, false, "The run was cancelled: {reason}. Submit it again, or rerun it from a step."),
  RUN_TIMEOUT: row(504, false, "The run took longer than the workflow's timeout of {timeoutMs} ms."),
  OUTCOME_UNKNOWN: row(
    500,
    false,
    "The process died while the step ran, and the step must not be repeated. Look at its effect, then rerun from it.",
  ),
  ITERATION_LIMIT: row(
    422,
    false,
    "The loop has not ended after {limit} rounds. Check its until condition, or raise max_iterations.",
  ),
  ITEMS_INVALID: row(422, false, "A list is needed here; the items are {actual}."),
  NESTING_LIMIT: row(
    422,
    false,
    "Workflows are nested deeper than {limit} levels. Flatten them, or end the recursion.",
  ),
  STEP_QUARANTINED: row(
    500,
    false,
    "{count} workers were lost while they did the step, and it is not begun again. Look at what it does, then rerun from it.",
  ),
  RUN_QUARANTINED: row(
    500,
    false,
    "The run was open at {count} crashes of its owner and is set aside. Look at its last steps, then rerun.",
  ),
  RUN_DAMAGED: row(500, false, "The stored record of the run cannot be read: {reason}. Restore it from a backup."),
  BACKUP_NOT_POSSIBLE: row(409, false, "No backup was written: {reason}."),
  BACKUP_DAMAGED: row(422, false, "The backup cannot be restored: {reason}. Nothing was changed; use another backup."),
  RESTORE_NOT_POSSIBLE: row(409, false, "Nothing was restored: {reason}."),
  RESULT_TOO_LARGE: row(
    413,
    false,
    "The result of the step has {size} bytes; the limit is {limit}. Return less, or raise {setting}.",
  ),
  // Models and requests to outside.
  MODEL_NOT_FOUND: row(404, false, "There is no model {model}. Known: {known}."),
  MODEL_OVERLOADED: row(
    503,
    true,
    "The model {model} refused for now (status {status}). Try again later, or use another.",
  ),
  MODEL_REQUEST_INVALID: row(422, false, "The model {model} does not take the request: {reason}"),
  MODEL_INPUT_TOO_LONG: row(
    413,
    false,
    "The input is too long for the model {model}: {reason} Send less, or use a model with more context.",
  ),
  MODEL_CONTENT_FILTERED: row(422, false, "The provider of the model {model} refused the content: {reason}"),
  MODEL_AUTHENTICATION: row(
    502,
    false,
    "The provider of the model {model} refused the key (status {status}). Check the model's api_key, and what it may do.",
  ),
  MODEL_QUOTA_EXHAUSTED: row(
    402,
    false,
    "The account behind the model {model} has no quota left. Add to it at the provider, or use another model.",
  ),
  MODEL_UNAVAILABLE: row(502, true, "The model {model} cannot be reached or failed: {reason}"),
  MODEL_TIMEOUT: row(504, true, "The model {model} gave no {what} within {timeoutMs} ms."),
  MODEL_STREAM_CUT: row(502, true, "The answer of the model {model} was cut off: {reason}"),
  MODEL_ANSWER_INVALID: row(502, true, "What the model {model} sent is no answer: {reason}"),
  MODEL_OUTPUT_INVALID: row(502, true, "The model's answer does not fit the schema: {reason}."),
  TOOL_NOT_FOUND: row(
    422,
    false,
    "The tool {tool} cannot be used: {reason}. An operator sets tools up under tools: in ./config.",
  ),
  TOOL_FAILED: row(502, false, "The tool {tool} failed: {reason}."),
  TOOL_ARGUMENTS: row(422, false, "The arguments for the tool {tool} do not fit: {reason}."),
  AGENT_LIMIT: row(
    422,
    false,
    "The agent had no answer after {used} {what} of {limit}. Ask for less at a time, or raise {setting}.",
  ),
  REQUEST_BLOCKED: row(
    403,
    false,
    "The request to {target} was refused: {reason}. An operator opens single targets with WEFT_HTTP_ALLOW=host:port.",
  ),
  REQUEST_FAILED: row(502, true, "The request to {target} failed: {reason}."),
  REQUEST_STATUS: row(502, false, "{target} answered with status {status}."),
  // Secrets.
  SECRET_NOT_FOUND: row(
    422,
    false,
    "There is no secret {secret}. Store it with weft secrets set {secret}, or set WEFT_SECRET_{secret} for the server.",
  ),
  SECRET_NOT_ALLOWED: row(
    403,
    false,
    "The secret {secret} may not be sent to {target}: {reason}. Add the host to those of the secret (weft secrets set " +
      "{secret} --host HOST, or WEFT_SECRET_{secret}_HOSTS), if it may know it.",
  ),
  SECRET_INVALID: row(422, false, "The secret {secret} cannot be used: {reason}."),
  SECRET_UNREADABLE: row(500, false, "The secret {secret} cannot be read: {reason}. Set it again."),
  MASTER_KEY_MISSING: row(
    500,
    false,
    "Secrets cannot be stored without a master key: {reason}. Set WEFT_MASTER_KEY to 32 random bytes in base64 " +
      "(openssl rand -base64 32).",
  ),
  MASTER_KEY_INVALID: row(
    500,
    false,
    "The master key in {variable} cannot be used: {reason}. It must be 32 random bytes in base64 (openssl rand -base64 32).",
  ),
  MASTER_KEY_WRONG: row(
    500,
    false,
    "The master key does not open the stored secrets. Set WEFT_MASTER_KEY to the key they were stored with (after a " +
      "change, WEFT_MASTER_KEY_OLD until weft secrets rotate-key is done). If it is lost, start without WEFT_MASTER_KEY, " +
      "remove them with weft secrets rm, and set them again.",
  ),
  // The process and its store.
  LEASE_LOST: row(
    503,
    true,
    "This process was cut off from its store before it heard whether this was recorded. Send it again with the same id or idempotency key: it is done once.",
  ),
  STORE_IN_USE: row(
    503,
    false,
    "The data folder {folder} is in use by process {pid}. Talk to that server, or end it first.",
  ),
  STORE_UNAVAILABLE: row(503, true, "The store does not answer: {reason}. Nothing was recorded; try again."),
  TRANSPORT_UNAVAILABLE: row(
    503,
    true,
    "The transport of tickets does not answer: {reason}. Start it; work goes on by itself then.",
  ),
  STORE_FULL: row(507, true, "The store has no space left: {reason}. Free some; work goes on by itself."),
  STORE_VERSION: row(
    500,
    false,
    "The store was written by a newer version ({found}; this one knows up to {known}). Start that version.",
  ),
  PAYLOAD_DAMAGED: row(500, false, "The stored payload {hash} does not match its hash. Restore it from a backup."),
  PAYLOAD_NOT_FOUND: row(500, false, "The stored payload {hash} is missing. Restore it from a backup."),
  OVERLOADED: row(503, true, "The server holds as much work as it may ({reason}). Try again in {retryAfter} s."),
  BACKLOG_FULL: row(
    429,
    true,
    "{limit} runs are open, which is as many as may be. Try again in {retryAfter} s, when some have ended; an operator raises the limit with WEFT_BACKLOG_MAX.",
  ),
  SHUTTING_DOWN: row(503, true, "The server is shutting down. Try again in a moment."),
  CONFIGURATION_INVALID: row(500, false, "The configuration has {count} mistake(s): {first}"),
  DEPENDENCY_MISSING: row(
    500,
    false,
    "The optional package {package} is needed for {purpose}. Install it: npm install {package}",
  ),
  INTERNAL: row(500, false, "Something went wrong inside the server: {reason}. This is a defect; please report it."),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether a text is a code of the table. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** An error of the table, thrown within a process. Across the journal and the wire it travels as a `Failure`. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: JsonObject;

  constructor(code: ErrorCode, details: JsonObject = {}, options: { cause?: unknown } = {}) {
    super(fillMessage(ERRORS[code].message, details), options);
    this.name = "AppError";
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** Why something failed, as plain data. `code` is a code of the table, or one that an own node chose. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: JsonObject;
}

/** The failure of a table code, without throwing. */
export function failure(code: ErrorCode, details: JsonObject = {}): Failure {
  const { retryable, message } = ERRORS[code];
  const plain = { code, message: fillMessage(message, details), retryable };
  return Object.keys(details).length === 0 ? plain : { ...plain, details };
}

/** Any thrown value as a failure. What is not an `AppError` becomes `fallback` with the message as its reason. */
export function failureOf(thrown: unknown, fallback: ErrorCode = "INTERNAL"): Failure {
  if (thrown instanceof AppError) return failure(thrown.code, thrown.details);
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return failure(fallback, { reason });
}

/** A message with the details in its places. */
export function fillMessage(template: string, details: JsonObject): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value: Json | undefined = details[name];
    if (value === undefined) return whole;
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}
