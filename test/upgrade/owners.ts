import pg from "pg";
import type { FleetProcess } from "./processes.ts";

/** Watches which process owns which run, from the tables themselves. */
export class Owners {
  /** Processes by the runs that they owned, in the order of the epochs. */
  readonly held = new Map<string, { readonly epoch: number; readonly process: FleetProcess }[]>();
  private readonly database: pg.Pool;
  private readonly processes: () => readonly FleetProcess[];
  private watching = true;
  private readonly work: Promise<void>;

  private constructor(database: pg.Pool, processes: () => readonly FleetProcess[]) {
    this.database = database;
    this.processes = processes;
    this.work = this.watch();
  }

  static watch(url: string, processes: () => readonly FleetProcess[]): Owners {
    return new Owners(new pg.Pool({ connectionString: url, options: "-c search_path=weft", max: 2 }), processes);
  }

  /** Runs whose owner does not live any more, and that nobody has taken over yet. */
  async orphans(): Promise<number> {
    const { rows } = await this.database.query<{ runs: number }>(
      `select count(*)::int4 as runs from run where finished_at is null and owner is not null and not exists (
         select from worker where worker_key = run.owner and state = 0 and lease_until > now_ms())`,
    );
    return rows[0]!.runs;
  }

  /** Runs that the process owns now. */
  async of({ pid }: FleetProcess): Promise<number> {
    const { rows } = await this.database.query<{ runs: number }>(
      `select count(*)::int4 as runs from run join worker on worker.worker_key = run.owner
       where worker.pid = $1 and run.finished_at is null`,
      [pid],
    );
    return rows[0]!.runs;
  }

  /** Runs that wait, and for which nothing is being done. */
  async waiting(): Promise<number> {
    const { rows } = await this.database.query<{ runs: number }>(
      "select count(*)::int4 as runs from run where status = 'waiting'",
    );
    return rows[0]!.runs;
  }

  /** Runs that were held by a process for which the first holds, and right after it by one for which the second does. */
  handedOver(from: (process: FleetProcess) => boolean, to: (process: FleetProcess) => boolean): number {
    return [...this.held.values()].filter((all) =>
      all.some(({ process }, at) => at > 0 && to(process) && from(all[at - 1]!.process)),
    ).length;
  }

  async close(): Promise<void> {
    this.watching = false;
    await this.work;
    await this.database.end();
  }

  private async watch(): Promise<void> {
    while (this.watching) {
      const { rows } = await this.database.query<{ id: string; epoch: number; pid: number }>(
        "select run.id, run.epoch, worker.pid from run join worker on worker.worker_key = run.owner",
      );
      for (const { id, epoch, pid } of rows) {
        const process = this.processes().find((one) => one.pid === pid);
        const all = this.held.get(id) ?? [];
        this.held.set(id, all);
        if (process && all.at(-1)?.epoch !== epoch) all.push({ epoch, process });
      }
      await new Promise((resolve) => void setTimeout(resolve, 25));
    }
  }
}
