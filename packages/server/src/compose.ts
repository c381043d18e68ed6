import { conversationStore } from "./conversations/store.ts";
import { databaseTime, processClock, serverClock } from "./db/database-clock.ts";
import { storeIdentity } from "./db/store-identity.ts";
import { tenantFiles, type TenantFiles } from "./files/tenant-files.ts";
import type { ModelTest } from "./gateway/model-check.ts";
import type { ModelListing } from "./gateway/models.ts";
import type { DeadLetters } from "./intervention/dead-letters.ts";
import type { Operations } from "./intervention/operations.ts";
import type { Journal } from "./journal/journal.ts";
import type { OwnWorkers } from "./own-workers/own-workers.ts";
import type { Pools } from "./pools/pools.ts";
import { ChildRuns } from "./runtime/child-runs.ts";
import { systemClock } from "./runtime/clock.ts";
import { SharedClock } from "./runtime/shared-clock.ts";
import type { Engine } from "./runtime/engine.ts";
import type { Schedules } from "./schedules/open.ts";
import { EnvironmentSecrets } from "./secrets/environment.ts";
import { SecretKeeper } from "./secrets/keeper.ts";
import { masterKeys, passingMasterKeys, type MasterKeys } from "./secrets/master-key.ts";
import { SecretTables } from "./secrets/store.ts";
import { EngineMetrics } from "./telemetry/engine-metrics.ts";
import { presenceLines } from "./telemetry/presence-metrics.ts";
import type { Webhooks } from "./triggers/webhooks.ts";
import { outgoingWebhooks } from "./webhooks/outgoing.ts";
import type { WebhookService } from "./webhooks/service.ts";
import { loadVariance } from "./worker/presence.ts";
import { openCache } from "./compose-cache.ts";
import { hearClaimable, openEngine } from "./compose-engine.ts";
import { openIntervention } from "./compose-intervention.ts";
import { openLive, type LiveChannels } from "./compose-live.ts";
import { openGateway, type Models } from "./compose-models.ts";
import { openAll } from "./compose-opened.ts";
import { recurs, type ComposeOptions, type Rehearsal } from "./compose-options.ts";
import { openBeginnings, openOwnWorkers, openPools, sweepFiles } from "./compose-services.ts";
import { openSteps } from "./compose-steps.ts";
import { isPostgres, openStore, type ObjectStoreAddress, type StoreAddress } from "./compose-store.ts";
import { openTraffic } from "./compose-tasks.ts";
import { openUpkeep } from "./compose-upkeep.ts";

export type {
  ComposeOptions,
  DeadLetters,
  ModelListing,
  Models,
  ModelTest,
  ObjectStoreAddress,
  Operations,
  OwnWorkers,
  Pools,
  Rehearsal,
  Schedules,
  StoreAddress,
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

/** Channel on which a process says that it has changed the receivers of webhooks. */
const WEBHOOKS_CHANGED = "webhooks-changed";
/** Results of this size that are told by another process go to the object store and not through the inbox. */
const RESULT_INLINE_MAX = 256 * 1024;

/**
 * Puts the process together. This file and its parts, `compose-*.ts`, are the only ones that name drivers. What is
 * opened here is closed in the reverse order, also where something that comes later cannot be opened.
 */
export function compose(options: ComposeOptions): Promise<Composition> {
  return openAll(async (opened) => {
    const { rehearsal, tenant } = options;
    const shared = new SharedClock(
      systemClock,
      () => databaseTime(store.database, serverClock),
      (message, error) => problem(message, error),
    );
    const clock = rehearsal?.clock ?? (isPostgres(options.store) ? shared : systemClock);
    const sqlClock = isPostgres(options.store) ? serverClock : processClock(() => clock.now());
    const problem = (message: string, error: unknown): void => options.problem(message, "", error);

    const { listenUrl = null } = options;
    // What is stored, and what processes on the store tell each other.
    const store = opened.keep(
      await openStore(options.store, clock, tenant, options.objects ?? null, problem, listenUrl),
    );
    const { journal, database } = store;
    // What processes compare is told by one clock, whatever theirs say.
    if (clock === shared) await opened.keep(shared).start();
    const keepMs = options.retentionMs;
    const upkeep = openUpkeep({ ...store, clock, sqlClock, tenant, keepMs, problem });
    const channels = opened.keep(await openLive(options.store, database, options.live ?? null, listenUrl));
    const reads = opened.keep(
      await openCache({ ...store, store: options.store, live: channels, address: options.cache ?? null, tenant }),
    );
    const traffic = opened.keep(
      await openTraffic(options.store, options.transport ?? null, {
        journal,
        identity: () => storeIdentity(database),
        budget: store.connections?.budget,
        way: store.connections?.way,
        clock,
        problem,
      }),
    );
    const secrets = new SecretKeeper({
      environment: new EnvironmentSecrets(options.environment ?? {}),
      tables: new SecretTables(database),
      keys: keysOf(options),
      now: () => clock.now(),
    });
    if (options.reading !== true) await secrets.check();

    // What steps are done with.
    const metrics = new EngineMetrics();
    const gateway = opened.keep(await openGateway(options, metrics));
    const conversations = conversationStore(database);
    const steps = opened.keep(
      await openSteps({
        chosen: options,
        ...store,
        conversations,
        gateway,
        secrets: rehearsal && rehearsal.live !== true ? null : secrets,
        childRuns: () => childRuns,
        clock,
        problem,
      }),
    );

    // The engine, those who are told of its runs, and those who work for it.
    const webhooks = opened.keep(
      outgoingWebhooks({
        database,
        journal,
        sealer: secrets,
        guard: steps.guard,
        clock,
        tenant,
        isShared: isPostgres(options.store),
        tell: () => channels.signals.publish(WEBHOOKS_CHANGED, null),
        problem,
      }),
    );
    // A rehearsal tells nobody of its runs.
    if (!rehearsal) await webhooks.open();
    const intervening = openIntervention({
      database,
      journal,
      clock,
      sqlClock,
      tenant,
      reading: options.reading === true,
      problem: options.problem,
    });
    const moved = {
      objectBytesMin: Math.min(store.objectBytesMin, RESULT_INLINE_MAX),
      putObject: (owner: string, hash: string, bytes: Uint8Array) => upkeep.blobs.put(`${owner}/${hash}`, bytes),
    };
    const parts = { chosen: options, channels, traffic, steps, moved, clock };
    const open = await openEngine({
      ...parts,
      store,
      upkeep,
      reads,
      secrets,
      conversations,
      webhooks,
      intervention: intervening,
      metrics,
    });
    const { engine, force } = open;
    opened.keep(engine);
    opened.keep(force.presences);
    store.connections?.start();
    const childRuns = new ChildRuns(engine.runs, engine.workflows);
    const ownWorkers = opened.keep(openOwnWorkers({ ...parts, opened: open }));
    // Before anything begins: a pool that is paused stays so when a process comes back.
    const { pools } = opened.keep(await openPools({ ...parts, opened: open, ownWorkers, database }));

    // Everything is there: begin.
    const intervention = opened.keep(intervening.open(engine.runs));
    if (options.reading !== true) {
      engine.start();
      force.foreign?.start();
    }
    if (recurs(options)) intervention.start();
    if ((options.own ?? true) && recurs(options)) webhooks.start();
    opened.keep({ close: channels.signals.subscribe(WEBHOOKS_CHANGED, () => webhooks.refresh()) });
    // Who advances no runs has nothing to look for.
    if (options.own ?? true) opened.keep({ close: hearClaimable(channels, engine) });
    opened.keep(upkeep);
    if (recurs(options)) upkeep.start(() => engine.workflows.ownRetentions());
    opened.keep(sweepFiles(options, steps.files, clock));
    const beginnings = opened.keep(openBeginnings({ chosen: options, engine, database, sqlClock, secrets, clock }));

    return {
      engine,
      journal,
      secrets,
      pools,
      live: channels,
      metrics: () => [
        ...metrics.lines(force.worker.pressure(), engine.overload.pressure),
        ...beginnings.metrics.lines(),
        ...upkeep.metrics.lines(),
        ...webhooks.metrics(),
        ...reads.metrics(),
        ...presenceLines(force.presences.all(), loadVariance),
      ],
      models: gateway.models,
      files: tenantFiles(steps.files, tenant, () => clock.now()),
      deadLetters: intervention.deadLetters,
      operations: intervention.operations,
      webhooks: webhooks.service,
      triggers: beginnings.triggers,
      schedules: beginnings.schedules,
      ownWorkers,
      close: (graceMs) => opened.close(graceMs),
    };
  });
}

/** Where the keys of stored secrets are: never in the database. */
function keysOf({ store, environment = {} }: ComposeOptions): MasterKeys {
  if (store === "memory") return passingMasterKeys();
  return masterKeys(environment, isPostgres(store) ? null : store);
}
