import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { appendOne, created, finish, join, row, TENANT } from "../journal/conformance/fixture.ts";
import type { Opened as OpenedJournal } from "../journal/conformance/fixture.ts";
import type { Append, Membership } from "../journal/journal.ts";
import type { TaskHolders } from "./task-holders.ts";
import { resultId, type PostedTask, type TaskName, type TaskResult, type TaskStore } from "./task-store.ts";

export interface OpenedTasks {
  readonly tasks: TaskStore;
  readonly holders: TaskHolders;
  /** A journal whose runs the tasks are of, under one clock with them. */
  readonly opened: OpenedJournal;
  close(): Promise<void>;
}

const LEASE_MS = 10_000;

/** What every driver of the task store promises. */
export function taskStoreConformance(suite: string, open: () => Promise<OpenedTasks>): void {
  describe(suite, () => {
    let at: OpenedTasks;
    let owner: Membership;
    let run: Append;
    let holder: number;

    const hold = (called = "worker"): Promise<number> =>
      at.holders.join({ tenant: TENANT, name: called, pools: ["gpu"], leaseMs: LEASE_MS, tokenHash: "hash" });

    const task = (name: string, overrides: Partial<PostedTask> = {}): PostedTask => ({
      runKey: run.runKey,
      task: name,
      tenant: TENANT,
      runId: run.create!.id,
      epoch: 1,
      pool: "gpu",
      priority: "normal",
      body: `1{"task":${JSON.stringify(name)}}`,
      ...overrides,
    });
    const named = (...names: readonly string[]): TaskName[] => names.map((id) => ({ runKey: run.runKey, task: id }));
    const result = (name: string, value = "done"): TaskResult => ({
      runKey: run.runKey,
      task: name,
      input: `1{"type":"task_reported","value":${JSON.stringify(value)}}`,
    });
    const ids = (list: readonly TaskName[]): string[] => list.map((one) => one.task).toSorted();
    const inbox = async (): Promise<string[]> =>
      (await at.opened.journal.inbox(owner, 1000)).map(({ inputId, body }) => `${inputId} ${body}`);
    const depth = async () => (await at.tasks.depths()).map(({ pool, waiting, held }) => ({ pool, waiting, held }));

    const newRun = (id: string): Promise<Append> => created(at.opened, owner, id);
    const end = (first: Append) => appendOne(at.opened.journal, owner, row(first, 2, finish(at.opened)));

    beforeEach(async () => {
      at = await open();
      owner = await join(at.opened.journal);
      run = await newRun("run-1");
      holder = await hold();
    });
    afterEach(() => at.close());

    test("a task that was put up can be taken whole, once", async () => {
      const posted = task("read#1", {
        body: `1{"text":"\u00e4 \\" \\u0000 ${"x".repeat(5000)}"}`,
        priority: "interactive",
        once: true,
      });
      await at.tasks.post(owner.workerKey, [posted]);
      expect(await at.tasks.take(holder, named("read#1"))).toEqual([{ ...posted, owner: owner.workerKey, takes: 1 }]);
      expect(await at.tasks.take(await hold("other"), named("read#1"))).toEqual([]);
      // A ticket that comes twice to one holder is no second piece of work.
      expect(await at.tasks.take(holder, named("read#1"))).toEqual([]);
    });

    test("putting up again changes nothing", async () => {
      const posted = [task("a"), task("b"), task("a")];
      await at.tasks.post(owner.workerKey, posted);
      await at.tasks.take(holder, named("a"));
      await at.tasks.post(owner.workerKey, posted);
      expect(await depth()).toEqual([{ pool: "gpu", waiting: 1, held: 1 }]);
      expect(ids(await at.tasks.held(holder, named("a", "b")))).toEqual(["a"]);
    });

    test("a task that is put up in a worker's name is that one's, as if it had taken it", async () => {
      await at.tasks.post(owner.workerKey, [task("a", { holder }), task("b", { holder }), task("c")]);
      expect(await depth()).toEqual([{ pool: "gpu", waiting: 1, held: 2 }]);
      const other = await hold("other");
      expect(await at.tasks.take(other, named("a", "b"))).toEqual([]);
      expect(ids(await at.tasks.next(other, "gpu", 10))).toEqual(["c"]);
      expect(ids(await at.tasks.holding(holder))).toEqual(["a", "b"]);
      expect(await at.tasks.report(holder, [result("a")])).toEqual(["reported"]);
      expect(await inbox()).toEqual([`${resultId("a")} ${result("a").input}`]);
      // Given back no taking counts; the next taker is the first.
      await at.tasks.giveBack(holder, named("b"));
      expect(await at.tasks.take(other, named("b"))).toMatchObject([{ task: "b", takes: 1 }]);
    });

    test("in the name of a worker whose lease ends it is free, and one taking is counted", async () => {
      await at.tasks.post(owner.workerKey, [task("a", { holder })]);
      await at.holders.leave(holder);
      await at.tasks.post(owner.workerKey, [task("b", { holder })]);
      await at.tasks.sweep(0, 10);
      const taken = await at.tasks.take(await hold("other"), named("a", "b"));
      expect(taken.map(({ task: name, takes }) => [name, takes])).toEqual([
        ["a", 1],
        ["b", 2],
      ]);
    });

    test("a task of another epoch, of an ended run and of no run is passed over", async () => {
      const ended = await newRun("ended");
      await end(ended);
      await at.tasks.post(owner.workerKey, [
        task("late", { epoch: 0 }),
        task("early", { epoch: 2 }),
        task("ended", { runKey: ended.runKey, runId: "ended" }),
        task("nowhere", { runKey: ended.runKey + 5000, runId: "nowhere" }),
        task("foreign", { tenant: "other" }),
        task("right"),
      ]);
      expect(ids(await at.tasks.next(holder, "gpu", 10))).toEqual(["right"]);
    });

    test("several takers share: each task goes to one", async () => {
      const names = Array.from({ length: 40 }, (_, index) => `each[${index}]`);
      await at.tasks.post(
        owner.workerKey,
        names.map((name) => task(name)),
      );
      const holders = [holder, await hold("b"), await hold("c"), await hold("d")];
      const taken = await Promise.all([
        ...holders.map((one) => at.tasks.take(one, named(...names))),
        ...holders.map((one) => at.tasks.next(one, "gpu", 40)),
      ]);
      expect(ids(taken.flat())).toEqual(names.toSorted());
    });

    test("the most urgent come first, within a class the oldest, and only those of the pool", async () => {
      for (const [name, priority, pool] of [
        ["last", "background", "gpu"],
        ["second", "normal", "gpu"],
        ["third", "normal", "gpu"],
        ["elsewhere", "interactive", "code"],
        ["first", "interactive", "gpu"],
      ] as const) {
        await at.tasks.post(owner.workerKey, [task(name, { priority, pool })]);
        await at.opened.advance(10);
      }
      expect((await at.tasks.next(holder, "gpu", 2)).map((one) => one.task)).toEqual(["first", "second"]);
      expect((await at.tasks.next(holder, "gpu", 9)).map((one) => one.task)).toEqual(["third", "last"]);
      expect(await at.tasks.next(holder, "gpu", 9)).toEqual([]);
    });

    test("a result becomes an input of its run, and the task leaves", async () => {
      await at.tasks.post(owner.workerKey, [task("a"), task("b")]);
      await at.tasks.take(holder, named("a", "b"));
      expect(await at.tasks.report(holder, [result("b"), result("a")])).toEqual(["reported", "reported"]);
      expect((await inbox()).toSorted()).toEqual([
        `${resultId("a")} ${result("a").input}`,
        `${resultId("b")} ${result("b").input}`,
      ]);
      expect(await at.tasks.of(run.runKey)).toEqual([]);
      expect(await depth()).toEqual([]);
    });

    test("a result of somebody who does not hold the task changes nothing", async () => {
      const other = await hold("other");
      await at.tasks.post(owner.workerKey, [task("mine"), task("free"), task("theirs")]);
      await at.tasks.take(holder, named("mine"));
      await at.tasks.take(other, named("theirs"));
      const results = ["theirs", "mine", "free", "unknown"].map((name) => result(name));
      expect(await at.tasks.report(holder, results)).toEqual(["stale", "reported", "stale", "stale"]);
      expect(await inbox()).toHaveLength(1);
      expect(await depth()).toEqual([{ pool: "gpu", waiting: 1, held: 1 }]);
    });

    test("of two results of one task the first counts", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.take(holder, named("a"));
      expect(await at.tasks.report(holder, [result("a", "one"), result("a", "two")])).toEqual(["reported", "stale"]);
      expect(await at.tasks.report(holder, [result("a", "three")])).toEqual(["stale"]);
      expect(await inbox()).toEqual([`${resultId("a")} ${result("a", "one").input}`]);
    });

    test("a task whose result waits to be read is no lost task, and is not put up again", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.take(holder, named("a"));
      await at.tasks.report(holder, [result("a")]);
      expect(ids(await at.tasks.present(named("a", "b")))).toEqual(["a"]);
      await at.tasks.post(owner.workerKey, [task("a")]);
      expect(await at.tasks.next(holder, "gpu", 1)).toEqual([]);
    });

    test("a holder whose lease has ended reports nothing, and its task goes to another", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.take(holder, named("a"));
      await at.opened.advance(LEASE_MS + 1);
      const other = await hold("other");
      expect(await at.tasks.report(holder, [result("a", "late")])).toEqual(["stale"]);
      expect(await at.tasks.take(other, named("a"))).toMatchObject([{ takes: 2 }]);
      await at.holders.renew(holder, LEASE_MS);
      expect(await at.tasks.report(holder, [result("a", "zombie")])).toEqual(["stale"]);
      expect(await at.tasks.held(holder, named("a"))).toEqual([]);
      expect(await at.tasks.report(other, [result("a", "good")])).toEqual(["reported"]);
      expect(await inbox()).toEqual([`${resultId("a")} ${result("a", "good").input}`]);
    });

    test("a holder whose lease has ended takes nothing", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.opened.advance(LEASE_MS + 1);
      expect(await at.tasks.take(holder, named("a"))).toEqual([]);
      expect(await at.tasks.next(holder, "gpu", 5)).toEqual([]);
    });

    test("a sweep frees what a lapsed holder held, and tells of it at once", async () => {
      await at.tasks.post(owner.workerKey, [task("a"), task("b")]);
      await at.tasks.take(holder, named("a"));
      await at.opened.advance(LEASE_MS + 1);
      const told = await at.tasks.sweep(60_000, 100);
      expect(told).toEqual([{ tenant: TENANT, pool: "gpu", priority: "normal", runKey: run.runKey, task: "a" }]);
      expect(await at.tasks.sweep(60_000, 100)).toEqual([]);
      expect(await at.tasks.next(await hold("other"), "gpu", 5)).toHaveLength(2);
    });

    test("a sweep tells of what waits in quiet, once in a while, and no more than asked for", async () => {
      const names = ["a", "b", "c"];
      await at.tasks.post(
        owner.workerKey,
        names.map((name) => task(name)),
      );
      expect(await at.tasks.sweep(5000, 100)).toEqual([]);
      await at.opened.advance(5000);
      expect(await at.tasks.sweep(5000, 2)).toHaveLength(2);
      expect(await at.tasks.sweep(5000, 2)).toHaveLength(1);
      expect(await at.tasks.sweep(5000, 2)).toEqual([]);
      await at.opened.advance(5000);
      expect(ids(await at.tasks.sweep(5000, 100))).toEqual(names);
    });

    test("tasks of runs that have ended leave with a sweep or with their result", async () => {
      await at.tasks.post(owner.workerKey, [task("waits"), task("held")]);
      await at.tasks.take(holder, named("held"));
      await end(run);
      expect(await at.tasks.report(holder, [result("held")])).toEqual(["stale"]);
      await at.opened.advance(5000);
      expect(await at.tasks.sweep(5000, 100)).toEqual([]);
      expect(await at.tasks.of(run.runKey)).toEqual([]);
      expect(await depth()).toEqual([]);
      expect(await inbox()).toEqual([]);
    });

    test("what is given back waits in its old place, and the try does not count", async () => {
      await at.tasks.post(owner.workerKey, [task("old")]);
      await at.opened.advance(10);
      await at.tasks.post(owner.workerKey, [task("new")]);
      await at.tasks.take(holder, named("old"));
      await at.tasks.giveBack(await hold("other"), named("old"));
      expect(ids(await at.tasks.held(holder, named("old")))).toEqual(["old"]);
      await at.tasks.giveBack(holder, named("old"));
      expect(await at.tasks.next(await hold("third"), "gpu", 1)).toMatchObject([{ task: "old", takes: 1 }]);
    });

    test("a holder that leaves gives back all it holds", async () => {
      await at.tasks.post(owner.workerKey, [task("a"), task("b")]);
      await at.tasks.next(holder, "gpu", 2);
      await at.holders.leave(holder);
      expect(await at.holders.find(holder)).toBeNull();
      expect(await at.holders.renew(holder, LEASE_MS)).toBe(false);
      expect(await depth()).toEqual([{ pool: "gpu", waiting: 2, held: 0 }]);
      expect(await at.tasks.next(await hold("other"), "gpu", 5)).toMatchObject([{ takes: 1 }, { takes: 1 }]);
    });

    test("what a holder holds can be read again, by nobody else", async () => {
      const posted = task("a");
      await at.tasks.post(owner.workerKey, [posted, task("b")]);
      await at.tasks.take(holder, named("a"));
      expect(await at.tasks.holding(holder)).toEqual(named("a"));
      expect(await at.holders.read(holder, named("a", "b"))).toEqual([{ ...posted, owner: owner.workerKey, takes: 1 }]);
      expect(await at.holders.read(await hold("other"), named("a"))).toEqual([]);
    });

    test("what is withdrawn is gone, whoever holds it", async () => {
      await at.tasks.post(owner.workerKey, [task("a"), task("b"), task("c")]);
      await at.tasks.take(holder, named("a"));
      await at.tasks.withdraw(named("a", "b", "unknown").map((name) => ({ ...name, epoch: 1 })));
      expect(await at.tasks.held(holder, named("a"))).toEqual([]);
      expect(ids(await at.tasks.present(named("a", "b", "c")))).toEqual(["c"]);
      expect(await at.tasks.report(holder, [result("a")])).toEqual(["stale"]);
      expect(await depth()).toEqual([{ pool: "gpu", waiting: 1, held: 0 }]);
    });

    test("an owner of an earlier epoch withdraws nothing that a later one has put up", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.withdraw([{ ...named("a")[0]!, epoch: 0 }]);
      expect(ids(await at.tasks.present(named("a")))).toEqual(["a"]);
    });

    test("only what nobody holds expires", async () => {
      await at.tasks.post(owner.workerKey, [task("a"), task("b")]);
      await at.tasks.take(holder, named("a"));
      expect(ids(await at.tasks.expire(named("a", "b", "unknown")))).toEqual(["b"]);
      expect(ids(await at.tasks.present(named("a", "b")))).toEqual(["a"]);
      expect(ids(await at.tasks.holding(holder))).toEqual(["a"]);
      expect(await depth()).toEqual([{ pool: "gpu", waiting: 0, held: 1 }]);
    });

    test("the tasks of a run are listed, with who waits since when", async () => {
      const postedAt = at.opened.now();
      await at.tasks.post(owner.workerKey, [task("a"), task("b", { pool: "code" })]);
      await at.tasks.take(holder, named("a"));
      expect(await at.tasks.of(run.runKey)).toEqual([
        { runKey: run.runKey, task: "a", pool: "gpu", postedAt, isHeld: true },
        { runKey: run.runKey, task: "b", pool: "code", postedAt, isHeld: false },
      ]);
    });

    test("depths say what waits, what is held, and since when", async () => {
      expect(await at.tasks.depths()).toEqual([]);
      const first = at.opened.now();
      await at.tasks.post(owner.workerKey, [task("a", { priority: "batch" }), task("x", { pool: "code" })]);
      await at.opened.advance(100);
      await at.tasks.post(owner.workerKey, [task("b")]);
      await at.tasks.take(holder, named("x"));
      expect(await at.tasks.depths()).toEqual([
        { pool: "code", waiting: 0, held: 1, waitingSince: null },
        { pool: "gpu", waiting: 2, held: 0, waitingSince: first },
      ]);
      await at.tasks.take(holder, named("a"));
      expect((await at.tasks.depths())[1]).toEqual({ pool: "gpu", waiting: 1, held: 1, waitingSince: first + 100 });
    });

    test("a result wakes a run that nobody owns", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.take(holder, named("a"));
      await at.opened.journal.release(owner, [{ runKey: run.runKey, epoch: 1, availableAt: null }]);
      expect(await at.opened.journal.claim(owner, 10)).toEqual([]);
      expect(await at.tasks.report(holder, [result("a")])).toEqual(["reported"]);
      expect(await at.opened.journal.claim(owner, 10)).toMatchObject([{ runKey: run.runKey, epoch: 2 }]);
    });

    test("a new owner puts the same task up again: its holder stays, and answers to the new owner", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.take(holder, named("a"));
      await at.opened.journal.release(owner, [{ runKey: run.runKey, epoch: 1, availableAt: at.opened.now() }]);
      await at.opened.journal.claim(owner, 10);
      await at.tasks.post(owner.workerKey, [task("a", { epoch: 2 }), task("b", { epoch: 2 })]);
      // The old epoch comes late.
      await at.tasks.post(owner.workerKey, [task("a"), task("c")]);
      expect(await at.tasks.report(holder, [result("a")])).toEqual(["reported"]);
      expect(await at.tasks.next(holder, "gpu", 5)).toMatchObject([{ task: "b", epoch: 2 }]);
    });

    test("own workers are found and listed while they live", async () => {
      const worker = { tenant: TENANT, name: "worker", pools: ["gpu"], leaseMs: LEASE_MS, tokenHash: "hash" };
      expect(await at.holders.find(holder)).toMatchObject(worker);
      expect(await at.holders.find(owner.workerKey)).toBeNull();
      const joinedAt = at.opened.now();
      expect(await at.holders.list(TENANT)).toEqual([
        { holder, name: "worker", pools: ["gpu"], joinedAt, leaseUntil: joinedAt + LEASE_MS },
      ]);
      expect(await at.holders.list("other")).toEqual([]);
      await at.opened.advance(LEASE_MS - 1);
      expect(await at.holders.renew(holder, LEASE_MS)).toBe(true);
      await at.opened.advance(LEASE_MS - 1);
      expect(await at.holders.list(TENANT)).toHaveLength(1);
      await at.opened.advance(1);
      expect(await at.holders.list(TENANT)).toEqual([]);
    });

    test("a run is written to meanwhile as ever", async () => {
      await at.tasks.post(owner.workerKey, [task("a")]);
      await at.tasks.take(holder, named("a"));
      await at.tasks.report(holder, [result("a")]);
      const after = row(run, 2, { inputsTaken: [resultId("a")] });
      expect(await at.opened.journal.append(owner, [after])).toMatchObject([{ type: "committed" }]);
      expect(await inbox()).toEqual([]);
    });
  });
}
