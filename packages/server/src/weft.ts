import { hostname } from "node:os";
import { AppError, parseDuration, type JsonObject, type Plan, type Problem } from "@weftwork/core";
import type { WorkflowVersion } from "@weftwork/sdk";
import { compose } from "./compose.ts";
import { NO_MODELS_CONFIG, readModelsConfig, type ModelsConfig } from "./gateway/models-config.ts";
import type { OpenedModels } from "./gateway/models.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import type { Runs } from "./runtime/runs.ts";
import type { Validation } from "./runtime/workflows.ts";

export interface WeftOptions {
  /** `memory` (the default), a folder, or a `postgres://` URL. */
  readonly store?: string;
  /** Nodes of your own, made with `defineNode`. */
  readonly nodes?: readonly NodeExecutor[];
  /** Tasks done at the same time, by pool; replaces single defaults, or adds pools. */
  readonly pools?: Readonly<Record<string, number>>;
  /** Targets (`host:port`) that `http` steps may reach although they are private. */
  readonly httpAllow?: readonly string[];
  /** The section `models:` of the configuration: real models by name. The built-in ones are always there. */
  readonly models?: JsonObject;
  /** Name of the model for steps that name none. */
  readonly defaultModel?: string;
  /** Look for Ollama, LM Studio, llama.cpp and vLLM on this machine. Default: no. */
  readonly discoverModels?: boolean;
  /** How long ended runs are kept, as a duration (`"30d"`); left out, they are kept until they are deleted by hand. */
  readonly retention?: string;
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
    find(name: string, version?: string): Promise<WorkflowVersion | null>;
    list(): Promise<readonly WorkflowVersion[]>;
    /** The plan that a new run of the workflow would get. */
    plan(name: string, version?: string): Promise<Plan>;
  };
  readonly runs: Pick<Runs, "start" | "get" | "task" | "wait" | "events" | "cancel" | "signal" | "decide" | "rerun">;
  /** The models that steps can name. */
  readonly models: Pick<OpenedModels, "catalog" | "listings">;
  ready(): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }>;
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
  const { engine, journal, models, close } = await compose({
    store: options.store ?? "memory",
    nodes: options.nodes ?? [],
    pools: options.pools ?? {},
    httpAllow: options.httpAllow ?? [],
    models: modelsOf(options),
    discover: options.discoverModels ?? false,
    retentionMs: options.retention === undefined ? null : retentionOf(options.retention),
    tenant: options.tenant ?? "default",
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
      find: (name, version) => workflows.find(name, version ?? null),
      list: () => workflows.list(),
      plan: async (name, version) => (await workflows.prepare(name, version ?? null)).plan,
    },
    runs,
    models,
    async ready() {
      if (closing) return { ready: false, reasons: [new AppError("SHUTTING_DOWN").message] };
      try {
        await Promise.all([journal.stats(options.tenant ?? "default"), workflows.list()]);
        return { ready: true, reasons: [] };
      } catch (error) {
        return { ready: false, reasons: [error instanceof Error ? error.message : String(error)] };
      }
    },
    close: (closeOptions) => (closing ??= close(closeOptions?.graceMs ?? 30_000).finally(() => clearInterval(alive))),
  };
}

function retentionOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw new AppError("CONFIGURATION_INVALID", {
    count: 1,
    first: `retention is ${text}; write a duration such as 30d`,
  });
}

function modelsOf(options: WeftOptions): ModelsConfig {
  if (options.models === undefined && options.defaultModel === undefined) return NO_MODELS_CONFIG;
  const section = {
    ...(options.models ? { models: options.models } : {}),
    ...(options.defaultModel ? { default_model: options.defaultModel } : {}),
  };
  const { models, mistakes } = readModelsConfig(section, process.env);
  if (mistakes.length === 0) return models;
  const told = mistakes.map(({ pointer, message }) => ({ pointer, message }));
  throw new AppError("CONFIGURATION_INVALID", {
    count: told.length,
    first: `${told[0]!.pointer} ${told[0]!.message}`,
    mistakes: told,
  });
}
