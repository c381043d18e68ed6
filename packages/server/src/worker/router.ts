import type { DispatchTask } from "@weftwork/core";
import type { HotRun } from "../runtime/hot-run.ts";
import type { Tasks } from "../runtime/owner.ts";
import type { RemoteTasks } from "./remote-tasks.ts";
import type { TaskWorker } from "./task-worker.ts";
import type { Worker } from "./worker.ts";

/** For telling results and giving tasks back, once nothing is done any more. */
const GIVE_BACK_MS = 3000;

/**
 * Where the tasks of the runs held here are done: in this process where it serves their pool and is not behind with it,
 * by others otherwise.
 */
export class Router implements Tasks {
  private readonly worker: Worker;
  private readonly remote: RemoteTasks;
  /** Whether others are likely to begin a task of the pool before this process does. */
  private readonly othersSooner: (pool: string) => boolean;
  private readonly foreign: TaskWorker | null;

  constructor(
    worker: Worker,
    remote: RemoteTasks,
    foreign: TaskWorker | null,
    othersSooner: (pool: string) => boolean = () => false,
  ) {
    this.worker = worker;
    this.remote = remote;
    this.foreign = foreign;
    this.othersSooner = othersSooner;
  }

  /** What others do is told to them only when it is recorded. */
  startsEarly(run: HotRun, command: DispatchTask): boolean {
    const pool = this.worker.poolOf(run, command);
    return this.worker.serves(pool) && this.worker.startsEarly(run, command) && !this.othersSooner(pool);
  }

  recordsStart(run: HotRun, command: DispatchTask): boolean {
    return this.worker.recordsStart(run, command);
  }

  poolOf(run: HotRun, command: DispatchTask): string {
    return this.worker.poolOf(run, command);
  }

  dispatch(run: HotRun, command: DispatchTask): boolean {
    const pool = this.worker.poolOf(run, command);
    if (this.worker.serves(pool) && !this.othersSooner(pool)) return this.worker.dispatch(run, command);
    this.remote.post(run, command, pool);
    return true;
  }

  abort(run: HotRun, commandId: string): void {
    this.worker.abort(run, commandId);
    this.remote.abort(run, commandId);
  }

  elsewhere(run: HotRun): Promise<ReadonlySet<string>> {
    return this.remote.standing(run);
  }

  /** Put up once more, for it to bear the epoch of its new owner: whoever holds it goes on. */
  goOn(run: HotRun, command: DispatchTask): void {
    this.remote.post(run, command, this.worker.poolOf(run, command), true);
  }

  reported(run: HotRun, commandId: string): void {
    this.remote.reported(run, commandId);
  }

  /** All of it within the grace, and a moment for telling. */
  async drain(graceMs: number): Promise<void> {
    const stopped = this.foreign?.stop();
    await this.remote.settle();
    await this.worker.drain(graceMs);
    await this.foreign?.giveBack(GIVE_BACK_MS);
    await stopped;
    this.remote.close();
  }
}
