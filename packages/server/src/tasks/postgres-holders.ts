import type { PostgresPool } from "../journal/postgres-pool.ts";
import { inOrder, namesOf, takenTask, type TakenRow } from "./postgres-rows.ts";
import { READ, TASKS } from "./postgres-sql.ts";
import type { LiveHolder, OwnWorker, TaskHolders } from "./task-holders.ts";
import type { TakenTask, TaskName } from "./task-store.ts";

const JOIN = `
insert into worker (name, incarnation, pid, joined_at, lease_until, state, own)
select $1, gen_random_uuid()::text, 0, now.ms, now.ms + $2::int8, 0, $3 from (select now_ms() as ms) as now
returning worker_key`;
const RENEW = `
update worker set lease_until = now_ms() + $2::int8 where worker_key = $1 and state = 0 and own is not null
returning worker_key`;
const FIND = `select name, own from worker where worker_key = $1 and state = 0 and own is not null`;
/** Behind the reports that are under way, which share the row. Own workers own no runs: nothing refers to theirs. */
const LEAVE = `delete from worker where worker_key = $1 and state = 0 and own is not null`;
/** Those that did not come back. What they held is free without them. */
const FORGET = `
delete from worker where worker_key in (
  select worker_key from worker where own is not null and lease_until + $1::int8 <= now_ms() for update skip locked)`;
const LIST = `
select worker_key, name, own, joined_at, lease_until from worker
where state = 0 and own is not null and lease_until > now_ms() order by joined_at, worker_key`;

/** What a worker's row keeps of an own worker beside its name. */
interface Own {
  readonly tenant: string;
  readonly pools: readonly string[];
  readonly leaseMs: number;
  readonly tokenHash: string;
}

/** Users' own workers as rows of the journal's table of workers: leases of all kinds end in one way. */
export class PostgresHolders implements TaskHolders {
  private readonly pool: PostgresPool;
  private readonly giveAllBack: (holder: number) => Promise<void>;

  constructor(pool: PostgresPool, giveAllBack: (holder: number) => Promise<void>) {
    this.pool = pool;
    this.giveAllBack = giveAllBack;
  }

  /** A row whose answer was lost stays without a user, and ends with its lease. */
  async join({ name, ...own }: OwnWorker): Promise<number> {
    const values = [name, own.leaseMs, JSON.stringify(own satisfies Own)];
    const [row] = await this.pool.query<{ worker_key: number }>({ text: JOIN, values });
    return row!.worker_key;
  }

  async renew(holder: number, leaseMs: number): Promise<boolean> {
    return (await this.pool.query({ name: "renew_own", text: RENEW, values: [holder, leaseMs] })).length > 0;
  }

  async find(holder: number): Promise<OwnWorker | null> {
    const rows = await this.pool.query<{ name: string; own: string }>({
      name: "find_own",
      text: FIND,
      values: [holder],
    });
    return rows[0] ? { name: rows[0].name, ...(JSON.parse(rows[0].own) as Own) } : null;
  }

  async leave(holder: number): Promise<void> {
    await this.pool.query({ text: LEAVE, values: [holder] });
    await this.giveAllBack(holder);
  }

  /** Rows of workers that ended `ms` ago are of no use: whoever looks for workers that left runs behind reads them all. */
  async forget(ms: number): Promise<void> {
    await this.pool.query({ name: "forget_own", text: FORGET, values: [ms] });
  }

  async tasks(holder: number): Promise<readonly TaskName[]> {
    const query = { name: "tasks_held", text: TASKS, values: [holder] };
    const rows = await this.pool.query<{ run_key: number; task: string }>(query);
    return rows.map(({ run_key, task }) => ({ runKey: run_key, task }));
  }

  async read(holder: number, names: readonly TaskName[]): Promise<readonly TakenTask[]> {
    const query = { name: "tasks_read", text: READ, values: [holder, ...namesOf(inOrder(names))] };
    return (await this.pool.query<TakenRow>(query)).map((row) => takenTask(row));
  }

  async list(tenant: string): Promise<readonly LiveHolder[]> {
    const rows = await this.pool.query<{
      worker_key: number;
      name: string;
      own: string;
      joined_at: number;
      lease_until: number;
    }>({ text: LIST });
    return rows.flatMap(({ worker_key, name, own, joined_at, lease_until }) => {
      const { tenant: whose, pools } = JSON.parse(own) as Own;
      return whose === tenant
        ? [{ holder: worker_key, name, pools, joinedAt: joined_at, leaseUntil: lease_until }]
        : [];
    });
  }
}
