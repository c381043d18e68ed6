import pg from "pg";
import type { FleetProcess } from "./processes.ts";

/** Watches which process owns which run, from the tables themselves. */
export class Owners {
  /** Processes by the runs that they owned, in the order of the epochs. */
  readonly held = new Map<string, { readonly epoch: number; readonly process: FleetProcess }[]>();
  private readonly client: pg.Client;
  private readonly processes: () => readonly FleetProcess[];
  private watching = true;
  private readonly work: Promise<void>;

  private constructor(client: pg.Client, processes: () => readonly FleetProcess[]) {
    this.client = client;
    this.processes = processes;
    this.work = this.watch();
  }

  static async watch(url: string, processes: () => readonly FleetProcess[]): Promise<Owners> {
    const client = new pg.Client({ connectionString: url, options: "-c search_path=weft" });
    await client.connect();
    return new Owners(client, processes);
  }

  /** Runs that the process owns now, as it was seen last. */
  async of({ pid }: FleetProcess): Promise<number> {
    const { rows } = await this.client.query<{ runs: number }>(
      `select count(*)::int4 as runs from run join worker on worker.worker_key = run.owner
       where worker.pid = $1 and worker.state = 0 and run.finished_at is null`,
      [pid],
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
    await this.client.end();
  }

  private async watch(): Promise<void> {
    while (this.watching) {
      const { rows } = await this.client.query<{ id: string; epoch: number; pid: number }>(
        "select run.id, run.epoch, worker.pid from run join worker on worker.worker_key = run.owner",
      );
      for (const { id, epoch, pid } of rows) {
        const process = this.processes().find((one) => one.pid === pid);
        const all = this.held.get(id) ?? [];
        this.held.set(id, all);
        if (process && all.at(-1)?.epoch !== epoch) all.push({ epoch, process });
      }
      await new Promise((resolve) => void setTimeout(resolve, 100));
    }
  }
}
