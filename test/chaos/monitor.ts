import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { exactNumbers } from "../../packages/server/src/db/postgres-numbers.ts";
import type { Hit, Mark } from "./evidence.ts";

const EVERY_MS = 400;
/** From so many open runs on a look takes a while itself. It must not be what the database does, so it rests longer. */
const MANY = 1000;
/** So many times as long as the look took. */
const REST = 4;
/** A lease cannot end sooner than this after a kill, so what the dead process held stands there until then. */
const HITS_MS = 11_000;

/** Runs that were offered and have not ended, with epochs and rows: all in one snapshot of the database. */
const OPEN = `
select run.id, run.epoch, last.seq from run, lateral (
  select max(seq) as seq from entry where entry.run_day = run.run_day and entry.run_key = run.run_key) as last
where run.finished_at is null and last.seq is not null`;
const HELD = `
select run.id, 'run' as held from worker join run on run.owner = worker.worker_key and run.finished_at is null
where worker.pid = $1
union all
select task.run_id, 'task' from worker join task on task.holder = worker.worker_key where worker.pid = $1`;
const KNOWN = `select 1 from worker where pid = $1 and state = 0 and lease_until > now_ms()`;

/** Looks at the journal from outside while the engine works, and goes on when the database comes back. */
export class Monitor {
  /** Open runs when it looked last. */
  open = 0;
  private readonly pool: Pool;
  private readonly seen = new Map<string, Mark>();
  private closed = false;
  private looking: Promise<void> = Promise.resolve();

  constructor(url: string) {
    this.pool = new Pool({
      connectionString: url,
      max: 3,
      types: exactNumbers,
      options: "-c search_path=weft",
      connectionTimeoutMillis: 2000,
      query_timeout: 10_000,
    });
    // A connection that breaks is replaced; the next question tells whether the database is there.
    this.pool.on("error", () => undefined);
  }

  start(): void {
    this.looking = this.look();
  }

  /** For each epoch of each run, the fewest rows with which it was seen. */
  marks(): readonly Mark[] {
    return [...this.seen.values()];
  }

  async isKnown(pid: number): Promise<boolean> {
    try {
      return (await this.query(KNOWN, [pid])).length > 0;
    } catch {
      return false;
    }
  }

  /** What a process held that was killed just now. Null where the database was away for too long to tell. */
  async hits(pid: number, at: number, process: string): Promise<readonly Hit[] | null> {
    for (const until = performance.now() + HITS_MS; performance.now() < until; await sleep(100)) {
      try {
        const rows = await this.query<{ id: string; held: "run" | "task" }>(HELD, [pid]);
        return rows.map(({ id, held }) => ({ run: id, at, held, process }));
      } catch {
        // Asked again when the database is back.
      }
    }
    return null;
  }

  async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text, [...values])).rows;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.looking;
    await this.pool.end();
  }

  private async look(): Promise<void> {
    for (let restMs = EVERY_MS; !this.closed; await sleep(restMs)) {
      const began = performance.now();
      restMs = EVERY_MS;
      try {
        const rows = await this.query<{ id: string; epoch: number; seq: number }>(OPEN);
        this.open = rows.length;
        if (rows.length > MANY) restMs = Math.max(EVERY_MS, REST * (performance.now() - began));
        for (const { id, epoch, seq } of rows) {
          const name = `${id} ${epoch}`;
          if (!this.seen.has(name)) this.seen.set(name, { run: id, epoch, seq });
        }
      } catch {
        // The tables are not there yet, or the database is away.
      }
    }
  }
}
