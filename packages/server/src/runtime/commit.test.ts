import { expect, test } from "vitest";
import { FENCED, refused } from "../journal/rules.ts";
import { TestBench, turn } from "./engine.testing.ts";

const ONE = { name: "one", steps: [{ id: "a", type: "step" }] };
const TWO = {
  name: "two",
  steps: [
    { id: "a", type: "step", value: "{{ inputs.v }}", on_error: "continue" },
    { id: "b", type: "step", depends_on: ["a"] },
  ],
};

async function opened(
  workflow: object,
): Promise<{ bench: TestBench; process: Awaited<ReturnType<TestBench["start"]>> }> {
  const bench = new TestBench();
  const process = await bench.start();
  await bench.publish(process, workflow);
  return { bench, process };
}

test("a flush whose answer is lost is sent again unchanged, and stored once (F17)", async () => {
  const { bench, process } = await opened(ONE);
  const sent: string[] = [];
  bench.intercept = async (append, membership, batch) => {
    sent.push(JSON.stringify(batch));
    const verdicts = await append(membership, batch);
    if (sent.length % 2 === 1) throw new Error("the connection was lost");
    return verdicts;
  };
  const started = process.engine.runs.start({ workflow: "one", id: "r" });
  await bench.clock.advance(1000);
  await started;
  expect((await process.engine.runs.get("r"))!.status).toBe("succeeded");
  expect(sent[1]).toBe(sent[0]);
  expect(bench.calls).toEqual(["r/root/a#1"]);
  expect((await bench.rows("r")).map(({ seq }) => seq)).toEqual([1, 2]);
});

test("an effect waits until its cause is recorded, however long the store does not answer", async () => {
  const { bench, process } = await opened(ONE);
  let broken = true;
  bench.intercept = async (append, ...args) => {
    if (broken) throw new Error("down");
    return append(...args);
  };
  const started = process.engine.runs.start({ workflow: "one", id: "r" });
  await bench.clock.advance(4000);
  expect(bench.calls).toEqual([]);
  broken = false;
  await bench.clock.advance(3000);
  await started;
  expect(bench.calls).toEqual(["r/root/a#1"]);
});

test("one fenced row of a flush does not touch the others, and its run is found again (F34)", async () => {
  const { bench, process } = await opened(ONE);
  bench.held.add("a");
  const ids = ["r1", "r2", "r3"];
  await Promise.all(ids.map((id) => process.engine.runs.start({ workflow: "one", id })));
  let fenced = 0;
  bench.intercept = async (append, membership, batch) => {
    const head = await bench.journal.head("acme", "r2");
    const at = batch.findIndex(({ runKey, epoch }) => runKey === head!.runKey && epoch === 1);
    const verdicts = [
      ...(await append(
        membership,
        batch.filter((_, index) => index !== at),
      )),
    ];
    if (at < 0) return verdicts;
    fenced += 1;
    return [...verdicts.slice(0, at), FENCED, ...verdicts.slice(at)];
  };
  for (const id of ids) await bench.release(`${id}/root/a#1`);
  expect(fenced).toBe(1);
  expect((await process.engine.runs.get("r1"))!.status).toBe("succeeded");
  expect((await process.engine.runs.get("r3"))!.status).toBe("succeeded");
  await bench.clock.advance(200);
  // What is done again is done under a new epoch, with the same key.
  expect(bench.calls.filter((key) => key.startsWith("r2/"))).toEqual(["r2/root/a#1", "r2/root/a#1"]);
  await bench.release("r2/root/a#1");
  expect((await process.engine.runs.get("r2"))!.status).toBe("succeeded");
});

test("a row that the store cannot take fails its step, and the run goes on by its rules (F35)", async () => {
  const { bench, process } = await opened(TWO);
  bench.intercept = async (append, membership, batch) => {
    const bad = new Set(batch.filter(({ body, seq }) => seq > 1 && body.includes("poison")));
    const verdicts = await append(
      membership,
      batch.filter((one) => !bad.has(one)),
    );
    const left = [...verdicts];
    return batch.map((one) =>
      bad.has(one) ? refused("INVALID_JSON", { reason: "bad", pointer: "#" }) : left.shift()!,
    );
  };
  await Promise.all(
    ["poison", "good"].map((v) => process.engine.runs.start({ workflow: "two", id: `r-${v}`, inputs: { v } })),
  );
  await bench.clock.advance(200);
  const [bad, good] = [await process.engine.runs.get("r-poison"), await process.engine.runs.get("r-good")];
  expect(good).toMatchObject({ status: "succeeded", outputs: { b: "b" } });
  expect(bad).toMatchObject({ status: "succeeded", outputs: { b: "b" } });
  expect((await process.engine.runs.task("r-poison"))!.steps).toMatchObject([
    { name: "a", status: "failed" },
    { name: "b", status: "completed" },
  ]);
  expect(bench.calls.filter((key) => key === "r-poison/root/a#1")).toHaveLength(1);
});

test("a run whose rows are refused whatever it does ends as failed", async () => {
  const { bench, process } = await opened({ name: "wait", steps: [{ id: "w", type: "wait", for: 2 }] });
  bench.intercept = async (append, membership, batch) => {
    const last = batch.every(({ body }) => body.includes("run_failed"));
    return batch[0]!.seq === 1 || last ? append(membership, batch) : batch.map(() => refused("INTERNAL"));
  };
  await process.engine.runs.start({ workflow: "wait", id: "r" });
  await bench.clock.advance(9000);
  expect(await process.engine.runs.get("r")).toMatchObject({ status: "failed", error: { code: "INTERNAL" } });
});

test("after the lease nothing is sent, and the run goes on when the process has joined again", async () => {
  const { bench, process } = await opened(ONE);
  bench.held.add("a");
  await process.engine.runs.start({ workflow: "one", id: "r" });
  await bench.clock.advance(20_000);
  const other = await bench.start();
  await bench.clock.advance(100);
  expect(other.engine.owner.find("acme", "r")?.epoch).toBe(2);
  await bench.release("r/root/a#1");
  expect((await bench.rows("r")).map(({ epoch }) => epoch)).toEqual([1, 2]);
  // The first one is a worker again, under another membership.
  await bench.clock.advance(3000);
  bench.held.clear();
  await process.engine.runs.start({ workflow: "one", id: "r2" });
  await turn();
  expect((await process.engine.runs.get("r2"))!.status).toBe("succeeded");
});

test("a creation that arrives when its process has missed its deadline leaves no run that nobody advances", async () => {
  const { bench, process } = await opened(ONE);
  let deliver = (): unknown => null;
  bench.intercept = async (append, membership, batch) => {
    deliver = () => append(membership, batch);
    throw new Error("no answer");
  };
  const started = process.engine.runs.start({ workflow: "one", id: "r" });
  const failed = expect(started).rejects.toMatchObject({ code: "LEASE_LOST", retryable: true, status: 503 });
  await bench.clock.advance(11_500);
  await failed;
  // The lease itself would come back: nobody has taken anything over.
  process.membership.renew();
  bench.intercept = (append, ...args) => append(...args);
  await bench.clock.advance(3000);
  await deliver();
  await process.engine.runs.start({ workflow: "one", id: "r" });
  await bench.clock.advance(1000);
  expect((await process.engine.runs.get("r"))!.status).toBe("succeeded");
});

test("what waits to be recorded is told as the time of the flushes before it, and a store that hangs at once", async () => {
  const { bench, process } = await opened(ONE);
  bench.held.add("a");
  const { commit } = process.engine.owner;
  // Every flush takes 80 ms: slow, and no overload.
  bench.intercept = async (append, ...args) => {
    await new Promise<void>((resolve) => void bench.clock.after(80, resolve));
    return append(...args);
  };
  for (let i = 0; i < 40; i++) {
    void process.engine.runs.start({ workflow: "one" });
    await bench.clock.advance(40);
    expect(commit.waitMs()).toBe(0);
  }
  for (let i = 0; i < 300; i++) void process.engine.runs.start({ workflow: "one" });
  await turn();
  // One flush of 64 is on its way, and others wait behind it.
  expect(commit.waitMs()).toBeGreaterThan(150);
  expect(commit.waitMs()).toBeLessThanOrEqual(4 * 80);
  await bench.clock.advance(1000);
  expect(commit.waitMs()).toBe(0);
  let open = (): void => undefined;
  bench.intercept = async (append, ...args) => {
    await new Promise<void>((resolve) => (open = resolve));
    return append(...args);
  };
  void process.engine.runs.start({ workflow: "one" });
  await bench.clock.advance(999);
  expect(commit.waitMs()).toBe(0);
  await bench.clock.advance(2001);
  expect(commit.waitMs()).toBeGreaterThanOrEqual(2900);
  open();
  await turn();
  expect(commit.waitMs()).toBe(0);
});
