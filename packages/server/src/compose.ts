import { AppError, type Json, type JsonObject } from "@weftwork/core";
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { historyOf } from "./conversations/history.ts";
import { conversationStore } from "./conversations/store.ts";
import { documentReader } from "./documents/reader.ts";
import { BUILTIN_DEFAULT, builtinEmbeddings, builtinModels } from "./gateway/builtin/index.ts";
import { discoverModels } from "./gateway/discover.ts";
import { testModel, type ModelTest } from "./gateway/model-check.ts";
import { NO_MODELS_CONFIG, readModelsConfig, type ModelsConfig } from "./gateway/models-config.ts";
import { openModels, type ModelListing } from "./gateway/models.ts";
import type { Catalog } from "./gateway/catalog.ts";
import type { Model } from "./gateway/model.ts";
import { FILE_LIMITS, type FileLimits } from "./files/files.ts";
import { fileStore } from "./files/store.ts";
import { tenantFiles, type TenantFiles } from "./files/tenant-files.ts";
import type { Journal } from "./journal/journal.ts";
import { folderRetriever } from "./knowledge/folder.ts";
import { memoryLive } from "./live/memory.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import { importedAsking, type MemorySource } from "./nodes/dify/asking.ts";
import { builtinNodes, nodeRegistry } from "./nodes/registry.ts";
import { ChildRuns } from "./runtime/child-runs.ts";
import { systemClock, type Clock } from "./runtime/clock.ts";
import { Engine } from "./runtime/engine.ts";
import type { RunNotice } from "./runtime/owner.ts";
import { Recurring } from "./runtime/recurring.ts";
import { Retention } from "./runtime/retention.ts";
import { javascriptSandbox } from "./sandbox/javascript.ts";
import { EnvironmentSecrets } from "./secrets/environment.ts";
import { SecretKeeper } from "./secrets/keeper.ts";
import { masterKeys, passingMasterKeys, type MasterKeys } from "./secrets/master-key.ts";
import { SecretTables } from "./secrets/store.ts";
import { findContainerEngine } from "./sandbox/container-engine.ts";
import { containers } from "./sandbox/container-runner.ts";
import type { ContainerChoice } from "./sandbox/containers.ts";
import { pythonSandbox } from "./sandbox/python.ts";
import type { SandboxLimits } from "./sandbox/sandbox.ts";
import { openToolbox } from "./tools/open-toolbox.ts";
import { WebhookTable } from "./triggers/store.ts";
import { Webhooks } from "./triggers/webhooks.ts";
import { EngineMetrics } from "./telemetry/engine-metrics.ts";
import { meteredModels } from "./telemetry/metered-models.ts";
import { POOL_DEFAULTS, Worker } from "./worker/worker.ts";
import { heapShare, processLoad } from "./compose-process.ts";
import { isPostgres, openStore, type StoreAddress } from "./compose-store.ts";

export type { StoreAddress };

export interface ComposeOptions {
  readonly store: StoreAddress;
  readonly nodes: readonly NodeExecutor[];
  readonly pools: Readonly<Record<string, number>>;
  readonly httpAllow: readonly string[];
  /** Ports that `http` steps may speak to, as `80` and `1024-65535`. Left out: the usual ones. */
  readonly httpPorts?: readonly string[] | undefined;
  /** What the code of a step may use; left out, the defaults of the sandboxes. */
  readonly codeLimits?: SandboxLimits | undefined;
  /** Folder with wheels for the Python sandbox. */
  readonly pythonPackages?: string | null | undefined;
  /** Which program runs containers; left out: whichever is there. */
  readonly containers?: ContainerChoice | undefined;
  /** Limits of the file store. Left out: the defaults. */
  readonly files?: Partial<FileLimits> | undefined;
  /** How long ended runs are kept, in milliseconds; null keeps them all. */
  readonly retentionMs: number | null;
  /** The section `models:` of the configuration. */
  readonly models: JsonObject | null;
  readonly defaultModel: string | null;
  /** Folders of documents by the name of the dataset. */
  readonly datasets?: Readonly<Record<string, string>>;
  /** Look for servers of models on this machine. */
  readonly discover: boolean;
  /** Where secrets and master keys are looked for first. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The section `tools:` of the configuration, and the folder of the files that it names. */
  readonly tools?: { readonly config: Json; readonly folder: string } | undefined;
  readonly tenant: string;
  readonly name: string;
  readonly problem: (message: string, runId: string, error: unknown) => void;
  /** Nothing is advanced, taken over or deleted: for a look at what is stored. */
  readonly reading?: boolean;
  /** For tests: another time, other models, and others who do the work. Only with the store `memory`. */
  readonly rehearsal?: Rehearsal;
}

/** What stands in the place of the world while a workflow is tested. */
export interface Rehearsal {
  readonly clock: Clock;
  readonly models: (catalog: Catalog<Model>) => Catalog<Model>;
  readonly executors: (executors: readonly NodeExecutor[]) => readonly NodeExecutor[];
}

/** The models that steps can name. */
export interface Models {
  readonly listings: readonly ModelListing[];
  /** One short call to a model, with its times. Throws `MODEL_NOT_FOUND`. */
  test(name: string): Promise<ModelTest>;
}

export type { ModelListing, ModelTest, TenantFiles, Webhooks };
export type { FileLimits } from "./files/files.ts";

export interface Composition {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly models: Models;
  readonly secrets: SecretKeeper;
  /** The files of the tenant. */
  readonly files: TenantFiles;
  readonly triggers: Webhooks;
  /** What is done here, in the text format of Prometheus. */
  readonly metrics: () => readonly string[];
  close(graceMs: number): Promise<void>;
}

const LEASE_MS = 12_000;
const RESULT_BYTES_MAX = 100 * 1024 * 1024;
/** Interpreters that may be at work at the same time: code takes a core. */
const CODE_THREADS = Math.max(2, availableParallelism());

/** The only place that names drivers: chooses them by the address of the store, and puts the process together. */
export async function compose(options: ComposeOptions): Promise<Composition> {
  const { rehearsal } = options;
  const clock = rehearsal?.clock ?? systemClock;
  const { journal, database, catalogue, blobs, streamLog, search, objectBytesMin, lanes } = await openStore(
    options.store,
    clock,
    options.tenant,
  );
  try {
    const secrets = new SecretKeeper({
      environment: new EnvironmentSecrets(options.environment ?? {}),
      tables: new SecretTables(database),
      keys: keysOf(options),
      now: () => clock.now(),
    });
    if (options.reading !== true) await secrets.check();
    const joined = () =>
      journal.join({ name: options.name, incarnation: randomUUID(), pid: process.pid, leaseMs: LEASE_MS });
    const membership = await joined();
    const discovered = options.discover ? await discoverModels({ ollamaHost: process.env["OLLAMA_HOST"] }) : [];
    const models = openModels({
      config: modelsConfig(options),
      discovered,
      builtins: builtinModels(),
      builtinDefault: BUILTIN_DEFAULT,
      builtinEmbeddings: builtinEmbeddings(),
    });
    const metrics = new EngineMetrics();
    const catalog = meteredModels(
      rehearsal?.models(models.catalog) ?? models.catalog,
      (call) => metrics.modelCalled(call),
      () => performance.now(),
    );
    let worker: Worker | null = null;
    const sandboxes = {
      javascript: javascriptSandbox({ threads: CODE_THREADS }),
      python: pythonSandbox({ processes: CODE_THREADS, packages: options.pythonPackages ?? null }),
      containers: containers({ find: () => findContainerEngine(options.containers), now: () => performance.now() }),
    };
    const files = fileStore({ database, blobs, limits: options.files ?? {}, now: () => clock.now() });
    const http = {
      allow: options.httpAllow,
      ...(options.httpPorts === undefined ? {} : { ports: options.httpPorts }),
      files,
      fileBytesMax: options.files?.bytesMax ?? FILE_LIMITS.bytesMax,
    };
    const tools = openToolbox({
      config: options.tools?.config ?? null,
      folder: options.tools?.folder ?? process.cwd(),
      environment: options.environment ?? process.env,
      // Looked up when a tool asks: in a rehearsal it is the script that answers.
      http: (task) => registry.get("http").execute(task),
      secrets: rehearsal ? null : secrets,
      workflows: {
        describe: (name, version) => childRuns.describe(name, version),
        run: (call) => childRuns.run(call),
      },
      now: () => clock.now(),
    });
    const monotonic = (): number => clock.monotonic();
    const conversations = conversationStore(database);
    const memory: MemorySource = async (tenant, run, rounds) =>
      (await historyOf(conversations, tenant, run, rounds)).map((message) => ({ ...message }));
    const documents = documentReader();
    const retriever = folderRetriever({
      folders: options.datasets ?? {},
      documents,
      now: () => performance.now(),
      problem: (message, error) => options.problem(message, "", error),
    });
    const executors = [
      ...builtinNodes({
        catalog,
        embeddings: models.embeddings,
        documents,
        retriever,
        http,
        sandboxes,
        tools,
        monotonic,
        ...(options.codeLimits ? { codeLimits: options.codeLimits } : {}),
      }).map((executor) => importedAsking(executor, { catalog, memory })),
      ...options.nodes,
    ];
    const registry = nodeRegistry(rehearsal?.executors(executors) ?? executors);
    const pools = { ...POOL_DEFAULTS, ...options.pools };
    const engine = new Engine({
      journal,
      membership,
      join: joined,
      blobs,
      catalogue,
      // A rehearsal knows them all: each reads as its name.
      ...(rehearsal ? {} : { secretNames: () => secrets.names(options.tenant) }),
      live: memoryLive<RunNotice>(),
      streamLog,
      conversations: {
        store: conversations,
        file: async (id) => (await files.find(options.tenant, id))?.value ?? null,
      },
      // Where time is skipped nothing may be due for ever again.
      ...(rehearsal ? {} : { search: { index: search, load: processLoad() } }),
      registry,
      clock,
      tenant: options.tenant,
      worker: (reports) =>
        (worker = new Worker({
          registry,
          clock,
          pools,
          resultBytesMax: RESULT_BYTES_MAX,
          ended: (type, outcome, ms, wanted) => metrics.taskEnded(type, outcome, ms, wanted),
          ...(rehearsal ? {} : { secrets }),
          ...reports,
        })),
      ended: (state) => metrics.runEnded(state),
      lanes,
      limits: {
        runsMax: 50_000,
        payloadBytesMax: heapShare(),
        objectBytesMin,
        recoveryBytesMax: heapShare(),
        // Where time is skipped a run stays held: looking for it every two seconds would cost a year of looks.
        ...(rehearsal ? { restMsMin: Infinity, pollMsMax: 2 ** 42 } : {}),
      },
      problem: options.problem,
    });
    const childRuns = new ChildRuns(engine.runs, engine.workflows);
    if (options.reading !== true) engine.start();
    const retention =
      options.retentionMs === null || options.reading === true
        ? null
        : new Retention({
            journal,
            streamLog,
            clock,
            keepMs: options.retentionMs,
            problem: (message, error) => options.problem(message, "", error),
          });
    retention?.start();
    // Where time is skipped nothing may be due for ever again.
    const sweeper =
      rehearsal || options.reading === true
        ? null
        : new Recurring({
            clock,
            firstMs: 60_000,
            everyMs: 600_000,
            work: () => files.prune(),
            failed: (error) =>
              options.problem("expired files could not be deleted; trying again in ten minutes", "", error),
          });
    sweeper?.start();
    return {
      engine,
      journal,
      secrets,
      metrics: () => metrics.lines(worker?.pressure() ?? []),
      models: { listings: models.listings, test: (name) => testModel(models.catalog.get(name)) },
      files: tenantFiles(files, options.tenant, () => clock.now()),
      triggers: new Webhooks({
        table: new WebhookTable(database),
        tenant: options.tenant,
        now: () => clock.now(),
        plan: async (name) => (await engine.workflows.prepare(name, null)).plan,
        plans: () => engine.workflows.withTriggers(),
        start: (submission) => engine.runs.start(submission),
        secrets,
      }),
      async close(graceMs) {
        await Promise.all([retention?.close(), sweeper?.close()]);
        await engine.close(graceMs);
        await Promise.all(executors.map((executor) => executor.close?.()));
        await Promise.all([models.close(), documents.close(), ...Object.values(sandboxes).map((one) => one.close())]);
        await Promise.all([journal.close(), database.close(), blobs.close(), streamLog.close(), search.close()]);
      },
    };
  } catch (error) {
    await Promise.all([journal.close(), database.close(), blobs.close(), streamLog.close(), search.close()]);
    throw error;
  }
}

/** Where the keys of stored secrets are: never in the database. */
function keysOf({ store, environment = {} }: ComposeOptions): MasterKeys {
  if (store === "memory") return passingMasterKeys();
  return masterKeys(environment, isPostgres(store) ? null : store);
}

function modelsConfig({ models: section, defaultModel, environment }: ComposeOptions): ModelsConfig {
  if (section === null && defaultModel === null) return NO_MODELS_CONFIG;
  const config = { ...(section ? { models: section } : {}), ...(defaultModel ? { default_model: defaultModel } : {}) };
  const { models, mistakes } = readModelsConfig(config, environment ?? process.env);
  if (mistakes.length === 0) return models;
  const told = mistakes.map(({ pointer, message }) => ({ pointer, message }));
  throw new AppError("CONFIGURATION_INVALID", {
    count: told.length,
    first: `${told[0]!.pointer} ${told[0]!.message}`,
    mistakes: told,
  });
}
