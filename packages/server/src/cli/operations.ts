import { isJsonObject, parseJson, type JsonObject } from "@weftwork/core";
import {
  OPERATION_ACTIONS,
  type Operation,
  type OperationFilter,
  type OperationRequest,
  type RunStatus,
  type WeftClient,
} from "@weftwork/sdk";
import { EXIT, UsageError } from "./exit.ts";
import { pairOf } from "./inputs.ts";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";
import { duration, style } from "./terminal.ts";
import { timeAgo } from "./times.ts";
import type { WordKey } from "./words/index.ts";

const LOOK_MS = 500;

const STATES = {
  pending: "operation.pending",
  running: "operation.running",
  aborting: "operation.aborting",
  succeeded: "operation.succeeded",
  aborted: "operation.aborted",
  failed: "operation.failed",
} as const satisfies Readonly<Record<Operation["status"], WordKey>>;

export interface OperationStartOptions extends RemoteOptions {
  readonly dryRun?: boolean;
  readonly all?: boolean;
  readonly run?: readonly string[];
  readonly status?: string;
  readonly workflow?: string;
  readonly errorCode?: string;
  readonly quarantined?: boolean;
  readonly metadata?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly step?: string;
  readonly scope?: string;
  readonly inputs?: string;
  readonly version?: string;
  readonly rate?: string;
  readonly watch?: boolean;
}

/** `weft operations start ACTION`: begins one, or with `--dry-run` says how many runs it would be for. */
export function operationsStart(action: string, options: OperationStartOptions): Promise<number> {
  const request = requestOf(action, options);
  return remote(options, async (client) => {
    if (options.dryRun === true) {
      const preview = await client.operations.preview(request);
      const { total, exact, sample } = preview;
      const key = exact ? "operations.would" : "operations.would_more";
      print(options, preview, () => [say(key, { action, count: total }), ...sample].join("\n"));
      return EXIT.OK;
    }
    const operation = await client.operations.start(request);
    if (options.watch === true) return watch(client, operation, options);
    print(options, operation, () => say("operations.begun", { id: operation.id, action }));
    return EXIT.OK;
  });
}

function requestOf(action: string, options: OperationStartOptions): OperationRequest {
  const known = OPERATION_ACTIONS.find((one) => one === action);
  if (known === undefined)
    throw new UsageError(say("operations.unknown", { action, known: OPERATION_ACTIONS.join(", ") }));
  const { run = [], all = false, reason, step, scope, version, inputs, rate } = options;
  const filter = filterOf(options);
  const isEmpty = Object.keys(filter).length === 0;
  // Nothing said is more often forgotten than meant.
  if (run.length === 0 && isEmpty && !all) throw new UsageError(say("operations.for_whom", { action }));
  if (run.length > 0 && !isEmpty) throw new UsageError(say("operations.two_choices"));
  return {
    action: known,
    ...(run.length > 0 ? { ids: run } : { filter }),
    ...(reason === undefined ? {} : { reason }),
    ...(step === undefined ? {} : { step }),
    ...(scope === undefined ? {} : { scope }),
    ...(version === undefined ? {} : { version }),
    ...(inputs === undefined ? {} : { inputs: objectOf("--inputs", inputs) }),
    ...(rate === undefined ? {} : { rate: Number(rate) }),
  };
}

function filterOf(options: OperationStartOptions): OperationFilter {
  const { status, workflow, errorCode, quarantined, metadata = [], since, until } = options;
  const now = Date.now();
  return {
    ...(status === undefined ? {} : { status: status.split(",") as RunStatus[] }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
    ...(quarantined === true ? { quarantined } : {}),
    ...(metadata.length === 0 ? {} : { metadata: Object.fromEntries(metadata.map(pairOf)) }),
    ...(since === undefined ? {} : { created_after: timeAgo(since, now) }),
    ...(until === undefined ? {} : { created_before: timeAgo(until, now) }),
  };
}

function objectOf(option: string, text: string): JsonObject {
  let reason = say("operations.no_object");
  try {
    const value = parseJson(text);
    if (isJsonObject(value)) return value;
  } catch (error) {
    reason = (error as Error).message;
  }
  throw new UsageError(say("option.no_json", { option, reason }));
}

/** `weft operations ls` */
export function operationsList(
  options: RemoteOptions & { readonly limit?: string; readonly cursor?: string },
): Promise<number> {
  const { limit, cursor } = options;
  const asked = {
    ...(limit === undefined ? {} : { limit: Number(limit) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  return remote(options, async (client) => {
    const page = await client.operations.list(asked);
    print(options, page, () => {
      if (page.data.length === 0) return say("operations.none");
      const names = ["operation", "action", "status", "progress", "errors", "submitted"] as const;
      const titles = names.map((name) => say(`column.${name}`));
      const rows = page.data.map((one) => [
        one.id,
        one.action,
        say(STATES[one.status]),
        progress(one),
        one.failed === 0 ? "" : String(one.failed),
        say("runs.ago", { time: duration(Date.now() - Date.parse(one.created_at)) }),
      ]);
      const more = page.next_cursor === null ? [] : [say("runs.more", { cursor: page.next_cursor })];
      return [table(titles, rows), ...more].join("\n");
    });
  });
}

/** `weft operations show OPERATION` */
export function operationsShow(id: string, options: RemoteOptions & { readonly watch?: boolean }): Promise<number> {
  return remote(options, async (client) => {
    const operation = await client.operations.get(id);
    if (options.watch === true) return watch(client, operation, options);
    print(options, operation, () => report(operation));
    return EXIT.OK;
  });
}

/** `weft operations abort OPERATION` */
export function operationsAbort(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const operation = await client.operations.abort(id);
    print(options, operation, () => report(operation));
  });
}

/** To its end. A run that failed makes the exit code 1. */
async function watch(client: WeftClient, begun: Operation, options: RemoteOptions): Promise<number> {
  let now = begun;
  let shown = "";
  while (now.finished_at === null) {
    const text = `${now.id} ${say(STATES[now.status])} ${progress(now)}`;
    if (text !== shown) process.stderr.write(`${text}\n`);
    shown = text;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    now = await client.operations.get(now.id);
  }
  print(options, now, () => report(now));
  return now.status === "succeeded" && now.failed === 0 ? EXIT.OK : EXIT.FAILED;
}

function progress({ total, done, failed, skipped }: Operation): string {
  return `${done + failed + skipped}/${total ?? "?"}`;
}

function report(operation: Operation): string {
  const { id, action, status, done, failed, skipped, total, errors, error } = operation;
  const lines = [
    `${style("bold", id)}  ${action}  ${say(STATES[status])}`,
    say("operations.counts", { total: total ?? "?", done, failed, skipped }),
  ];
  if (error !== null) lines.push(style("red", `${error.message} (${error.code})`));
  for (const one of errors) lines.push(style("red", `${one.run}: ${one.message} (${one.code})`));
  if (failed > errors.length) lines.push(say("operations.more_errors", { count: failed - errors.length }));
  return lines.join("\n");
}
