import type { SqlClock } from "./db/database-clock.ts";
import type { Database } from "./db/database.ts";
import type { Files } from "./files/files.ts";
import { OwnWorkers } from "./own-workers/own-workers.ts";
import { PoolControlTable } from "./pools/control-table.ts";
import { Pools } from "./pools/pools.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Engine } from "./runtime/engine.ts";
import { Recurring } from "./runtime/recurring.ts";
import { openSchedules, type Schedules } from "./schedules/open.ts";
import type { SecretKeeper } from "./secrets/keeper.ts";
import { ScheduleMetrics } from "./telemetry/schedule-metrics.ts";
import { WebhookTable } from "./triggers/store.ts";
import { Webhooks } from "./triggers/webhooks.ts";
import type { MoveOutOptions } from "./worker/move-out.ts";
import { ResultCache } from "./worker/result-cache.ts";
import { RESULT_BYTES_MAX, type OpenEngine } from "./compose-engine.ts";
import type { LiveChannels } from "./compose-live.ts";
import { openAll } from "./compose-opened.ts";
import { recurs, type ComposeOptions } from "./compose-options.ts";
import type { Steps } from "./compose-steps.ts";
import type { TaskTraffic } from "./compose-tasks.ts";

/** Between two looks which pools are paused, for one who missed the word. */
const POOLS_MS = 10_000;

export interface OwnWorkersSurroundings {
  readonly chosen: ComposeOptions;
  readonly opened: OpenEngine;
  readonly traffic: TaskTraffic;
  readonly channels: LiveChannels;
  readonly steps: Steps;
  readonly moved: MoveOutOptions;
  readonly clock: Clock;
}

/** The door for users' own workers. */
export function openOwnWorkers(surroundings: OwnWorkersSurroundings): OwnWorkers {
  const { chosen, opened, traffic, channels, steps, moved, clock } = surroundings;
  const { engine, reports } = opened;
  return new OwnWorkers({
    store: traffic.tasks,
    holders: traffic.tasks.holders,
    transport: traffic.transport,
    signals: channels.signals,
    tenant: chosen.tenant,
    executor: steps.registry.get("worker"),
    payloads: reports.payloads,
    plans: reports.plans,
    cache: new ResultCache(clock),
    clock,
    resultBytesMax: RESULT_BYTES_MAX,
    ...moved,
    reported: () => engine.poke(),
    sweeps: !traffic.isShared && recurs(chosen),
    problem: chosen.problem,
  });
}

export interface PoolsSurroundings {
  readonly chosen: ComposeOptions;
  readonly opened: OpenEngine;
  readonly ownWorkers: OwnWorkers;
  readonly database: Database;
  readonly traffic: TaskTraffic;
  readonly channels: LiveChannels;
  readonly clock: Clock;
}

/** The pools and their controls: those that are paused begin nothing here from now on. */
export function openPools(surroundings: PoolsSurroundings): Promise<{ readonly pools: Pools; close(): Promise<void> }> {
  const { chosen, opened: engine, ownWorkers, database, traffic, channels, clock } = surroundings;
  return openAll(async (opened) => {
    const pools = opened.keep(
      new Pools({
        table: new PoolControlTable(database),
        signals: channels.signals,
        now: () => clock.now(),
        shares: () => engine.force.presences.all(),
        depths: () => traffic.tasks.depths(),
        apply: (paused) => {
          engine.force.pause(paused);
          ownWorkers.pause(paused);
        },
      }),
    );
    if (chosen.reading !== true) await pools.refresh();
    if (recurs(chosen)) {
      const watch = new Recurring({
        clock,
        firstMs: POOLS_MS,
        everyMs: POOLS_MS,
        work: () => pools.refresh(),
        failed: (error) => chosen.problem("which pools are paused could not be read; trying again", "", error),
      });
      opened.keep(watch).start();
    }
    return { pools, close: () => opened.close() };
  });
}

/** Deletes expired files now and then. */
export function sweepFiles(chosen: ComposeOptions, files: Files, clock: Clock): Recurring {
  const sweeper = new Recurring({
    clock,
    firstMs: 60_000,
    everyMs: 600_000,
    work: () => files.prune(),
    failed: (error) => chosen.problem("expired files could not be deleted; trying again in ten minutes", "", error),
  });
  if (recurs(chosen)) sweeper.start();
  return sweeper;
}

export interface BeginningsSurroundings {
  readonly chosen: ComposeOptions;
  readonly engine: Engine;
  readonly database: Database;
  readonly sqlClock: SqlClock;
  readonly secrets: SecretKeeper;
  readonly clock: Clock;
}

/** What begins runs without a caller of the API: times, and calls from outside. */
export interface Beginnings {
  readonly schedules: Schedules;
  readonly triggers: Webhooks;
  readonly metrics: ScheduleMetrics;
  close(): Promise<void>;
}

export function openBeginnings(surroundings: BeginningsSurroundings): Beginnings {
  const { chosen, engine, database, sqlClock, secrets, clock } = surroundings;
  const { workflows, runs } = engine;
  const { tenant } = chosen;
  const metrics = new ScheduleMetrics();
  const { schedules, close } = openSchedules({
    database,
    tenant,
    sqlClock,
    plan: async (name, version) => (await workflows.prepare(name, version)).plan,
    runs,
    clock,
    fired: (outcome, lateMs) => metrics.fired(outcome, lateMs),
    problem: (message, error) => chosen.problem(message, "", error),
    works: (chosen.own ?? true) && recurs(chosen),
  });
  const triggers = new Webhooks({
    table: new WebhookTable(database),
    tenant,
    now: () => clock.now(),
    plan: async (name) => (await workflows.prepare(name, null)).plan,
    plans: () => workflows.withTriggers(),
    start: (submission) => runs.start(submission),
    schedules: () => schedules.atRoots(),
    secrets,
  });
  return { schedules, triggers, metrics, close };
}
