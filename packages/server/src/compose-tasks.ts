import type { Json, RunState } from "@weftwork/core";
import type { Budget } from "./connections/shares.ts";
import type { Way } from "./connections/way.ts";
import type { Journal } from "./journal/journal.ts";
import type { PoolSizes } from "./limits/pool-size.ts";
import type { Live } from "./live/live.ts";
import type { Clock } from "./runtime/clock.ts";
import { MemoryTasks } from "./tasks/memory.ts";
import type { TaskHolders } from "./tasks/task-holders.ts";
import type { TaskStore } from "./tasks/task-store.ts";
import { memoryTransport } from "./transport/memory.ts";
import type { Transport, TransportOptions } from "./transport/transport.ts";
import { POOL_DEFAULTS, Worker, type WorkerOptions } from "./worker/worker.ts";
import { Presences, type Presence } from "./worker/presence.ts";
import { RemoteTasks, type RemoteTasksOptions } from "./worker/remote-tasks.ts";
import type { HandoverMessage } from "./worker/handover-wire.ts";
import type { MoveOutOptions } from "./worker/move-out.ts";
import { weighed } from "./worker/room.ts";
import { Router } from "./worker/router.ts";
import { TaskWorker } from "./worker/task-worker.ts";
import type { WorkerReports } from "./runtime/engine.ts";
import type { HotRun } from "./runtime/hot-run.ts";
import { openAll, together } from "./compose-opened.ts";
import { eventLoopDelay, processLoad } from "./compose-process.ts";
import { isPostgres, type StoreAddress } from "./compose-store.ts";

/** What carries tickets, where it is not the store itself. */
export interface TransportAddress {
  readonly type: "redis" | "rabbitmq";
  readonly url: string;
}

/** Where tasks wait that other processes do, and what carries the word of them. */
export interface TaskTraffic {
  readonly tasks: TaskStore & { readonly holders: TaskHolders };
  readonly transport: Transport;
  /** Other processes can be on the same store. */
  readonly isShared: boolean;
  close(): Promise<void>;
}

export async function openTraffic(
  store: StoreAddress,
  address: TransportAddress | null,
  options: TransportOptions & {
    readonly journal: Journal;
    readonly clock: Clock;
    readonly budget?: Budget | undefined;
    readonly way?: Way | undefined;
    /** What this database is called by all who use it: stores that share a service are told apart by it. */
    readonly identity: () => Promise<string>;
  },
): Promise<TaskTraffic> {
  const { journal, clock, problem, budget, way, identity } = options;
  if (!isPostgres(store)) {
    const tasks = new MemoryTasks({ journal, now: () => clock.now() });
    const transport = memoryTransport({ problem });
    return { tasks, transport, isShared: false, close: async () => together(transport, tasks).close(0) };
  }
  const { PostgresTasks } = await import("./tasks/postgres.ts");
  return openAll(async (opened) => {
    const shared = { ...(budget ? { budget } : {}), ...(way ? { way } : {}) };
    const tasks = opened.keep(await PostgresTasks.open({ url: store, ...shared }));
    const transport = opened.keep(await openTransport(store, address, identity, { problem, ...shared }));
    return { tasks, transport, isShared: true, close: () => opened.close() };
  });
}

/** The client of a service is loaded when that service is chosen. */
async function openTransport(
  store: StoreAddress,
  address: TransportAddress | null,
  identity: () => Promise<string>,
  { budget, way, ...options }: TransportOptions & { readonly budget?: Budget; readonly way?: Way },
): Promise<Transport> {
  const prefix = address && `weft-${await identity()}`;
  switch (address?.type) {
    case "redis":
      return (await import("./transport/redis.ts")).redisTransport({ ...options, url: address.url, prefix: prefix! });
    case "rabbitmq":
      return (await import("./transport/rabbitmq.ts")).rabbitmqTransport({
        ...options,
        url: address.url,
        prefix: prefix!,
      });
    case undefined:
      return (await import("./transport/postgres.ts")).postgresTransport({
        ...options,
        url: store,
        ...(budget ? { budget } : {}),
        ...(way ? { way } : {}),
      });
  }
}

export interface WorkforceOptions extends MoveOutOptions {
  readonly traffic: TaskTraffic;
  readonly signals: Live<Json>;
  readonly wire: Live<HandoverMessage>;
  readonly clock: Clock;
  readonly name: string;
  readonly own: boolean;
  readonly pools: PoolSizes;
  /** The pools served here; null: all. */
  readonly serves: readonly string[] | null;
  readonly queueMsMax: number | null;
  /** Tasks are handed straight to workers of other processes that have room. */
  readonly handover: boolean;
  readonly given: RemoteTasksOptions["given"];
  readonly worker: Omit<WorkerOptions, keyof WorkerReports | "pools" | "clock">;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

/** Those who do tasks: this process, and others for it; and it for others. */
export interface Workforce {
  readonly router: Router;
  readonly worker: Worker;
  readonly remote: RemoteTasks;
  /** Null where nobody else can be on the store. */
  readonly foreign: TaskWorker | null;
  readonly presences: Presences;
  /** Tasks of a run that nobody has taken. For a run that is held here, asked of the store only if it gave some away. */
  standing(
    runKey: number,
    state: RunState,
    run: HotRun | undefined,
  ): Promise<ReadonlyMap<string, { readonly pool: string; readonly since: number }>>;
  /** Begins nothing of these pools, and again of all others. */
  pause(paused: ReadonlySet<string>): void;
}

/** Slots of a pool whose name says nothing. */
const OWN_POOL_SLOTS = 16;
/** Tasks of a pool that one owner has standing in the store: more than its workers take in a moment. */
const WINDOW = 512;

export function workforce(options: WorkforceOptions, reports: WorkerReports): Workforce {
  const { traffic, signals, wire, clock, problem } = options;
  const { member } = reports;
  const pools = servedPools({ ...POOL_DEFAULTS, ...options.pools }, options.serves);
  let foreign: TaskWorker | null = null;
  const worker = new Worker({
    ...options.worker,
    ...reports,
    clock,
    pools,
    keepsBegun: traffic.isShared,
    mayStart: (run) => reports.mayStart() && (foreign?.mayStart(run) ?? true),
    report: (run, task, outcome) =>
      foreign?.isForeign(run) ? foreign.report(run, outcome) : reports.report(run, task, outcome),
    progress: (run, task, part) =>
      foreign?.isForeign(run) ? foreign.progress(run, part) : reports.progress(run, task, part),
  });
  const [load, loopDelay] = [processLoad(), eventLoopDelay()];
  let measured = { at: -Infinity, load: 0, loopDelayMs: 0 };
  /** Asked for by several: what is measured is the time since it was measured last. */
  const busy = (): { readonly load: number; readonly loopDelayMs: number } => {
    if (clock.monotonic() - measured.at > 1000)
      measured = { at: clock.monotonic(), load: Math.round(load() * 100), loopDelayMs: loopDelay() };
    return measured;
  };
  const self = (): Presence => {
    const served = worker
      .pressure()
      .map(({ pool, concurrency: slots, active, waiting }) => [pool, { slots, active, waiting }]);
    return {
      worker: member.workerKey,
      name: options.name,
      pid: process.pid,
      owns: options.own,
      load: busy().load,
      loopDelayMs: busy().loopDelayMs,
      takesHanded: foreign?.takesHanded ?? false,
      pools: Object.fromEntries(served) as Presence["pools"],
    };
  };
  const presences = new Presences({ signals, clock, self, key: () => member.workerKey, isAlone: !traffic.isShared });
  const remote = new RemoteTasks({
    store: traffic.tasks,
    transport: traffic.transport,
    clock,
    owner: () => member.workerKey,
    signals,
    wire,
    others: () => (options.handover ? presences.reachable() : []),
    given: options.given,
    window: WINDOW,
    queueMsMax: options.queueMsMax,
    mayTake: reports.mayStart,
    report: reports.report,
    record: reports.record,
    progress: reports.progress,
    problem: (message, error) => problem(message, "", error),
  });
  if (traffic.isShared)
    foreign = new TaskWorker({
      store: traffic.tasks,
      transport: traffic.transport,
      clock,
      member,
      signals,
      wire,
      pools: Object.keys(pools),
      room: (pool) => weighed(worker.room(pool), busy().loopDelayMs),
      plans: reports.plans,
      dispatch: (run, command) => worker.dispatch(run, command),
      abort: (run, commandId) => worker.abort(run, commandId),
      hasBegun: (run) => worker.hasBegun(run),
      changed: () => presences.tell(),
      putObject: options.putObject,
      objectBytesMin: options.objectBytesMin,
      problem,
    });
  const standing: Workforce["standing"] = async (runKey, { owed }, run) => {
    if (run && [...owed.keys()].every((id) => !remote.mayWait(run, id))) return new Map();
    const tasks = await traffic.tasks.of(runKey);
    return new Map(
      tasks.filter(({ isHeld }) => !isHeld).map(({ task, pool, postedAt }) => [task, { pool, since: postedAt }]),
    );
  };
  const pause = (paused: ReadonlySet<string>): void => {
    worker.pause(paused);
    foreign?.pause(paused);
  };
  const router = new Router(
    worker,
    remote,
    foreign,
    (pool) => worker.isBehind(pool) && presences.slotsElsewhere(pool) > 0,
  );
  return { router, worker, remote, foreign, presences, standing, pause };
}

function servedPools(sizes: PoolSizes, serves: readonly string[] | null): PoolSizes {
  if (serves === null) return sizes;
  return Object.fromEntries(serves.map((name) => [name, sizes[name] ?? OWN_POOL_SLOTS]));
}
