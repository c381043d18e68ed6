import { randomUUID } from "node:crypto";
import type { ConversationStore } from "./conversations/conversations.ts";
import { BACKLOG_MAX } from "./limits/pressure.ts";
import { Engine, type EngineOptions, type WorkerReports } from "./runtime/engine.ts";
import type { Clock } from "./runtime/clock.ts";
import type { SecretKeeper } from "./secrets/keeper.ts";
import type { EngineMetrics } from "./telemetry/engine-metrics.ts";
import type { OutgoingWebhooks } from "./webhooks/outgoing.ts";
import type { MoveOutOptions } from "./worker/move-out.ts";
import type { CachedReads } from "./compose-cache.ts";
import type { Intervention } from "./compose-intervention.ts";
import type { LiveChannels } from "./compose-live.ts";
import type { ComposeOptions } from "./compose-options.ts";
import { heapShare, processLoad, processSignals } from "./compose-process.ts";
import type { Steps } from "./compose-steps.ts";
import type { Store } from "./compose-store.ts";
import { workforce, type TaskTraffic, type Workforce } from "./compose-tasks.ts";
import type { Upkeep } from "./compose-upkeep.ts";

export interface OpenEngineOptions {
  readonly chosen: ComposeOptions;
  readonly store: Store;
  readonly upkeep: Upkeep;
  readonly channels: LiveChannels;
  readonly reads: CachedReads;
  readonly traffic: TaskTraffic;
  readonly secrets: SecretKeeper;
  readonly conversations: ConversationStore;
  readonly steps: Steps;
  readonly webhooks: OutgoingWebhooks;
  readonly intervention: Intervention;
  readonly metrics: EngineMetrics;
  readonly moved: MoveOutOptions;
  readonly clock: Clock;
}

/** The engine and those who work for it. */
export interface OpenEngine {
  readonly engine: Engine;
  readonly force: Workforce;
  /** How those who work report to the engine. */
  readonly reports: WorkerReports;
}

const LEASE_MS = 12_000;
export const RESULT_BYTES_MAX = 100 * 1024 * 1024;
const RUNS_MAX = 50_000;
/** Channel on which a process says that runs wait to be claimed: it has begun them for others, or given them back. */
const CLAIMABLE = "claimable";

/** Joins the store and puts the engine together. It is not started, and closing it leaves the store. */
export async function openEngine(options: OpenEngineOptions): Promise<OpenEngine> {
  const { chosen, store, upkeep, channels, steps, webhooks, metrics, clock } = options;
  const { rehearsal } = chosen;
  const join: EngineOptions["join"] = () =>
    store.journal.join({ name: chosen.name, incarnation: randomUUID(), pid: process.pid, leaseMs: LEASE_MS });
  let made!: Pick<OpenEngine, "force" | "reports">;
  // Nothing is waited for between the membership and the engine that ends it.
  const engine = new Engine({
    journal: store.journal,
    membership: await join(),
    join,
    blobs: upkeep.blobs,
    catalogue: options.reads.catalogue,
    // A rehearsal knows them all: each reads as its name.
    ...(rehearsal ? {} : { secretNames: () => options.secrets.names(chosen.tenant) }),
    live: channels.runs,
    streamLog: store.streamLog,
    conversations: {
      store: options.conversations,
      file: async (id) => (await steps.files.find(chosen.tenant, id))?.value ?? null,
    },
    // Where time is skipped nothing may be due for ever again.
    ...(rehearsal ? {} : { search: { index: store.search, load: processLoad() } }),
    registry: steps.registry,
    clock,
    tenant: chosen.tenant,
    own: chosen.own ?? true,
    claimable: () => channels.signals.publish(CLAIMABLE, null),
    standing: (runKey, state, run) => made.force.standing(runKey, state, run),
    worker: (reports) => {
      made = { reports, force: workforceOf(options, reports) };
      return made.force.router;
    },
    tookOver: options.intervention.tookOver,
    ended: (state) => metrics.runEnded(state),
    ...(rehearsal
      ? {}
      : {
          observer: webhooks.teller,
          callbacks: { keep: (run: string, url: string) => webhooks.service.keepCallback(run, url) },
          overload: {
            process: processSignals(),
            pools: () => made.force.worker.pressure(),
            hold: (classes) => made.force.worker.hold(classes),
            backlogMax: chosen.backlogMax ?? BACKLOG_MAX,
            sheds: chosen.sheds ?? false,
            refused: (priority, reason) => metrics.refused(priority, reason),
          },
        }),
    lanes: store.lanes,
    limits: {
      runsMax: RUNS_MAX,
      payloadBytesMax: heapShare(),
      objectBytesMin: store.objectBytesMin,
      recoveryBytesMax: heapShare(),
      // Where time is skipped a run stays held: looking for it every two seconds would cost a year of looks.
      ...(rehearsal ? { restMsMin: Infinity, pollMsMax: 2 ** 42 } : {}),
    },
    problem: chosen.problem,
  });
  return { engine, ...made };
}

/** Has the engine look for runs whenever another process says that some can be claimed. The answer ends it. */
export function hearClaimable(channels: LiveChannels, engine: Engine): () => void {
  return channels.signals.subscribe(CLAIMABLE, () => engine.poke());
}

function workforceOf(options: OpenEngineOptions, reports: WorkerReports): Workforce {
  const { chosen, traffic, channels, steps, metrics, moved, clock } = options;
  const { rehearsal } = chosen;
  return workforce(
    {
      traffic,
      signals: channels.signals,
      wire: channels.handover,
      clock,
      name: chosen.name,
      own: chosen.own ?? true,
      pools: chosen.pools,
      serves: chosen.serves ?? null,
      queueMsMax: chosen.queueMsMax ?? null,
      handover: chosen.handover ?? true,
      given: (way) => metrics.taskGiven(way),
      ...moved,
      worker: {
        registry: steps.registry,
        resultBytesMax: RESULT_BYTES_MAX,
        ended: (type, outcome, ms, wanted) => metrics.taskEnded(type, outcome, ms, wanted),
        ...(rehearsal && rehearsal.live !== true ? {} : { secrets: options.secrets }),
      },
      problem: chosen.problem,
    },
    reports,
  );
}
