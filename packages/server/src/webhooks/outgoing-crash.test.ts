import { AppError } from "@weftwork/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answered, turn, WebhookBench } from "./outgoing.testing.ts";

const URL = "https://hooks.example.com/in";

let site: WebhookBench;
beforeEach(() => void (site = new WebhookBench()));
afterEach(() => site.close());

test("what a process has not stored when it dies is told by the next owner of the run", async () => {
  const first = await site.opened({ deaf: true });
  await first.webhooks.service.create({ url: URL });
  site.bench.held.add("a");
  await first.engine.runs.start({ workflow: "one", id: "r1", inputs: {} });
  await turn();
  first.crash();
  const second = await site.start();
  for (let step = 0; step < 4; step++) {
    second.membership.renew();
    await site.bench.clock.advance(5000);
  }
  expect(second.engine.owner.find("acme", "r1")).toBeDefined();
  expect(site.told).toEqual(["r1 run.started"]);
});

test("what it has not stored of a run that waits, and that nobody owns therefore, is found", async () => {
  const first = await site.opened({ deaf: true });
  const { id } = await first.webhooks.service.create({ url: URL });
  await first.engine.runs.start({ workflow: "asking", id: "r1", inputs: {} });
  await turn();
  first.crash();
  expect(site.got).toEqual([]);
  const second = await site.start();
  await site.bench.clock.advance(30_000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.paused"]);
  second.membership.renew();
  await second.engine.runs.decide("r1", { step: "ok", approved: true });
  await site.bench.clock.advance(1000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.paused", "r1 run.succeeded"]);
  expect((await second.webhooks.service.deliveries(id)).data).toHaveLength(3);
});

test("the end of a run that nobody owns any more is found, once, with the ids it would have had", async () => {
  const first = await site.opened({ deaf: true });
  await first.webhooks.service.create({ url: URL });
  await site.run(first, "r1");
  first.crash();
  const second = await site.start();
  await site.bench.clock.advance(60_000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.succeeded"]);
  // A third process looks at the same: there is nothing left to tell.
  second.crash();
  await site.start();
  await site.bench.clock.advance(60_000);
  expect(site.told).toHaveLength(2);
});

test("a run that was open for long when its end got lost is found as well", async () => {
  const first = await site.opened();
  await first.webhooks.service.create({ url: URL, events: ["run.succeeded"] });
  await site.run(first, "r1", "asking");
  await site.bench.clock.advance(30_000);
  first.crash();
  const second = await site.start({ deaf: true });
  await site.bench.clock.advance(30_000);
  await second.engine.runs.decide("r1", { step: "ok", approved: true });
  await turn();
  second.crash();
  await site.start();
  await site.bench.clock.advance(60_000);
  expect(site.told).toEqual(["r1 run.succeeded"]);
});

test("a run that waits for long is looked at more and more seldom, and its end is found within two minutes", async () => {
  const first = await site.opened();
  await first.webhooks.service.create({ url: URL });
  await site.run(first, "r1", "asking");
  const { clock, journal } = site.bench;
  let looks = 0;
  const head = journal.head.bind(journal);
  journal.head = (...asked) => {
    looks += 1;
    return head(...asked);
  };
  for (let step = 0; step < 240; step++) {
    first.membership.renew();
    await clock.advance(5000);
  }
  expect(looks).toBeGreaterThan(5);
  expect(looks).toBeLessThan(20);
  first.crash();
  const second = await site.start({ deaf: true });
  await second.engine.runs.decide("r1", { step: "ok", approved: true });
  await turn();
  second.crash();
  await site.start();
  await clock.advance(130_000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.paused", "r1 run.succeeded"]);
});

test("a process that dies between sending and recording is followed by another within 15 s, with the same message", async () => {
  const first = await site.opened();
  const { id } = await first.webhooks.service.create({ url: URL, events: ["run.succeeded"] });
  site.answer = (_, from) => {
    if (from !== 0) return answered(200);
    first.crash();
    return answered(200);
  };
  await site.run(first, "r1");
  const [lost] = site.got;
  const second = await site.start();
  await site.bench.clock.advance(15_000);
  expect(site.got.map(({ from }) => from)).toEqual([0, 1]);
  expect(site.got[1]).toMatchObject({ id: lost!.id, body: lost!.body });
  const [delivery] = (await second.webhooks.service.deliveries(id)).data;
  expect(delivery).toMatchObject({ status: "delivered", attempt_count: 1 });
});

test("two processes that both live send nothing twice, also what takes longer than a claim", async () => {
  const first = await site.opened();
  const { clock } = site.bench;
  await site.start();
  await first.webhooks.service.create({ url: URL });
  site.answer = async () => {
    await new Promise<void>((resolve) => void clock.after(14_000, resolve));
    return answered(200);
  };
  for (let at = 0; at < 20; at++) await site.run(first, `r${at}`);
  for (let step = 0; step < 60; step++) {
    first.membership.renew();
    await clock.advance(5000);
  }
  expect(site.got).toHaveLength(40);
  expect(new Set(site.got.map(({ id }) => id)).size).toBe(40);
  expect(new Set(site.got.map(({ from }) => from)).size).toBe(2);
});

test("a run's own address is told of an end that a crash has kept from being told", async () => {
  const first = await site.opened({ deaf: true });
  await site.run(first, "r1", "one", { callback_url: URL });
  first.crash();
  await site.start();
  await site.bench.clock.advance(60_000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.succeeded"]);
});

test("a store that does not take messages for a while gets them later, in order", async () => {
  const process = await site.opened();
  await process.webhooks.service.create({ url: URL });
  site.failing = true;
  await site.run(process, "r1");
  await site.bench.clock.advance(3000);
  expect(site.got).toEqual([]);
  site.failing = false;
  await site.bench.clock.advance(10_000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.succeeded"]);
});

test("an attempt whose claim has lapsed is given up once, and takes no claim from the one that follows it", async () => {
  const process = await site.opened();
  await process.webhooks.service.create({ url: URL, events: ["run.succeeded"] });
  site.answer = ({ signal }) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(answered(0, { error: "aborted" }))));
  await site.run(process, "r1");
  expect(site.got).toHaveLength(1);
  site.failing = true;
  await site.bench.clock.advance(11_000);
  site.failing = false;
  await site.bench.clock.advance(9000);
  expect(site.got.map(({ run }) => run)).toEqual(["r1", "r1"]);
});

test("a run whose record cannot be read keeps back no other", async () => {
  const process = await site.opened();
  await process.webhooks.service.create({ url: URL });
  site.bench.held.add("a");
  await site.run(process, "broken");
  const broken = process.engine.owner.find("acme", "broken")!;
  const { journal } = site.bench;
  const read = journal.read.bind(journal);
  journal.read = (key, options) =>
    key === broken.key ? Promise.reject(new AppError("RUN_DAMAGED", { reason: "torn" })) : read(key, options);
  process.webhooks.teller.adopted(broken);
  site.bench.held.clear();
  await site.run(process, "r1");
  expect(site.told).toEqual(["broken run.started", "r1 run.started", "r1 run.succeeded"]);
  expect(site.problems).toEqual(["no webhook tells of the run broken"]);
});
