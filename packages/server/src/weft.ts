import { hostname } from "node:os";
import { resolve } from "node:path";
import { AppError, parseDuration, type Json, type JsonObject, type Plan, type Problem } from "@weftwork/core";
import type { SecretListing, SecretUpdate, WorkflowDetail, WorkflowGraph, WorkflowVersion } from "@weftwork/sdk";
import {
  compose,
  type ObjectStoreAddress,
  type DeadLetters,
  type FileLimits,
  type Models,
  type Operations,
  type OwnWorkers,
  type Pools,
  type Schedules,
  type TenantFiles,
  type Webhooks,
  type WebhookService,
} from "./compose.ts";
import type { PoolSize } from "./limits/pool-size.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import type { Conversations } from "./runtime/conversations.ts";
import type { Overload } from "./runtime/overload.ts";
import type { Runs } from "./runtime/runs.ts";
import type { Validation } from "./runtime/workflows.ts";
import type { ContainerChoice } from "./sandbox/containers.ts";
import { SANDBOX_LIMITS } from "./sandbox/sandbox.ts";

export { readExport, type ExportReading } from "./runtime/read-export.ts";
export type { ModelListing, ModelTest } from "./compose.ts";

export interface WeftOptions {
  /** `memory` (the default), a folder, or a `postgres://` URL. */
  readonly store?: string;
  /** The same database as `store`, without the pooler to which that leads: notifications are heard over it. */
  readonly listenUrl?: string;
  /** Nodes of your own, made with `defineNode`. */
  readonly nodes?: readonly NodeExecutor[];
  /** Tasks done at the same time, by pool; replaces single defaults, or adds pools. */
  readonly pools?: Readonly<Record<string, PoolSize>>;
  /** Open runs at most, in all processes on the store; more are refused with `BACKLOG_FULL`. Default: 100,000. */
  readonly backlogMax?: number;
  /** Refuse new runs with `OVERLOADED` while this process has more to do than it can, the least urgent first. Default: no. */
  readonly sheds?: boolean;
  /** The pools that this process serves; left out: all that there are. What it does not serve, other processes do. */
  readonly serves?: readonly string[];
  /** Whether this process advances runs (default), or leaves those that begin in it to others on the same store. */
  readonly own?: boolean;
  /** What carries tickets between processes. Default: PostgreSQL, where that is the store. */
  readonly transport?: { readonly type: "redis" | "rabbitmq"; readonly url: string };
  /** What processes on the same store tell each other over. Default: PostgreSQL, where that is the store. */
  readonly live?: { readonly type: "redis"; readonly url: string };
  /** A cache beside the processes, for what never changes. Default: each process has its memory alone. */
  readonly cache?: { readonly type: "redis"; readonly url: string };
  /** How long a step may wait for a worker of its pool, as a duration (`"5m"`); left out: as long as it takes. */
  readonly queueTimeout?: string;
  /** Hand steps straight to workers of other processes that have room. Default: yes; otherwise each goes by ticket. */
  readonly handover?: boolean;
  /** Targets (`host:port`) that `http` steps may reach although they are private. */
  readonly httpAllow?: readonly string[];
  /** Ports and ranges (`443`, `8000-8999`) that `http` steps may speak to. Default: 80, 443 and from 1024 on. */
  readonly httpPorts?: readonly string[];
  /** What the code of a step may use: bytes of memory, and bytes of its result and of what it prints. */
  readonly codeLimits?: { readonly memoryBytes?: number; readonly outputBytes?: number };
  /** Folder with wheels of Pyodide's release, which `python_script` steps may then import. */
  readonly pythonPackages?: string;
  /** Which program runs steps with an image; left out: podman, else docker. */
  readonly containers?: ContainerChoice;
  /** Limits of the file store: bytes of one file and of all, how long files are kept (`"30d"`), media types taken. */
  readonly files?: {
    readonly bytesMax?: number;
    readonly tenantBytesMax?: number;
    readonly keep?: string;
    readonly types?: readonly string[];
  };
  /** The section `models:` of the configuration: real models by name. The built-in ones are always there. */
  readonly models?: JsonObject;
  /** Folders of documents that retrieval steps can search, by the name of the dataset. */
  readonly datasets?: Readonly<Record<string, string>>;
  /** Name of the model for steps that name none. */
  readonly defaultModel?: string;
  /** The section `tools:` of the configuration: tool sets by name. The built-in tools are always there. */
  readonly tools?: Json;
  /** The folder of the files that `tools` names. Default: the working folder. */
  readonly toolsFolder?: string;
  /** Look for Ollama, LM Studio, llama.cpp and vLLM on this machine. Default: no. */
  readonly discoverModels?: boolean;
  /** A bucket of an S3-compatible store for large payloads and files; left out, they stay in the store. */
  readonly objects?: ObjectStoreAddress;
  /** How long ended runs are kept, as a duration (`"30d"`); left out, they are kept until they are deleted by hand. */
  readonly retention?: string;
  /** Only look: open runs of the store stay as they are, and what is submitted is not begun. Default: no. */
  readonly reading?: boolean;
  /** Where `WEFT_SECRET_…` and `WEFT_MASTER_KEY…` are read. Default: the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Whether own workers can reach this process over HTTP (default); where not, a run with a `worker` step is refused. */
  readonly ownWorkers?: boolean;
  readonly tenant?: string;
  /** Name of this worker in the store. */
  readonly name?: string;
  /** Told of what went wrong with a run inside the engine. Default: a line on standard error. */
  readonly problem?: (message: string, runId: string, error: unknown) => void;
}

/** An open Weftwork: what the server, the command line and your own program use. */
export interface Weft {
  readonly workflows: {
    /** Makes a workflow runnable by its name. Throws `INVALID_WORKFLOW`, with all problems in its details. */
    publish(
      source: string,
      options?: { readonly version?: string },
    ): Promise<WorkflowVersion & { readonly created: boolean; readonly problems: readonly Problem[] }>;
    validate(source: string): Validation;
    /** The same, with a warning for each secret that is not there yet. */
    check(source: string): Promise<Validation>;
    find(name: string, version?: string): Promise<WorkflowVersion | null>;
    list(): Promise<readonly WorkflowVersion[]>;
    /** A version (left out: the newest) with what its author wrote; null when it is not there. */
    describe(name: string, version?: string): Promise<WorkflowDetail | null>;
    /** All versions of a workflow, the newest published first. */
    versions(name: string): Promise<readonly WorkflowVersion[]>;
    /** The plan as a graph to be drawn; null when there is no such version. */
    graph(name: string, version?: string): Promise<WorkflowGraph | null>;
    /** The plan that a new run of the workflow would get. */
    plan(name: string, version?: string): Promise<Plan>;
  };
  readonly runs: Pick<
    Runs,
    | "start"
    | "get"
    | "detail"
    | "step"
    | "output"
    | "export"
    | "task"
    | "list"
    | "stats"
    | "wait"
    | "events"
    | "stream"
    | "logs"
    | "cancel"
    | "signal"
    | "decide"
    | "rerun"
    | "retry"
  >;
  /** Where submissions of many callers wait for their turn, so that not all of them are late. */
  readonly admission: Pick<Overload, "enter" | "shut">;
  /** Conversations with chat apps: one run answers one message. */
  readonly conversations: Pick<Conversations, "create" | "find" | "list" | "messages" | "message" | "send" | "remove">;
  /** The models that steps can name. */
  readonly models: Models;
  /** Files that runs take as inputs and give as results. */
  readonly files: TenantFiles;
  /** The triggers of published workflows, and the addresses at which webhooks receive calls. */
  readonly triggers: Pick<Webhooks, "list" | "rotate" | "remove" | "open">;
  /** When runs begin by themselves. */
  readonly schedules: Pick<
    Schedules,
    "list" | "find" | "create" | "update" | "pause" | "resume" | "remove" | "trigger" | "preview"
  >;
  /** Runs that failed, until somebody has settled them. */
  readonly deadLetters: Pick<DeadLetters, "list" | "get" | "retry" | "discard">;
  /** What is done to many runs at once, in the background. */
  readonly operations: Pick<Operations, "preview" | "begin" | "get" | "list" | "abort">;
  /** The pools of all processes on the store, and their controls. */
  readonly pools: Pick<Pools, "list" | "get" | "pause" | "resume">;
  /** Receivers of webhooks that are sent from here, and what was sent to them. */
  readonly webhooks: Omit<WebhookService, "keepCallback">;
  /** Processes of users' own, which do `worker` steps. */
  readonly ownWorkers: Pick<
    OwnWorkers,
    "join" | "list" | "take" | "delivered" | "undelivered" | "heartbeat" | "progress" | "result" | "leave"
  >;
  /** The secrets that steps can send. Their values go in and never come out. */
  readonly secrets: {
    list(): Promise<readonly SecretListing[]>;
    /** Stores a secret, or a new value of it; `hosts` left out stay as they are. Throws `SECRET_INVALID`. */
    set(name: string, secret: SecretUpdate): Promise<SecretListing>;
    /** Removes a stored secret. Throws `SECRET_NOT_FOUND`. */
    remove(name: string): Promise<void>;
    /** Wraps all data keys with the newest master key. Throws `MASTER_KEY_WRONG`. */
    rotateKey(): Promise<{ readonly rewrapped: number }>;
  };
  ready(): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>;
  /** What this process has done, as lines in the text format of Prometheus. */
  metrics(): readonly string[];
  /** Ends in order: running steps may finish within the grace, what is open is found again at the next start. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Opens Weftwork in this process. Open runs of an earlier process on the same store go on at once.
 *
 * ```ts
 * const weft = await openWeft({ store: "./data" });
 * await weft.workflows.publish(source);
 * const { run } = await weft.runs.start({ workflow: "summarize", inputs: { text } });
 * const ended = await weft.runs.wait(run.id);
 * await weft.close();
 * ```
 */
export async function openWeft(options: WeftOptions = {}): Promise<Weft> {
  const tenant = options.tenant ?? "default";
  const {
    engine,
    journal,
    models,
    secrets,
    files,
    triggers,
    ownWorkers,
    webhooks,
    deadLetters,
    operations,
    schedules,
    pools,
    metrics,
    close,
  } = await compose({
    store: options.store ?? "memory",
    listenUrl: options.listenUrl ?? null,
    nodes: options.nodes ?? [],
    pools: options.pools ?? {},
    backlogMax: options.backlogMax,
    sheds: options.sheds,
    serves: options.serves ?? null,
    own: options.own ?? true,
    transport: options.transport ?? null,
    live: options.live ?? null,
    cache: options.cache ?? null,
    queueMsMax: options.queueTimeout === undefined ? null : durationOf("queueTimeout", options.queueTimeout),
    handover: options.handover ?? true,
    httpAllow: options.httpAllow ?? [],
    httpPorts: options.httpPorts,
    codeLimits: { ...SANDBOX_LIMITS, ...options.codeLimits },
    containers: options.containers,
    pythonPackages: options.pythonPackages === undefined ? null : resolve(options.pythonPackages),
    files: fileLimits(options.files ?? {}),
    models: options.models ?? null,
    datasets: options.datasets ?? {},
    defaultModel: options.defaultModel ?? null,
    discover: options.discoverModels ?? false,
    ...(options.tools !== undefined
      ? { tools: { config: options.tools, folder: options.toolsFolder ?? process.cwd() } }
      : {}),
    objects: options.objects ?? null,
    retentionMs: options.retention === undefined ? null : retentionOf(options.retention),
    reading: options.reading ?? false,
    ownWorkers: options.ownWorkers,
    environment: options.environment ?? process.env,
    tenant,
    name: options.name ?? hostname(),
    problem:
      options.problem ??
      ((message, runId, error) => void process.stderr.write(`weft: run ${runId}: ${message}: ${String(error)}\n`)),
  });
  const { workflows, runs } = engine;
  // An open Weftwork keeps the process alive, as an open server does: runs may wait on timers alone.
  const alive = setInterval(() => undefined, 2 ** 30);
  let closing: Promise<void> | null = null;
  return {
    workflows: {
      publish: (source, publishing) => workflows.publish(source, publishing),
      validate: (source) => workflows.validate(source),
      check: (source) => workflows.check(source),
      find: (name, version) => workflows.find(name, version ?? null),
      list: () => workflows.list(),
      describe: (name, version) => workflows.describe(name, version ?? null),
      versions: (name) => workflows.versions(name),
      graph: (name, version) => workflows.graph(name, version ?? null),
      plan: async (name, version) => (await workflows.prepare(name, version ?? null)).plan,
    },
    runs,
    admission: engine.overload,
    conversations: engine.conversations!,
    models,
    files,
    pools,
    triggers,
    ownWorkers,
    webhooks,
    schedules,
    deadLetters,
    operations,
    secrets: {
      list: () => secrets.list(tenant),
      set: (name, secret) => secrets.set(tenant, name, secret),
      remove: (name) => secrets.remove(tenant, name),
      rotateKey: () => secrets.rotate(),
    },
    metrics,
    async ready() {
      if (closing) return { ready: false, reasons: [new AppError("SHUTTING_DOWN").message] };
      try {
        await Promise.all([journal.stats(tenant), workflows.list()]);
        return { ready: true, reasons: [] };
      } catch (error) {
        return { ready: false, reasons: [error instanceof Error ? error.message : String(error)] };
      }
    },
    close: (closeOptions) => (closing ??= close(closeOptions?.graceMs ?? 30_000).finally(() => clearInterval(alive))),
  };
}

function retentionOf(text: string): number {
  return durationOf("retention", text);
}

function fileLimits({ keep, ...limits }: NonNullable<WeftOptions["files"]>): Partial<FileLimits> {
  return keep === undefined ? limits : { ...limits, keepMs: durationOf("files.keep", keep) };
}

function durationOf(name: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw new AppError("CONFIGURATION_INVALID", { count: 1, first: `${name} is ${text}; write a duration such as 30d` });
}
