import type { BlobStore } from "../../packages/server/src/blob/blob.ts";
import type { Catalogue } from "../../packages/server/src/db/catalogue.ts";
import type { MemoryJournal } from "../../packages/server/src/journal/memory.ts";
import { memoryLive } from "../../packages/server/src/live/memory.ts";
import { nodeRegistry } from "../../packages/server/src/nodes/registry.ts";
import type { Clock } from "../../packages/server/src/runtime/clock.ts";
import { Engine } from "../../packages/server/src/runtime/engine.ts";
import { memoryStreamLog } from "../../packages/server/src/streamlog/memory.ts";
import type { RunNotice } from "../../packages/server/src/runtime/owner.ts";
import { Worker } from "../../packages/server/src/worker/worker.ts";
import { simulatedNodes, type Recorder } from "./effects.ts";
import type { Failpoint, Faults } from "./faults.ts";
import { PLANS } from "./library.ts";
import { LEASE_MS } from "./lease.ts";
import { Link, type Caller } from "./link.ts";
import { blobsOver, journalOver } from "./network.ts";
import { TENANT, type World } from "./world.ts";

/** What all processes share: the stores, and the world outside. */
export interface Shared {
  readonly world: World;
  readonly faults: Faults;
  readonly journal: MemoryJournal;
  readonly blobs: BlobStore;
  readonly catalogue: Catalogue;
  readonly recorder: Recorder;
  /** Tasks that a process does at the same time; few, so that some wait. */
  readonly poolSize: number;
  /** A process died. */
  readonly crashed: (process: SimProcess, where: string) => void;
  readonly problem: (process: SimProcess, message: string, runId: string, error: unknown) => void;
}

/** One process from its start to its end: the whole engine with its own worker, over the network. */
export class SimProcess implements Caller {
  readonly name: string;
  readonly clock: Clock;
  alive = true;
  stoppedUntil = 0;
  /** Null until it has joined. */
  engine: Engine | null = null;
  private readonly shared: Shared;

  /** `skewMs`: how far its wall clock is off. */
  constructor(shared: Shared, name: string, skewMs: number) {
    const { world } = shared;
    this.shared = shared;
    this.name = name;
    this.clock = {
      now: () => Math.floor(world.now) + skewMs,
      monotonic: () => world.now,
      after: (ms, callback) => world.after(ms, this, "is called back", callback),
      soon: (callback) => void world.after(0, this, "goes on", callback),
    };
    world.after(0, this, "starts", () => void this.start());
  }

  dies(point: Failpoint): boolean {
    return this.shared.faults.crashes(point) && this.crash(point);
  }

  /** `kill -9`: nothing of it happens any more. */
  crash(where: string): true {
    if (this.alive) {
      this.alive = false;
      this.shared.world.note(`${this.name} crashes: ${where}`);
      this.shared.crashed(this, where);
    }
    return true;
  }

  /** SIGSTOP, and SIGCONT after a while. */
  pause(ms: number): void {
    this.shared.world.note(`${this.name} is stopped for ${ms} ms`);
    this.stoppedUntil = this.shared.world.now + ms;
  }

  /** SIGTERM: ends in order, and is gone then. */
  async stop(graceMs: number): Promise<void> {
    await this.engine?.close(graceMs);
    this.crash("ended in order");
  }

  private async start(): Promise<void> {
    const { world, faults, journal, blobs, catalogue, recorder } = this.shared;
    const link = new Link(world, faults, this);
    const remote = journalOver(link, journal);
    const registry = nodeRegistry(simulatedNodes(world, this, recorder));
    const join = () => remote.join({ name: "sim", incarnation: this.name, pid: 1, leaseMs: LEASE_MS });
    for (;;) {
      try {
        const membership = await join();
        this.engine = new Engine({
          journal: remote,
          membership,
          join,
          blobs: blobsOver(link, blobs),
          catalogue,
          live: memoryLive<RunNotice>(),
          streamLog: memoryStreamLog(),
          registry,
          clock: this.clock,
          tenant: TENANT,
          worker: (reports) =>
            new Worker({
              registry,
              clock: this.clock,
              pools: { default: this.shared.poolSize },
              resultBytesMax: 1e6,
              ...reports,
            }),
          lanes: 2,
          plans: PLANS,
          limits: {
            runsMax: 1000,
            payloadBytesMax: 20_000,
            objectBytesMin: 5000,
            recoveryBytesMax: 1e6,
            snapshotEvents: 12,
          },
          problem: (message, runId, error) => this.shared.problem(this, message, runId, error),
        });
        this.engine.start();
        return;
      } catch {
        await new Promise<void>((resolve) => void this.clock.after(500, resolve));
      }
    }
  }
}
