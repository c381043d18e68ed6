import { AppError } from "@weftwork/core";
import type { Budget } from "../connections/shares.ts";
import type { Way } from "../connections/way.ts";
import { Bytes, integers, texts } from "../journal/postgres-arrays.ts";
import { PostgresPool, run, type Query } from "../journal/postgres-pool.ts";
import { inboxChannel, migratePostgres } from "../journal/postgres-schema.ts";
import { isText, priorityOf, rankOf } from "../journal/rules.ts";
import type { Ticket } from "../transport/transport.ts";
import { PostgresHolders } from "./postgres-holders.ts";
import { inOrder, namesOf, takenTask, type TakenRow } from "./postgres-rows.ts";
import {
  DEPTHS,
  EXPIRE,
  FREE_LAPSED,
  GIVE_ALL_BACK,
  GIVE_BACK,
  HELD,
  LET_GO,
  LOCK_POSTED,
  NEXT,
  OF,
  POST,
  PRESENT,
  REPORT,
  TAKE,
  TAKEN_BEFORE,
  TELL,
  WITHDRAW,
} from "./postgres-sql.ts";
import {
  resultId,
  type PoolDepth,
  type PostedTask,
  type StandingTask,
  type TakenTask,
  type TaskName,
  type TaskResult,
  type TaskStore,
} from "./task-store.ts";

export interface PostgresTasksOptions {
  readonly url: string;
  /** The schema of the journal. */
  readonly schema?: string;
  readonly poolSize?: number;
  /** Sizes the pool, in place of `poolSize`. */
  readonly budget?: Budget;
  /** Left out: one of its own. */
  readonly way?: Way;
  readonly statementTimeoutMs?: number;
}

/** Rows over which the counts of a pool are spread. */
const COUNT_SHARDS = 16;
/** Own workers whose lease ended this long ago leave no trace. */
const FORGET_MS = 60_000;

/** The task store in the schema of the PostgreSQL journal, for any number of processes. */
export class PostgresTasks implements TaskStore {
  /** Users' own workers. */
  readonly holders: PostgresHolders;
  private readonly pool: PostgresPool;
  private readonly channel: string;
  /** Takings by holder that may have been done although no answer came. They are given back before the next one. */
  private readonly unsure = new Map<number, Set<number>>();

  private constructor(pool: PostgresPool, channel: string) {
    this.pool = pool;
    this.channel = channel;
    this.holders = new PostgresHolders(pool, async (holder) => {
      await pool.query({ name: "give_all_back", text: GIVE_ALL_BACK, values: [holder, shard()] });
    });
  }

  /** Throws `STORE_UNAVAILABLE`, `STORE_VERSION`. */
  static async open(options: PostgresTasksOptions): Promise<PostgresTasks> {
    const schema = options.schema ?? "weft";
    const pool = new PostgresPool({
      url: options.url,
      schema,
      size: options.poolSize ?? 3,
      statementTimeoutMs: options.statementTimeoutMs ?? 15_000,
      applicationName: "weft tasks",
      way: options.way,
    });
    options.budget?.add("tasks", pool);
    try {
      await pool.bare((client) => migratePostgres(client, schema));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return new PostgresTasks(pool, inboxChannel(schema));
  }

  async post(owner: number, tasks: readonly PostedTask[]): Promise<void> {
    if (tasks.length === 0) return;
    for (const { task, body } of tasks) {
      if (!isText(task) || !body.isWellFormed()) {
        throw new AppError("INVALID_REQUEST", { reason: "a task holds NUL or a lone surrogate" });
      }
    }
    const again = tasks.filter((task) => task.again === true);
    await this.put(
      owner,
      tasks.filter((task) => task.again !== true),
    );
    if (again.length === 0) return;
    const runs = integers([...new Set(again.map(({ runKey }) => runKey))]);
    // Behind every report that is under way, and with a newer look: what it says is seen then.
    await this.pool.transaction(async (client) => {
      await run(client, { name: "lock_posted", text: LOCK_POSTED, values: [runs] });
      await run(client, this.posting(owner, again));
    });
  }

  private async put(owner: number, tasks: readonly PostedTask[]): Promise<void> {
    if (tasks.length > 0) await this.pool.query(this.posting(owner, tasks));
  }

  private posting(owner: number, tasks: readonly PostedTask[]): Query {
    const sorted = inOrder(tasks);
    const bodies = new Bytes();
    for (const { body } of sorted) bodies.add(body);
    const values = [
      owner,
      ...namesOf(sorted),
      integers(sorted.map(({ epoch }) => epoch)),
      texts(sorted.map(({ tenant }) => tenant)),
      texts(sorted.map(({ runId }) => runId)),
      texts(sorted.map(({ pool }) => pool)),
      integers(sorted.map(({ priority }) => rankOf(priority))),
      texts(sorted.map(({ once }) => (once === true ? "t" : "f"))),
      integers(bodies.from),
      integers(bodies.length),
      bodies.whole(),
      shard(),
      integers(sorted.map(({ holder }) => holder ?? 0)),
    ];
    return { name: "post", text: POST, values };
  }

  async take(holder: number, names: readonly TaskName[]): Promise<readonly TakenTask[]> {
    if (names.length === 0) return [];
    return this.taking(holder, async (taking) => {
      const values = [holder, ...namesOf(inOrder(names)), taking, shard()];
      return this.pool.query<TakenRow>({ name: "take", text: TAKE, values });
    });
  }

  async next(holder: number, pool: string, limit: number): Promise<readonly TakenTask[]> {
    if (limit < 1) return [];
    return this.taking(holder, (taking) => {
      let isRepeat = false;
      return this.pool.use(async (client) => {
        if (isRepeat) {
          const before = { name: "taken_before", text: TAKEN_BEFORE, values: [holder, taking] };
          const rows = await run<TakenRow>(client, before);
          if (rows.length > 0) return rows;
        }
        isRepeat = true;
        const values = [holder, pool, limit, taking, shard()];
        return run<TakenRow>(client, { name: "next", text: NEXT, values });
      });
    });
  }

  /** One taking, under a number of its own: so that what it took can be told when its answer was lost. */
  private async taking(
    holder: number,
    work: (taking: number) => Promise<readonly TakenRow[]>,
  ): Promise<readonly TakenTask[]> {
    const unsure = this.unsure.get(holder);
    if (unsure) {
      const takings = [...unsure];
      await this.pool.query({ name: "let_go", text: LET_GO, values: [holder, integers(takings), shard()] });
      for (const one of takings) unsure.delete(one);
      if (unsure.size === 0) this.unsure.delete(holder);
    }
    const taking = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    try {
      return (await work(taking)).map((row) => takenTask(row));
    } catch (error) {
      const known = this.unsure.get(holder) ?? new Set();
      this.unsure.set(holder, known.add(taking));
      throw error;
    }
  }

  async report(holder: number, results: readonly TaskResult[]): Promise<readonly ("reported" | "stale")[]> {
    if (results.length === 0) return [];
    for (const { input } of results) {
      if (!isText(input)) throw new AppError("INVALID_REQUEST", { reason: "a result holds NUL or a lone surrogate" });
    }
    const sorted = inOrder(results);
    const values = [
      holder,
      ...namesOf(sorted),
      texts(sorted.map(({ task }) => resultId(task))),
      texts(sorted.map(({ input }) => input)),
      integers([...new Set(sorted.map(({ runKey }) => runKey))]),
      this.channel,
      shard(),
    ];
    const rows = await this.pool.query<{ reported: boolean }>({ name: "report", text: REPORT, values });
    const reported = new Set(sorted.filter((_, at) => rows[at]!.reported));
    // Of two results of one task in a list one at most was stored, and `sorted` has the first of them.
    return results.map((result) => (reported.has(result) ? "reported" : "stale"));
  }

  async giveBack(holder: number, names: readonly TaskName[]): Promise<void> {
    if (names.length === 0) return;
    await this.pool.query({
      name: "give_back",
      text: GIVE_BACK,
      values: [holder, ...namesOf(inOrder(names)), shard()],
    });
  }

  async withdraw(names: readonly (TaskName & { readonly epoch: number })[]): Promise<void> {
    if (names.length === 0) return;
    const ordered = inOrder(names);
    const values = [shard(), ...namesOf(ordered), integers(ordered.map(({ epoch }) => epoch))];
    await this.pool.query({ name: "withdraw", text: WITHDRAW, values });
  }

  async expire(names: readonly TaskName[]): Promise<readonly TaskName[]> {
    if (names.length === 0) return [];
    const query = { name: "expire", text: EXPIRE, values: [shard(), ...namesOf(inOrder(names))] };
    const rows = await this.pool.query<{ run_key: number; task: string }>(query);
    return rows.map(({ run_key, task }) => ({ runKey: run_key, task }));
  }

  holding(holder: number): Promise<readonly TaskName[]> {
    return this.holders.tasks(holder);
  }

  async held(holder: number, names: readonly TaskName[]): Promise<readonly TaskName[]> {
    return this.names({ name: "held", text: HELD }, holder, names);
  }

  async present(names: readonly TaskName[]): Promise<readonly TaskName[]> {
    return this.names({ name: "present", text: PRESENT }, null, names);
  }

  private async names(
    query: { readonly name: string; readonly text: string },
    holder: number | null,
    names: readonly TaskName[],
  ): Promise<readonly TaskName[]> {
    if (names.length === 0) return [];
    const values = [...(holder === null ? [] : [holder]), ...namesOf(inOrder(names))];
    const rows = await this.pool.query<{ run_key: number; task: string }>({ ...query, values });
    return rows.map(({ run_key, task }) => ({ runKey: run_key, task }));
  }

  async sweep(quietMs: number, limit: number): Promise<readonly Ticket[]> {
    await this.holders.forget(FORGET_MS);
    await this.pool.query({ name: "free_lapsed", text: FREE_LAPSED, values: [limit, shard()] });
    const rows = await this.pool.query<{
      tenant: string;
      pool: string;
      rank: number;
      run_key: number;
      task: string;
    }>({ name: "tell", text: TELL, values: [quietMs, limit, shard()] });
    return rows.map(({ tenant, pool, rank, run_key, task }) => {
      return { tenant, pool, priority: priorityOf(rank), runKey: run_key, task };
    });
  }

  async of(runKey: number): Promise<readonly StandingTask[]> {
    const rows = await this.pool.query<{ task: string; pool: string; posted_at: number; held: boolean }>({
      name: "tasks_of",
      text: OF,
      values: [runKey],
    });
    return rows.map(({ task, pool, posted_at, held }) => ({ runKey, task, pool, postedAt: posted_at, isHeld: held }));
  }

  async depths(): Promise<readonly PoolDepth[]> {
    const rows = await this.pool.query<{
      pool: string;
      waiting: number;
      held: number;
      waiting_since: number | null;
    }>({ name: "depths", text: DEPTHS });
    return rows.map(({ pool, waiting, held, waiting_since }) => ({ pool, waiting, held, waitingSince: waiting_since }));
  }

  async close(): Promise<void> {
    await this.pool.close();
  }
}

const shard = (): number => Math.floor(Math.random() * COUNT_SHARDS);
