import { AppError, type Json, type JsonObject } from "@weftwork/core";
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { historyOf } from "./conversations/history.ts";
import { conversationStore } from "./conversations/store.ts";
import { processClock, serverClock } from "./db/database-clock.ts";
import { storeIdentity } from "./db/store-identity.ts";
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
import { openIntervention } from "./compose-intervention.ts";
import type { DeadLetters } from "./intervention/dead-letters.ts";
import type { Operations } from "./intervention/operations.ts";
import type { Journal } from "./journal/journal.ts";
import type { PoolSizes } from "./limits/pool-size.ts";
import { BACKLOG_MAX } from "./limits/pressure.ts";
import { folderRetriever } from "./knowledge/folder.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import { importedAsking, type MemorySource } from "./nodes/dify/asking.ts";
import { builtinNodes, nodeRegistry } from "./nodes/registry.ts";
import { OwnWorkers } from "./own-workers/own-workers.ts";
import { ChildRuns } from "./runtime/child-runs.ts";
import { systemClock, type Clock } from "./runtime/clock.ts";
import { Engine, type WorkerReports } from "./runtime/engine.ts";
import { PoolControlTable } from "./pools/control-table.ts";
import { Pools } from "./pools/pools.ts";
import { Recurring } from "./runtime/recurring.ts";
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
import { openSchedules, type Schedules } from "./schedules/open.ts";
import { Webhooks } from "./triggers/webhooks.ts";
import { httpGuard } from "./nodes/http-guard.ts";
import { outgoingWebhooks } from "./webhooks/outgoing.ts";
import type { WebhookService } from "./webhooks/service.ts";
import { presenceLines } from "./telemetry/presence-metrics.ts";
import { ScheduleMetrics } from "./telemetry/schedule-metrics.ts";
import { EngineMetrics } from "./telemetry/engine-metrics.ts";
import { meteredModels } from "./telemetry/metered-models.ts";
import { loadVariance } from "./worker/presence.ts";
import { ResultCache } from "./worker/result-cache.ts";
import { heapShare, processLoad, processSignals } from "./compose-process.ts";
import { openCache, type CacheAddress, type CachedReads } from "./compose-cache.ts";
import { openLive, type LiveChannels, type LiveChoice } from "./compose-live.ts";
import { isPostgres, openStore, type ObjectStoreAddress, type StoreAddress } from "./compose-store.ts";
import { openUpkeep } from "./compose-upkeep.ts";
import { openTraffic, workforce, type TaskTraffic, type TransportAddress, type Workforce } from "./compose-tasks.ts";

export type { ObjectStoreAddress, StoreAddress };

export interface ComposeOptions {
  readonly store: StoreAddress;
  readonly nodes: readonly NodeExecutor[];
  readonly pools: PoolSizes;
  /** Open runs of the tenant at most. Left out: 100,000. */
  readonly backlogMax?: number | undefined;
  /** Refuses new work and puts off waiting work under pressure. Left out: no. */
  readonly sheds?: boolean | undefined;
  /** The pools that this process serves; null or left out: all. */
  readonly serves?: readonly string[] | null;
  /** Whether this process advances runs. Left out: yes. */
  readonly own?: boolean;
  /** What carries tickets between processes; null or left out: what the store has. */
  readonly transport?: TransportAddress | null;
  /** How long a step may wait for a worker of its pool, in milliseconds; null or left out: as long as it takes. */
  readonly queueMsMax?: number | null;
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
  /** A bucket for large payloads and files; null or left out: the store keeps them. */
  readonly objects?: ObjectStoreAddress | null;
  /** How long ended runs are kept, in milliseconds; null keeps them all. */
  readonly retentionMs: number | null;
  /** What processes tell each other over; null: what the store has. */
  readonly live?: LiveChoice | null | undefined;
  /** A cache beside the processes; null: each has its memory alone. */
  readonly cache?: CacheAddress | null | undefined;
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
  /** Whether users' own workers can reach this process. Left out: yes. */
  readonly ownWorkers?: boolean | undefined;
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
  /** Some steps are really done, so they get the secrets of this process. */
  readonly live?: boolean;
}

/** The models that steps can name. */
export interface Models {
  readonly listings: readonly ModelListing[];
  /** One short call to a model, with its times. Throws `MODEL_NOT_FOUND`. */
  test(name: string): Promise<ModelTest>;
}

export type {
  DeadLetters,
  OwnWorkers,
  ModelListing,
  ModelTest,
  Operations,
  Schedules,
  TenantFiles,
  Webhooks,
  WebhookService,
};
export type { FileLimits } from "./files/files.ts";

export interface Composition {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly models: Models;
  readonly secrets: SecretKeeper;
  /** The files of the tenant. */
  readonly files: TenantFiles;
  readonly triggers: Webhooks;
  readonly ownWorkers: OwnWorkers;
  /** Webhooks that are sent from here. */
  readonly webhooks: WebhookService;
  readonly deadLetters: DeadLetters;
  readonly operations: Operations;
  readonly schedules: Schedules;
  readonly pools: Pools;
  /** What is done here, in the text format of Prometheus. */
  readonly metrics: () => readonly string[];
  /** What is told now, in all processes on the store. */
  readonly live: LiveChannels;
  close(graceMs: number): Promise<void>;
}

const LEASE_MS = 12_000;
/** Between two looks which pools are paused, for one who missed the word. */
const POOLS_MS = 10_000;
/** Channel on which a process that does not advance runs says that it has begun some. */
const HANDED_OVER = "handed-over";
/** Channel on which a process says that it has changed the receivers of webhooks. */
const WEBHOOKS_CHANGED = "webhooks-changed";
/** Results of this size that are told by another process go to the object store and not through the inbox. */
const RESULT_INLINE_MAX = 256 * 1024;
const RESULT_BYTES_MAX = 100 * 1024 * 1024;
/** Interpreters that may be at work at the same time: code takes a core. */
const CODE_THREADS = Math.max(2, availableParallelism());

/** The only place that names drivers: chooses them by the address of the store, and puts the process together. */
export async function compose(options: ComposeOptions): Promise<Composition> {
  const { rehearsal } = options;
  const clock = rehearsal?.clock ?? systemClock;
  const { journal, database, catalogue, blobs, streamLog, search, objectBytesMin, lanes, connections } =
    await openStore(options.store, clock, options.tenant, options.objects ?? null, (message, error) =>
      options.problem(message, "", error),
    );
  const sqlClock = isPostgres(options.store) ? serverClock : processClock(() => clock.now());
  const upkeep = openUpkeep({
    journal,
    database,
    blobs,
    streamLog,
    clock,
    sqlClock,
    tenant: options.tenant,
    keepMs: options.retentionMs,
    problem: (message, error) => options.problem(message, "", error),
  });
  let live: LiveChannels | null = null;
  let cache: CachedReads | null = null;
  let traffic: TaskTraffic | null = null;
  try {
    live = await openLive(options.store, database, options.live ?? null);
    const channels = live;
    cache = await openCache({
      store: options.store,
      catalogue,
      database,
      live,
      address: options.cache ?? null,
      tenant: options.tenant,
    });
    const reads = cache;
    traffic = await openTraffic(options.store, options.transport ?? null, {
      journal,
      identity: () => storeIdentity(database),
      budget: connections?.budget,
      clock,
      problem: (message, error) => options.problem(message, "", error),
    });
    const carried = traffic;
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
    connections?.start();
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
    let force: Workforce | null = null;
    let reporting: WorkerReports | null = null;
    const own = options.own ?? true;
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
      secrets: rehearsal && rehearsal.live !== true ? null : secrets,
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
        ownWorkers: options.ownWorkers ?? true,
        monotonic,
        ...(options.codeLimits ? { codeLimits: options.codeLimits } : {}),
      }).map((executor) => importedAsking(executor, { catalog, memory })),
      ...options.nodes,
    ];
    const registry = nodeRegistry(rehearsal?.executors(executors) ?? executors);
    const webhooks = outgoingWebhooks({
      database,
      journal,
      sealer: secrets,
      guard: httpGuard(http),
      clock,
      tenant: options.tenant,
      isShared: isPostgres(options.store),
      tell: () => channels.signals.publish(WEBHOOKS_CHANGED, null),
      problem: (message, error) => options.problem(message, "", error),
    });
    // A rehearsal tells nobody of its runs.
    if (!rehearsal) await webhooks.open();
    /** Large results that come from elsewhere. */
    const moved = {
      objectBytesMin: Math.min(objectBytesMin, RESULT_INLINE_MAX),
      putObject: (tenant: string, hash: string, bytes: Uint8Array) => upkeep.blobs.put(`${tenant}/${hash}`, bytes),
    };
    const intervening = openIntervention({
      database,
      journal,
      clock,
      sqlClock,
      tenant: options.tenant,
      reading: options.reading === true,
      problem: options.problem,
    });
    const engine = new Engine({
      journal,
      membership,
      join: joined,
      blobs: upkeep.blobs,
      catalogue: reads.catalogue,
      // A rehearsal knows them all: each reads as its name.
      ...(rehearsal ? {} : { secretNames: () => secrets.names(options.tenant) }),
      live: channels.runs,
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
      own,
      handedOver: () => channels.signals.publish(HANDED_OVER, null),
      standing: (runKey, state, run) => force!.standing(runKey, state, run),
      worker: (reports) => {
        reporting = reports;
        force = workforce(
          {
            traffic: carried,
            signals: channels.signals,
            clock,
            name: options.name,
            own,
            pools: options.pools,
            serves: options.serves ?? null,
            queueMsMax: options.queueMsMax ?? null,
            ...moved,
            worker: {
              registry,
              resultBytesMax: RESULT_BYTES_MAX,
              ended: (type, outcome, ms, wanted) => metrics.taskEnded(type, outcome, ms, wanted),
              ...(rehearsal && rehearsal.live !== true ? {} : { secrets }),
            },
            problem: options.problem,
          },
          reports,
        );
        return force.router;
      },
      tookOver: intervening.tookOver,
      ended: (state) => metrics.runEnded(state),
      ...(rehearsal
        ? {}
        : {
            observer: webhooks.teller,
            callbacks: { keep: (run: string, url: string) => webhooks.service.keepCallback(run, url) },
          }),
      // Where time is skipped nothing may be due for ever again.
      ...(rehearsal
        ? {}
        : {
            overload: {
              process: processSignals(),
              pools: () => force?.worker.pressure() ?? [],
              hold: (classes) => force?.worker.hold(classes),
              backlogMax: options.backlogMax ?? BACKLOG_MAX,
              sheds: options.sheds ?? false,
              refused: (priority, reason) => metrics.refused(priority, reason),
            },
          }),
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
    const intervention = intervening.open(engine.runs);
    const childRuns = new ChildRuns(engine.runs, engine.workflows);
    if (options.reading !== true) {
      engine.start();
      // Where time is skipped nothing may be due for ever again.
      if (!rehearsal) intervention.start();
      force!.foreign?.start();
    }
    const { payloads, plans } = reporting!;
    const ownWorkers = new OwnWorkers({
      store: carried.tasks,
      holders: carried.tasks.holders,
      transport: carried.transport,
      signals: channels.signals,
      tenant: options.tenant,
      executor: registry.get("worker"),
      payloads,
      plans,
      cache: new ResultCache(clock),
      clock,
      resultBytesMax: RESULT_BYTES_MAX,
      ...moved,
      reported: () => engine.poke(),
      // Where time is skipped nothing may be due for ever again.
      sweeps: !carried.isShared && !rehearsal && options.reading !== true,
      problem: options.problem,
    });
    const pools = new Pools({
      table: new PoolControlTable(database),
      signals: channels.signals,
      now: () => clock.now(),
      shares: () => force!.presences.all(),
      depths: () => carried.tasks.depths(),
      apply: (paused) => {
        force!.pause(paused);
        ownWorkers.pause(paused);
      },
    });
    if (options.reading !== true) await pools.refresh();
    const poolWatch =
      rehearsal || options.reading === true
        ? null
        : new Recurring({
            clock,
            firstMs: POOLS_MS,
            everyMs: POOLS_MS,
            work: () => pools.refresh(),
            failed: () => undefined,
          });
    poolWatch?.start();
    if (own && !rehearsal && options.reading !== true) webhooks.start();
    const stopHearingOfWebhooks = channels.signals.subscribe(WEBHOOKS_CHANGED, () => webhooks.refresh());
    const stopHearing = channels.signals.subscribe(HANDED_OVER, () => engine.poke());
    if (!rehearsal && options.reading !== true) upkeep.start(() => engine.workflows.ownRetentions());
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
    const scheduleMetrics = new ScheduleMetrics();
    const { schedules, close: closeSchedules } = openSchedules({
      database,
      tenant: options.tenant,
      sqlClock,
      plan: async (name, version) => (await engine.workflows.prepare(name, version)).plan,
      runs: engine.runs,
      clock,
      fired: (outcome, lateMs) => scheduleMetrics.fired(outcome, lateMs),
      problem: (message, error) => options.problem(message, "", error),
      works: own && !rehearsal && options.reading !== true,
    });
    return {
      engine,
      journal,
      secrets,
      pools,
      live: channels,
      metrics: () => [
        ...metrics.lines(force?.worker.pressure() ?? [], engine.overload.pressure),
        ...scheduleMetrics.lines(),
        ...upkeep.metrics.lines(),
        ...webhooks.metrics(),
        ...reads.metrics(),
        ...presenceLines(force!.presences.all(), loadVariance),
      ],
      models: { listings: models.listings, test: (name) => testModel(models.catalog.get(name)) },
      files: tenantFiles(files, options.tenant, () => clock.now()),
      deadLetters: intervention.deadLetters,
      operations: intervention.operations,
      webhooks: webhooks.service,
      triggers: new Webhooks({
        table: new WebhookTable(database),
        tenant: options.tenant,
        now: () => clock.now(),
        plan: async (name) => (await engine.workflows.prepare(name, null)).plan,
        plans: () => engine.workflows.withTriggers(),
        start: (submission) => engine.runs.start(submission),
        schedules: () => schedules.atRoots(),
        secrets,
      }),
      schedules,
      ownWorkers,
      async close(graceMs) {
        await ownWorkers.close();
        await Promise.all([upkeep.close(), sweeper?.close(), intervention.close(), closeSchedules()]);
        stopHearing();
        stopHearingOfWebhooks();
        pools.close();
        await poolWatch?.close();
        force!.presences.close();
        await engine.close(graceMs);
        await webhooks.close(graceMs);
        await Promise.all(executors.map((executor) => executor.close?.()));
        await Promise.all([
          carried.close(),
          channels.close(),
          reads.close(),
          models.close(),
          documents.close(),
          ...Object.values(sandboxes).map((one) => one.close()),
        ]);
        await Promise.all([journal.close(), database.close(), blobs.close(), streamLog.close(), search.close()]);
        await connections?.close();
      },
    };
  } catch (error) {
    await Promise.all([
      traffic?.close(),
      live?.close(),
      cache?.close(),
      journal.close(),
      database.close(),
      blobs.close(),
      streamLog.close(),
      search.close(),
    ]);
    await connections?.close();
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
