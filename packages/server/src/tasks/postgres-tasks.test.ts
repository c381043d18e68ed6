import pg from "pg";
import { describe, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { created, join, row, finish, TENANT, type Opened } from "../journal/conformance/fixture.ts";
import { connectionConfig } from "../journal/postgres-pool.ts";
import { postgresJournal } from "../journal/postgres.ts";
import { startProxy } from "../journal/test-services.ts";
import * as statements from "./postgres-sql.ts";
import { PostgresTasks } from "./postgres.ts";
import { resultId, type PostedTask, type TaskName } from "./task-store.ts";

const postgres = await testPostgres();

async function open(url: string) {
  const journal = await postgresJournal({ url, renewal: "by hand" });
  const opened: Opened = {
    journal,
    now: () => Date.now(),
    advance() {},
    rowBytesMax: 1e6,
    close: () => journal.close(),
  };
  return { journal, opened, tasks: await PostgresTasks.open({ url }) };
}

const worker = { tenant: TENANT, name: "worker", pools: ["gpu"], leaseMs: 60_000, tokenHash: "hash" };

const task = (runKey: number, runId: string, name: string): PostedTask => ({
  runKey,
  task: name,
  tenant: TENANT,
  runId,
  epoch: 1,
  pool: "gpu",
  priority: "normal",
  body: "1{}",
});

describe.skipIf(postgres === null)("the task store of many processes", () => {
  test("what a former owner has put up is taken by nobody until the new one puts it up again", async () => {
    const { url, drop } = await postgres!.create();
    const { journal, opened, tasks } = await open(url);
    const owner = await join(journal);
    const { runKey, epoch, create } = await created(opened, owner, "run");
    const [name, kept] = [task(runKey, create!.id, "a"), task(runKey, create!.id, "b")];
    await tasks.post(owner.workerKey, [name, kept]);
    const holder = await tasks.holders.join(worker);
    expect(await tasks.take(holder, [kept])).toHaveLength(1);
    await journal.release(owner, [{ runKey, epoch, availableAt: Date.now() }]);
    expect(await journal.claim(owner, 1)).toHaveLength(1);
    expect(await tasks.take(holder, [name])).toEqual([]);
    expect(await tasks.next(holder, "gpu", 10)).toEqual([]);
    await tasks.post(owner.workerKey, [{ ...name, epoch: epoch + 1 }]);
    expect(await tasks.take(holder, [name])).toMatchObject([{ task: "a", epoch: epoch + 1 }]);
    // What was begun in time is worth its result.
    expect(await tasks.report(holder, [{ ...kept, input: "1{}" }])).toEqual(["reported"]);
    await Promise.all([journal.close(), tasks.close()]);
    await drop();
  });

  test("an input that came while its run ended does not stay in the inbox for ever", async () => {
    const { url, drop } = await postgres!.create();
    const { journal, opened, tasks } = await open(url);
    const owner = await join(journal);
    const [first, other] = [await created(opened, owner, "run"), await created(opened, owner, "other")];
    const client = new pg.Client(
      connectionConfig({ url, schema: "weft", size: 1, statementTimeoutMs: 5000, applicationName: "test" }),
    );
    await client.connect();
    await client.query("begin");
    await client.query("select from run where run_key = $1 for no key update", [first.runKey]);
    for (const { runKey } of [first, other])
      await client.query("insert into inbox (run_key, input_id, body) values ($1, 'late', '1{}')", [runKey]);
    // The flush that ends the run has begun, and does not see what is committed before it goes on.
    const ended = journal.append(owner, [row(first, 2, finish(opened))]);
    const blocked = "select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))";
    await expect
      .poll(async () => {
        await client.query("select pg_stat_clear_snapshot()");
        return (await client.query(blocked)).rowCount;
      })
      .toBe(1);
    await client.query("commit");
    expect(await ended).toMatchObject([{ type: "committed" }]);
    await tasks.sweep(60_000, 10);
    const { rows } = await client.query("select run_key from inbox");
    expect(rows).toEqual([{ run_key: other.runKey }]);
    await client.end();
    await Promise.all([journal.close(), tasks.close()]);
    await drop();
  });

  test("eight that post, take, report, give back, withdraw and sweep meet no deadlock, and each task counts once", async () => {
    const { url, drop } = await postgres!.create();
    const { journal, opened, tasks: first } = await open(url);
    const owner = await join(journal);
    const runs = await Promise.all(Array.from({ length: 6 }, (_, at) => created(opened, owner, `run-${at}`)));
    const stores = [first, ...(await Promise.all(Array.from({ length: 7 }, () => PostgresTasks.open({ url }))))];
    const reported = new Map<string, number>();
    const ROUNDS = 25;
    // Each result is another one: what is told twice as recorded would be two results.
    let said = 0;
    const result = ({ runKey, task: name }: TaskName) => ({ runKey, task: name, input: `1{"said":${(said += 1)}}` });
    const wanted: TaskName[] = [];
    await Promise.all(
      stores.map(async (store, at) => {
        const holder = await store.holders.join(worker);
        for (let round = 0; round < ROUNDS; round++) {
          // In an order of each one's own, and everybody's tasks mixed.
          const posted = runs
            .map(({ runKey, create }) => task(runKey, create!.id, `t${at}-${round}#1`))
            .toSorted(() => Math.random() - 0.5);
          wanted.push(...posted);
          await store.post(owner.workerKey, posted);
          await store.post(owner.workerKey, posted);
          const taken = [...(await store.take(holder, posted.toReversed())), ...(await store.next(holder, "gpu", 10))];
          await store.giveBack(holder, taken.slice(0, 2));
          const rest = taken.slice(2);
          const answers = await store.report(holder, rest.map(result).toReversed());
          for (const [index, { runKey, task: name }] of rest.toReversed().entries()) {
            const key = `${runKey} ${name}`;
            if (answers[index] === "reported") reported.set(key, (reported.get(key) ?? 0) + 1);
          }
          if (round % 5 === at % 5) await store.sweep(0, 50);
          await store.withdraw([{ runKey: runs[0]!.runKey, task: "none", epoch: 1 }]);
        }
        for (
          let left = await store.next(holder, "gpu", 100);
          left.length > 0;
          left = await store.next(holder, "gpu", 100)
        ) {
          const results = left.map(result);
          for (const [index, answer] of (await store.report(holder, results)).entries()) {
            const key = `${results[index]!.runKey} ${results[index]!.task}`;
            if (answer === "reported") reported.set(key, (reported.get(key) ?? 0) + 1);
          }
        }
      }),
    );
    const inputs = await journal.inbox(owner, 10_000);
    expect(inputs).toHaveLength(wanted.length);
    expect(new Set(inputs.map(({ runKey, inputId }) => `${runKey} ${inputId}`))).toEqual(
      new Set(wanted.map(({ runKey, task: name }) => `${runKey} ${resultId(name)}`)),
    );
    expect([...reported.values()].filter((count) => count !== 1)).toEqual([]);
    expect(reported.size).toBe(wanted.length);
    expect(await first.depths()).toEqual([]);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "select deadlocks::int4 from pg_stat_database where datname = current_database()",
    );
    expect(rows).toEqual([{ deadlocks: 0 }]);
    await client.end();
    await Promise.all(stores.map((store) => store.close()));
    await journal.close();
    await drop();
  });

  test("a result is recorded by a flush while others report to the same run", async () => {
    const { url, drop } = await postgres!.create();
    const { journal, opened, tasks } = await open(url);
    const owner = await join(journal);
    const run = await created(opened, owner, "run");
    const holder = await tasks.holders.join(worker);
    const names = Array.from({ length: 40 }, (_, at) => task(run.runKey, "run", `t${at}#1`));
    await tasks.post(owner.workerKey, names);
    let seq = 1;
    for (const name of names) {
      await tasks.take(holder, [name]);
      const flush = journal.append(owner, [row(run, ++seq, { inputsTaken: [resultId(`t${seq - 3}#1`)] })]);
      const report = tasks.report(holder, [{ ...name, input: "1{}" }]);
      expect(await report).toEqual(["reported"]);
      expect(await flush).toMatchObject([{ type: "committed" }]);
    }
    await journal.append(owner, [row(run, ++seq, finish(opened))]);
    expect(await journal.inbox(owner, 100)).toEqual([]);
    await Promise.all([tasks.close(), journal.close()]);
    await drop();
  });

  test.each([
    ["take", "take"],
    ["next", "next"],
  ] as const)("a %s whose answer was lost is answered again: nothing is held that nobody knows of", async (_, how) => {
    const { url, drop } = await postgres!.create();
    const { journal, opened, tasks: near } = await open(url);
    const owner = await join(journal);
    const run = await created(opened, owner, "run");
    const proxy = await startProxy(url);
    const far = await PostgresTasks.open({ url: proxy.url, poolSize: 1 });
    const holder = await near.holders.join(worker);
    const names = ["a#1", "b#1", "c#1"].map((name) => task(run.runKey, "run", name));
    await near.post(owner.workerKey, names);
    // Connected and prepared, so that the statement is the next query on the wire.
    await far.next(holder, "none", 1);
    await far.take(holder, [{ runKey: 1, task: "none" }]);
    proxy.swallowNextAnswer();
    const taken = how === "take" ? await far.take(holder, names) : await far.next(holder, "gpu", 3);
    expect(proxy.swallowed()).toBe(1);
    expect(taken.map(({ task: name, takes }) => [name, takes])).toEqual([
      ["a#1", 1],
      ["b#1", 1],
      ["c#1", 1],
    ]);
    proxy.swallowNextAnswer();
    const results = names.map(({ runKey, task: name }) => ({ runKey, task: name, input: "1{}" }));
    expect(await far.report(holder, results)).toEqual(["reported", "reported", "reported"]);
    expect(proxy.swallowed()).toBe(2);
    expect(await journal.inbox(owner, 10)).toHaveLength(3);
    expect(await near.depths()).toEqual([]);
    await Promise.all([far.close(), near.close(), journal.close()]);
    await proxy.close();
    await drop();
  });

  test("own workers that left or did not come back leave no row behind", async () => {
    const { url, drop } = await postgres!.create();
    const { journal, tasks } = await open(url);
    await tasks.holders.leave(await tasks.holders.join(worker));
    await tasks.holders.join({ ...worker, leaseMs: -61_000 });
    const recent = await tasks.holders.join({ ...worker, leaseMs: -1 });
    const live = await tasks.holders.join(worker);
    await tasks.sweep(1000, 10);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("select worker_key::int4 as key from weft.worker order by worker_key");
    expect(rows.map(({ key }) => key as number)).toEqual([recent, live]);
    await client.end();
    await Promise.all([tasks.close(), journal.close()]);
    await drop();
  });

  test("every statement enters the table of tasks by an index, on an empty database", async () => {
    const { url, drop } = await postgres!.create();
    const { journal, tasks } = await open(url);
    const client = new pg.Client(
      connectionConfig({ url, schema: "weft", size: 1, statementTimeoutMs: 5000, applicationName: "test" }),
    );
    await client.connect();
    const astray: string[] = [];
    for (const [name, text] of Object.entries(statements)) {
      const count = Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, number]) => Number(number)));
      await client.query(`deallocate all; prepare statement as ${text}`);
      const nulls = count === 0 ? "" : `(${Array.from({ length: count }, () => "null").join(", ")})`;
      const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain execute statement${nulls}`);
      const plan = rows.map((line) => line["QUERY PLAN"]);
      for (const [at, line] of plan.entries()) {
        if (/(Seq Scan|Hash Join|Merge Join|Bitmap)/.test(line) && !/ on (worker|task_count)/.test(line))
          astray.push(`${name}: ${line}`);
        // Held tasks are read at the steps of their index; quiet ones, and the oldest inputs, in the order of theirs.
        const index = /Scan using (\w+)/.exec(line)?.[1];
        // Named tasks, and the runs of tasks, are found by their keys alone.
        const isNamed = ["REPORT", "GIVE_BACK", "EXPIRE", "TAKE"].includes(name);
        if (index === "run_free" || (isNamed && /^task_(held|told|waiting)$/.test(index ?? "")))
          astray.push(`${name}: ${line}`);
        if (index !== undefined && ["task_held", "task_told", "task_count_pkey", "inbox_pkey"].includes(index))
          continue;
        if (index !== undefined && !plan[at + 1]?.includes("Index Cond")) astray.push(`${name}: ${line}`);
      }
    }
    expect(astray).toEqual([]);
    await client.end();
    await Promise.all([tasks.close(), journal.close()]);
    await drop();
  });
});
