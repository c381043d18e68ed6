import { expect, test } from "vitest";
import { LEASE_MS, TENANT, TestBench, turn, type TestProcess } from "./engine.testing.ts";

async function opened(workflow: object): Promise<{ bench: TestBench; process: TestProcess }> {
  const bench = new TestBench();
  const process = await bench.start();
  await bench.publish(process, workflow);
  return { bench, process };
}

async function statusOf(process: TestProcess, id: string): Promise<string> {
  return (await process.engine.runs.get(id))!.status;
}

const keyed = (strategy: string): object => ({
  name: "keyed",
  concurrency: { key: "{{ inputs.k }}", limit: 1, strategy },
  steps: [{ id: "a", type: "step" }],
});

test("a run whose concurrency key is taken waits, says so, and begins when the key is free", async () => {
  const { bench, process } = await opened(keyed("queue"));
  bench.held.add("a");
  for (const [id, k] of [
    ["r1", "x"],
    ["r2", "x"],
    ["r3", "y"],
  ] as const)
    await process.engine.runs.start({ workflow: "keyed", id, inputs: { k } });
  await turn();
  expect(bench.calls).toEqual(["r1/root/a#1", "r3/root/a#1"]);
  expect((await process.engine.runs.get("r2"))!.waiting_for).toMatchObject({ code: "slot" });
  // What waits for a key waits outside of memory.
  expect(process.engine.owner.find("acme", "r2")).toBeUndefined();
  await bench.release("r1/root/a#1");
  await bench.clock.advance(100);
  await bench.release("r2/root/a#1");
  expect(await statusOf(process, "r2")).toBe("succeeded");
});

test("with reject a run too many is refused, with cancel_running it takes the place of the older one", async () => {
  const rejecting = await opened(keyed("reject"));
  rejecting.bench.held.add("a");
  await rejecting.process.engine.runs.start({ workflow: "keyed", id: "r1", inputs: { k: "x" } });
  const second = rejecting.process.engine.runs.start({ workflow: "keyed", id: "r2", inputs: { k: "x" } });
  await expect(second).rejects.toMatchObject({ code: "RUN_REJECTED" });
  expect(await rejecting.process.engine.runs.get("r2")).toBeNull();

  const { bench, process } = await opened(keyed("cancel_running"));
  bench.held.add("a");
  await process.engine.runs.start({ workflow: "keyed", id: "r1", inputs: { k: "x" } });
  await process.engine.runs.start({ workflow: "keyed", id: "r2", inputs: { k: "x" } });
  await bench.clock.advance(200);
  expect(await statusOf(process, "r1")).toBe("cancelled");
  await bench.release("r2/root/a#1");
  expect(await statusOf(process, "r2")).toBe("succeeded");
});

test("a slot that was granted with the first row is not forgotten when the owner dies behind it", async () => {
  const { bench, process } = await opened(keyed("queue"));
  bench.intercept = async (append, ...args) => {
    const verdicts = await append(...args);
    process.crash();
    return verdicts;
  };
  void process.engine.runs.start({ workflow: "keyed", id: "r1", inputs: { k: "x" } });
  await turn();
  bench.intercept = (append, ...args) => append(...args);
  const other = await bench.start();
  await keepAlive(bench, other, LEASE_MS + 4000);
  expect(await statusOf(other, "r1")).toBe("succeeded");
});

test("a run that is to begin later waits without an owner, and begins at its time in whatever process lives", async () => {
  const { bench, process } = await opened({ name: "one", steps: [{ id: "a", type: "step" }] });
  const run_at = new Date(bench.clock.now() + 60_000).toISOString();
  await process.engine.runs.start({ workflow: "one", id: "r", run_at });
  await turn();
  expect((await process.engine.runs.get("r"))!.waiting_for).toMatchObject({ code: "start_time", until: run_at });
  await process.engine.close(0);
  const next = await bench.start();
  await keepAlive(bench, next, 59_000);
  expect(bench.calls).toEqual([]);
  await keepAlive(bench, next, 4000);
  expect(bench.calls).toEqual(["r/root/a#1"]);
});

test("a run that was begun elsewhere and only waits costs its owner no memory, and is advanced when it is due", async () => {
  const bench = new TestBench();
  const begins = await bench.start({ own: false });
  const owner = await bench.start();
  await bench.publish(begins, {
    name: "later",
    steps: [
      { id: "pause", type: "wait", for: "1m" },
      { id: "a", type: "step", depends_on: ["pause"] },
    ],
  });
  await begins.engine.runs.start({ workflow: "later", id: "r" });
  owner.engine.poke();
  await turn();
  // It was taken over once, for its timer is in the journal.
  expect((await bench.rows("r")).length).toBe(1);
  expect((await bench.journal.head(TENANT, "r"))!.epoch).toBeGreaterThan(1);
  expect(owner.engine.owner.runs.size).toBe(0);
  await keepAlive(bench, owner, 62_000);
  expect(bench.calls).toEqual(["r/root/a#1"]);
});

test("a run with an input that cannot be read here is held while it waits, not given back and claimed over and over", async () => {
  const { bench, process } = await opened({ name: "later", steps: [{ id: "pause", type: "wait", for: "1m" }] });
  await process.engine.runs.start({ workflow: "later", id: "r" });
  await turn();
  expect(process.engine.owner.runs.size).toBe(0);
  const { runKey } = (await bench.journal.head(TENANT, "r"))!;
  await bench.journal.offer([{ tenant: TENANT, runId: "r", inputId: "new", body: "of a version to come" }]);
  process.engine.poke();
  await turn();
  expect(process.engine.owner.runs.has(runKey)).toBe(true);
  await keepAlive(bench, process, 8000);
  expect((await bench.journal.head(TENANT, "r"))!.epoch).toBe(2);
});

test("an approval reaches a run that nobody holds, behind a restart, and counts once", async () => {
  const { bench, process } = await opened({
    name: "ask",
    steps: [
      { id: "ok", type: "approval", title: "really?" },
      { id: "a", type: "step", depends_on: ["ok.approved"] },
    ],
  });
  await process.engine.runs.start({ workflow: "ask", id: "r" });
  await turn();
  expect(process.engine.owner.runs.size).toBe(0);
  await process.engine.close(0);
  const next = await bench.start();
  expect((await next.engine.runs.get("r"))!.waiting_for).toMatchObject({ code: "approval", step: "ok" });
  await next.engine.runs.decide("r", { step: "ok", approved: true, by: "ada" });
  await turn();
  expect(await statusOf(next, "r")).toBe("succeeded");
  await expect(next.engine.runs.decide("r", { step: "ok", approved: false })).rejects.toMatchObject({
    code: "RUN_FINISHED",
  });
  expect(bench.calls).toEqual(["r/root/a#1"]);
});

test("a signal that is sent twice is answered twice and recorded once, never before it is recorded", async () => {
  const { bench, process } = await opened({
    name: "listen",
    steps: [
      { id: "work", type: "step" },
      { id: "heard", type: "wait", signal: "go" },
    ],
  });
  bench.held.add("work");
  await process.engine.runs.start({ workflow: "listen", id: "r" });
  let answer = (): void => {};
  bench.intercept = async (append, ...args) => {
    await new Promise<void>((resolve) => (answer = resolve));
    return append(...args);
  };
  let answered = 0;
  const send = (): Promise<unknown> =>
    process.engine.runs.signal("r", { name: "go", inputId: "s1" }).then(() => (answered += 1));
  void send();
  void send();
  await turn();
  expect(answered).toBe(0);
  answer();
  await turn();
  expect(answered).toBe(2);
  const text = (await bench.rows("r")).map(({ body }) => body).join("");
  expect(text.match(/signal_received/g)).toHaveLength(1);
});

test("a submission during the loss of the lease is answered, not left open", async () => {
  const { bench, process } = await opened({ name: "one", steps: [{ id: "a", type: "step" }] });
  bench.intercept = async () => {
    throw new Error("down");
  };
  const started = process.engine.runs.start({ workflow: "one", id: "r" });
  const failed = expect(started).rejects.toMatchObject({ code: "LEASE_LOST" });
  await bench.clock.advance(LEASE_MS + 3000);
  await failed;
});

test("draining lets a task end and records it; one that does not end is given back without counting an attempt (F9)", async () => {
  const { bench, process } = await opened({
    name: "two",
    steps: [
      { id: "quick", type: "step" },
      { id: "slow", type: "step" },
    ],
  });
  bench.held.add("quick").add("slow");
  await process.engine.runs.start({ workflow: "two", id: "r" });
  await turn();
  const closed = process.engine.close(5000);
  await turn();
  await bench.release("r/root/quick#1", "in time");
  await bench.clock.advance(5000);
  await closed;
  bench.held.clear();
  const next = await bench.start();
  await bench.clock.advance(500);
  expect(await next.engine.runs.get("r")).toMatchObject({
    status: "succeeded",
    outputs: { quick: "in time", slow: "slow" },
  });
  expect(bench.calls).toEqual(["r/root/quick#1", "r/root/slow#1", "r/root/slow#1"]);
});

test("runs that are given back at the end are told of once they are free: another owner has them at once (F9)", async () => {
  const bench = new TestBench();
  const other = await bench.start();
  const ending = await bench.start({ claimable: () => other.engine.poke() });
  await bench.publish(ending, { name: "one", steps: [{ id: "a", type: "step" }] });
  bench.held.add("a");
  await ending.engine.runs.start({ workflow: "one", id: "r" });
  // Long enough for its pauses between two looks to have become as long as they get.
  await bench.clock.advance(8000);
  const before = bench.clock.now();
  const closed = ending.engine.close(0);
  await bench.clock.advance(0);
  await closed;
  await turn();
  expect(bench.clock.now()).toBe(before);
  expect(other.engine.owner.find("acme", "r")).toBeDefined();
  await bench.release("r/root/a#1");
  expect(await statusOf(other, "r")).toBe("succeeded");
});

test("a run that crashes whoever owns it is set aside, and says so (F8)", async () => {
  const { bench, process } = await opened({ name: "one", steps: [{ id: "bomb", type: "step" }] });
  bench.onCall = (_, by) => by.crash();
  void process.engine.runs.start({ workflow: "one", id: "r" });
  await turn();
  let last = process;
  for (let i = 0; i < 8; i++) {
    await bench.clock.advance(LEASE_MS + 1001);
    last = await bench.start();
    await bench.clock.advance(500);
  }
  expect(await last.engine.runs.get("r")).toMatchObject({ status: "failed", error: { code: "RUN_QUARANTINED" } });
  expect(bench.calls).toHaveLength(5);
});

test("a mistake in a decision ends its run as failed, and no other", async () => {
  const { bench, process } = await opened({ name: "one", steps: [{ id: "a", type: "step" }] });
  bench.held.add("a");
  await process.engine.runs.start({ workflow: "one", id: "bad" });
  await process.engine.runs.start({ workflow: "one", id: "good" });
  process.engine.owner.take(process.engine.owner.find("acme", "bad")!, null as never);
  await bench.clock.advance(200);
  expect(await process.engine.runs.get("bad")).toMatchObject({ status: "failed", error: { code: "INTERNAL" } });
  await bench.release("good/root/a#1");
  expect(await statusOf(process, "good")).toBe("succeeded");
});

test("a run of rules alone does not run ahead of a store that does not answer (I9)", async () => {
  const { bench, process } = await opened({
    name: "rounds",
    steps: [{ id: "l", type: "loop", max_iterations: 20_000, steps: [{ id: "t", type: "template", template: "x" }] }],
  });
  let broken = true;
  let largest = 0;
  bench.intercept = async (append, membership, batch) => {
    for (const { body } of batch) largest = Math.max(largest, body.split('"type":').length);
    if (broken) throw new Error("down");
    return append(membership, batch);
  };
  void process.engine.runs.start({ workflow: "rounds", id: "r" });
  await bench.clock.advance(2000);
  const run = [...process.engine.owner.runs.values()][0]!;
  expect(run.open.events).toBeLessThan(6000);
  broken = false;
  for (let i = 0; i < 200 && !process.engine.owner.runs.values().next().done; i++) {
    process.membership.renew();
    await bench.clock.advance(100);
  }
  expect(await statusOf(process, "r")).toBe("succeeded");
  expect(largest).toBeLessThan(6000);
});

/** Time goes on while the process renews its lease. */
async function keepAlive(bench: TestBench, process: TestProcess, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    process.membership.renew();
    await bench.clock.advance(Math.min(left, 1000));
  }
}
