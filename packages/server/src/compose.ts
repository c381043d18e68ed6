import { AppError, type JsonObject } from "@weftwork/core";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import type { BlobStore } from "./blob/blob.ts";
import { fsBlobs } from "./blob/fs.ts";
import { memoryBlobs } from "./blob/memory.ts";
import { memoryCatalogue } from "./db/catalogue-memory.ts";
import { sqlCatalogue } from "./db/catalogue-sql.ts";
import type { Catalogue } from "./db/catalogue.ts";
import { memoryDatabase, sqliteDatabase } from "./db/database-sqlite.ts";
import type { Database } from "./db/database.ts";
import { BUILTIN_DEFAULT, builtinModels } from "./gateway/builtin/index.ts";
import { discoverModels } from "./gateway/discover.ts";
import { testModel, type ModelTest } from "./gateway/model-check.ts";
import { NO_MODELS_CONFIG, readModelsConfig, type ModelsConfig } from "./gateway/models-config.ts";
import { openModels, type ModelListing } from "./gateway/models.ts";
import type { Catalog } from "./gateway/catalog.ts";
import type { Model } from "./gateway/model.ts";
import type { Journal } from "./journal/journal.ts";
import { memoryJournal } from "./journal/memory.ts";
import { sqliteJournal } from "./journal/sqlite.ts";
import { memoryLive } from "./live/memory.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import { builtinNodes, nodeRegistry } from "./nodes/registry.ts";
import { systemClock, type Clock } from "./runtime/clock.ts";
import { Engine } from "./runtime/engine.ts";
import type { RunNotice } from "./runtime/owner.ts";
import { Retention } from "./runtime/retention.ts";
import { POOL_DEFAULTS, Worker } from "./worker/worker.ts";

/** Where a Weftwork keeps its state: `memory`, a folder, or the URL of a PostgreSQL database. */
export type StoreAddress = string;

export interface ComposeOptions {
  readonly store: StoreAddress;
  readonly nodes: readonly NodeExecutor[];
  readonly pools: Readonly<Record<string, number>>;
  readonly httpAllow: readonly string[];
  /** How long ended runs are kept, in milliseconds; null keeps them all. */
  readonly retentionMs: number | null;
  /** The section `models:` of the configuration. */
  readonly models: JsonObject | null;
  readonly defaultModel: string | null;
  /** Look for servers of models on this machine. */
  readonly discover: boolean;
  readonly tenant: string;
  readonly name: string;
  readonly problem: (message: string, runId: string, error: unknown) => void;
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

export type { ModelListing, ModelTest };

export interface Composition {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly models: Models;
  close(graceMs: number): Promise<void>;
}

/** Bytes from which a payload is a file of its own instead of a row. */
const OBJECT_BYTES_MIN = 256 * 1024;
const LEASE_MS = 12_000;
const RESULT_BYTES_MAX = 100 * 1024 * 1024;
const MEMORY_SHARE = 0.25;

interface Store {
  readonly journal: Journal;
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly blobs: BlobStore;
  /** Payloads from this size on go to the blob store; without one of its own the database keeps them all. */
  readonly objectBytesMin: number;
  /** Flushes on their way at the same time. */
  readonly lanes: number;
}

/** The only place that names drivers: chooses them by the address of the store, and puts the process together. */
export async function compose(options: ComposeOptions): Promise<Composition> {
  const { rehearsal } = options;
  const clock = rehearsal?.clock ?? systemClock;
  const { journal, database, catalogue, blobs, objectBytesMin, lanes } = await openStore(options.store, clock);
  try {
    const joined = () =>
      journal.join({ name: options.name, incarnation: randomUUID(), pid: process.pid, leaseMs: LEASE_MS });
    const membership = await joined();
    const discovered = options.discover ? await discoverModels({ ollamaHost: process.env["OLLAMA_HOST"] }) : [];
    const models = openModels({
      config: modelsConfig(options),
      discovered,
      builtins: builtinModels(),
      builtinDefault: BUILTIN_DEFAULT,
    });
    const catalog = rehearsal?.models(models.catalog) ?? models.catalog;
    const executors = [...builtinNodes({ catalog, http: { allow: [...options.httpAllow] } }), ...options.nodes];
    const registry = nodeRegistry(rehearsal?.executors(executors) ?? executors);
    const pools = { ...POOL_DEFAULTS, ...options.pools };
    const engine = new Engine({
      journal,
      membership,
      join: joined,
      blobs,
      catalogue,
      live: memoryLive<RunNotice>(),
      registry,
      clock,
      tenant: options.tenant,
      worker: (reports) => new Worker({ registry, clock, pools, resultBytesMax: RESULT_BYTES_MAX, ...reports }),
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
    engine.start();
    const retention =
      options.retentionMs === null
        ? null
        : new Retention({
            journal,
            clock,
            keepMs: options.retentionMs,
            problem: (message, error) => options.problem(message, "", error),
          });
    retention?.start();
    return {
      engine,
      journal,
      models: { listings: models.listings, test: (name) => testModel(models.catalog.get(name)) },
      async close(graceMs) {
        await retention?.close();
        await engine.close(graceMs);
        await models.close();
        await Promise.all([journal.close(), database.close(), blobs.close()]);
      },
    };
  } catch (error) {
    await Promise.all([journal.close(), database.close(), blobs.close()]);
    throw error;
  }
}

async function openStore(address: StoreAddress, clock: Clock): Promise<Store> {
  if (address === "memory") {
    const journal = memoryJournal({ now: () => clock.now(), autoRenew: true });
    return {
      journal,
      database: await memoryDatabase(),
      catalogue: memoryCatalogue(),
      blobs: memoryBlobs(),
      objectBytesMin: Infinity,
      lanes: 1,
    };
  }
  if (/^postgres(ql)?:\/\//.test(address)) {
    // Loaded on first use: a laptop never needs the client.
    const [{ postgresJournal }, { postgresDatabase }] = await Promise.all([
      import("./journal/postgres.ts"),
      import("./db/database-postgres.ts"),
    ]);
    const journal = await postgresJournal({ url: address });
    const database = await postgresDatabase({ url: address });
    return {
      journal,
      database,
      catalogue: sqlCatalogue(database),
      blobs: memoryBlobs(),
      objectBytesMin: Infinity,
      lanes: 2,
    };
  }
  mkdirSync(address, { recursive: true, mode: 0o700 });
  // The journal first: it holds the lock on the folder.
  const journal = await sqliteJournal({ folder: address });
  const database = await sqliteDatabase({ folder: address });
  return {
    journal,
    database,
    catalogue: sqlCatalogue(database),
    blobs: fsBlobs({ folder: join(address, "blobs") }),
    objectBytesMin: OBJECT_BYTES_MIN,
    // One is written, one waits in the thread: it never idles for want of rows.
    lanes: 2,
  };
}

/** A quarter of what V8 may use for its heap. */
function heapShare(): number {
  return Math.floor(getHeapStatistics().heap_size_limit * MEMORY_SHARE);
}

function modelsConfig({ models: section, defaultModel }: ComposeOptions): ModelsConfig {
  if (section === null && defaultModel === null) return NO_MODELS_CONFIG;
  const config = { ...(section ? { models: section } : {}), ...(defaultModel ? { default_model: defaultModel } : {}) };
  const { models, mistakes } = readModelsConfig(config, process.env);
  if (mistakes.length === 0) return models;
  const told = mistakes.map(({ pointer, message }) => ({ pointer, message }));
  throw new AppError("CONFIGURATION_INVALID", {
    count: told.length,
    first: `${told[0]!.pointer} ${told[0]!.message}`,
    mistakes: told,
  });
}
