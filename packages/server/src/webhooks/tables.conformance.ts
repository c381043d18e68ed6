import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { processClock, serverClock } from "../db/database-clock.ts";
import type { OpenTestDatabase, TestDatabase } from "../db/database.testing.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { DeliveryQueue, type AttemptRecord, type ClaimedDelivery } from "./delivery-queue.ts";
import { CALLBACK, EndpointTable, type EndpointContent } from "./endpoint-table.ts";
import type { Message } from "./message.ts";
import { WatchTable } from "./watch-table.ts";

const CONTENT: EndpointContent = {
  shown: "https://example.com/",
  sealed: "sealed",
  events: ["run.*"],
  workflow: null,
  description: null,
  status: "enabled",
  reason: null,
};
const LEASE = 10_000;
const WELL: AttemptRecord = { startedAt: 1, latencyMs: 2, status: 200, error: null, answer: "ok" };
const BAD: AttemptRecord = { ...WELL, status: 500, error: "it answered 500" };

/** What the tables of outgoing webhooks promise, on every database. */
export function tablesConformance(open: OpenTestDatabase): void {
  let under: TestDatabase;
  let tenant: string;
  let endpoints: EndpointTable;
  let queue: DeliveryQueue;
  let log: DeliveryLog;
  let watch: WatchTable;
  let count = 0;
  const clock = { at: 1_900_000_000_000, now: () => clock.at };
  beforeAll(async () => void (under = await open()));
  afterAll(() => under.close());
  beforeEach(async () => {
    tenant = `t${++count}`;
    const { database, isShared } = under;
    const options = { database, tenant, time: processClock(() => clock.now()) };
    endpoints = new EndpointTable(options);
    queue = new DeliveryQueue({ ...options, skipsLocked: isShared });
    log = new DeliveryLog(options);
    watch = new WatchTable(options);
    for (const id of ["a", "b", CALLBACK]) await endpoints.add(id, CONTENT);
  });

  const message = (more: Partial<Message> = {}): Message => ({
    id: `m${++count}`,
    endpoint: "a",
    lane: more.endpoint ?? "a",
    run: `r${count}`,
    type: "run.started",
    position: 4,
    body: '{"type":"run.started"}',
    traceparent: null,
    ...more,
  });
  const claimed = (lane = "a", room = 10, claim = "p1"): Promise<readonly ClaimedDelivery[]> =>
    queue.claim(lane, room, claim, LEASE);
  const ids = (deliveries: readonly { readonly id: string }[]): readonly string[] =>
    deliveries.map(({ id }) => id).toSorted();

  test("an endpoint is stored once, changed by whoever has its version, and known to its tenant alone", async () => {
    expect(await endpoints.add("a", CONTENT)).toBe(false);
    clock.at += 5;
    expect(await endpoints.replace("a", 1, { ...CONTENT, workflow: "w" }, false)).toBe(true);
    expect(await endpoints.replace("a", 1, { ...CONTENT, workflow: "x" }, false)).toBe(false);
    expect(await endpoints.find("a")).toMatchObject({
      version: 2,
      workflow: "w",
      createdAt: clock.at - 5,
      updatedAt: clock.at,
      enabledAt: clock.at - 5,
      watched: false,
      events: ["run.*"],
    });
    await endpoints.watched((await endpoints.find("a"))!);
    expect((await endpoints.find("a"))!.watched).toBe(true);
    await endpoints.replace("a", 2, CONTENT, true);
    expect(await endpoints.find("a")).toMatchObject({ watched: false, enabledAt: clock.at });
    const other = new EndpointTable({
      database: under.database,
      tenant: "none",
      time: processClock(() => clock.now()),
    });
    expect([await other.find("a"), await other.list(), await other.remove("a")]).toEqual([null, [], false]);
    expect(await endpoints.find("a\0")).toBeNull();
    expect([await endpoints.remove("b"), await endpoints.remove("b")]).toEqual([true, false]);
  });

  test("a message is added once, and claimed by one process at a time", async () => {
    const one = message();
    await queue.add([one, one]);
    await queue.add([{ ...one, body: "other" }]);
    expect(await queue.dueLanes()).toEqual(["a"]);
    const [first] = await claimed();
    expect(first).toEqual({ ...one, tries: 0, claim: "p1" });
    expect([await claimed("a", 10, "p2"), await queue.dueLanes()]).toEqual([[], []]);
    clock.at += LEASE - 1;
    expect(await claimed("a", 10, "p2")).toEqual([]);
    clock.at += 1;
    expect(ids(await claimed("a", 10, "p2"))).toEqual([one.id]);
    // The one who was too slow records nothing, and keeps nothing.
    expect(await queue.record(first!, WELL, { type: "delivered" })).toBe(false);
    expect((await queue.renew([one.id], "p1", LEASE)).size).toBe(0);
    expect((await queue.renew([one.id], "p2", LEASE)).has(one.id)).toBe(true);
    expect(await queue.record({ ...first!, claim: "p2" }, WELL, { type: "delivered" })).toBe(true);
    clock.at += 100 * LEASE;
    expect(await claimed()).toEqual([]);
    expect((await log.find(one.id))!.attempts).toHaveLength(1);
  });

  test("of many processes that claim at once each gets what no other has", async () => {
    await queue.add(Array.from({ length: 40 }, () => message()));
    const all = (await Promise.all(Array.from({ length: 8 }, (_, at) => claimed("a", 5, `p${at}`)))).flat();
    for (let left = await claimed(); left.length > 0; left = await claimed()) all.push(...left);
    expect(all).toHaveLength(40);
    expect(new Set(all.map(({ id }) => id)).size).toBe(40);
  });

  test("a later message of a run waits for the earlier ones while they are open, and goes on when they have ended", async () => {
    const run = { run: "one" };
    const [first, second, third] = [4, 6, 9].map((position) => message({ ...run, position }));
    const elsewhere = message({ ...run, endpoint: "b", position: 9 });
    await queue.add([third!, second!, first!, elsewhere]);
    expect(ids(await claimed("b"))).toEqual([elsewhere.id]);
    const [now] = await claimed();
    expect(now!.id).toBe(first!.id);
    clock.at += 2000;
    expect(await claimed()).toEqual([]);
    await queue.record(now!, BAD, { type: "retry", delayMs: 3_600_000 });
    // What waits is not looked at again and again.
    clock.at += 5000;
    expect(await claimed()).toEqual([]);
    expect(await queue.dueLanes()).toEqual([]);
    clock.at += 3_600_000;
    const [again] = await claimed();
    expect(again).toMatchObject({ id: first!.id, tries: 1 });
    await queue.record(again!, BAD, { type: "dead" });
    const [next] = await claimed();
    expect(next!.id).toBe(second!.id);
    await queue.record(next!, WELL, { type: "delivered" });
    expect(ids(await claimed())).toEqual([third!.id]);
  });

  test("nothing is claimed for an endpoint that is disabled or gone; the rest goes on", async () => {
    const [mine, other] = [message(), message({ endpoint: "b" })];
    await queue.add([mine, other]);
    await endpoints.replace("a", 1, { ...CONTENT, status: "disabled" }, false);
    // Nobody looks at what waits there, however much it is.
    expect(await queue.dueLanes()).toEqual(["b"]);
    expect([await claimed(), ids(await claimed("b"))]).toEqual([[], [other.id]]);
    await endpoints.replace("a", 2, CONTENT, true);
    expect(ids(await claimed())).toEqual([mine.id]);
    await endpoints.remove("b");
    clock.at += 10 * LEASE;
    expect(await queue.dueLanes()).toEqual(["a"]);
    await log.prune(1_000_000);
    expect([await log.find(other.id), (await log.find(mine.id))?.delivery.id]).toEqual([null, mine.id]);
  });

  test("410 disables the endpoint; of a run's own address it ends the messages of that run alone", async () => {
    const [mine, first, later, others] = [
      message(),
      message({ endpoint: CALLBACK, run: "x", lane: "callback h" }),
      message({ endpoint: CALLBACK, run: "x", lane: "callback h", position: 9 }),
      message({ endpoint: CALLBACK, run: "y", lane: "callback h" }),
    ];
    await endpoints.keepCallback({ run: "x", shown: "s", sealed: "s", lane: "callback h" }, 0);
    await queue.add([mine, first, later, others]);
    const [one] = await claimed();
    await queue.record(one!, { ...BAD, status: 410 }, { type: "gone" });
    expect(await endpoints.find("a")).toMatchObject({ status: "disabled", version: 2 });
    for (const delivery of await claimed("callback h"))
      if (delivery.run === "x") await queue.record(delivery, { ...BAD, status: 410 }, { type: "gone" });
    expect((await log.find(later.id))!.delivery.state).toBe("dead");
    expect((await log.find(others.id))!.delivery.state).toBe("open");
    expect(await endpoints.callback("x")).toMatchObject({ status: "disabled" });
    expect(await endpoints.callbacksOf(["x", "y"])).toEqual(new Set());
    expect(await endpoints.find(CALLBACK)).toMatchObject({ status: "enabled" });
  });

  test("a message that 410 has ended while it was being sent can be made again", async () => {
    const own = { endpoint: CALLBACK, run: "x", lane: "callback h" };
    const [first, later] = [message(own), message({ ...own, position: 9 })];
    await queue.add([first, later]);
    const [one] = await claimed("callback h");
    await queue.record(one!, WELL, { type: "delivered" });
    const [sent] = await claimed("callback h");
    await log.redeliver(first.id);
    const [again] = await claimed("callback h");
    await queue.record(again!, { ...BAD, status: 410 }, { type: "gone" });
    expect(await queue.record(sent!, WELL, { type: "delivered" })).toBe(false);
    expect(await log.redeliver(later.id)).toBe(true);
  });

  test("the log has every attempt, in pages, the newest delivery first", async () => {
    const messages = [message(), message(), message()];
    for (const one of messages) {
      await queue.add([one]);
      clock.at += 10;
    }
    const [first] = await claimed("a", 1);
    await queue.record(first!, BAD, { type: "retry", delayMs: 0 });
    const [again] = await claimed("a", 3);
    await queue.record({ ...again!, id: first!.id }, WELL, { type: "delivered" });
    const found = await log.find(messages[0]!.id);
    expect(found!.delivery).toMatchObject({ state: "delivered", attempts: 2, lastStatus: 200, lastError: null });
    expect(found!.attempts.map(({ number, status, error }) => [number, status, error])).toEqual([
      [1, 500, "it answered 500"],
      [2, 200, null],
    ]);
    const [newest] = await log.list("a", { limit: 1 });
    expect(newest!.id).toBe(messages[2]!.id);
    const behind = { createdAt: newest!.createdAt, id: newest!.id };
    expect((await log.list("a", { limit: 5, behind })).map(({ id }) => id)).toEqual([messages[1]!.id, messages[0]!.id]);
    expect((await log.list("a", { limit: 5, state: "delivered" })).map(({ id }) => id)).toEqual([messages[0]!.id]);
    expect((await log.list("a", { limit: 5, run: messages[1]!.run })).map(({ id }) => id)).toEqual([messages[1]!.id]);
    expect(await log.known(messages.map(({ run }) => run))).toHaveLength(3);
    expect(await log.lastPositions([messages[0]!.run, "none"])).toEqual(new Map([[messages[0]!.run, 4]]));
  });

  test("deliveries are made again one by one, or all that are meant", async () => {
    const messages = Array.from({ length: 4 }, () => message());
    await queue.add(messages);
    for (const one of await claimed()) await queue.record(one, BAD, { type: "dead" });
    expect([await log.redeliver(messages[0]!.id), await log.redeliver("none")]).toEqual([true, false]);
    expect(ids(await claimed())).toEqual([messages[0]!.id]);
    expect(await log.redeliverAll("a", { state: "dead", after: clock.at + 1 })).toBe(0);
    expect(await log.redeliverAll("a", { state: "dead", run: messages[1]!.run })).toBe(1);
    expect(await log.redeliverAll("b", { state: "dead" })).toBe(0);
    expect(await log.redeliverAll("a", { state: "dead", before: clock.at + 1 })).toBe(2);
    expect(ids(await claimed())).toEqual(ids(messages.slice(1)));
  });

  test("what is older is deleted with its attempts; the address of a run stays as long as it is needed", async () => {
    const old = message({ endpoint: CALLBACK, run: "x" });
    await endpoints.keepCallback({ run: "x", shown: "s", sealed: "s", lane: "l" }, 0);
    await queue.add([old], ["x"]);
    clock.at += 1000;
    const young = message();
    await queue.add([young]);
    await log.pruneCallbacks(500);
    expect(await endpoints.callback("x")).not.toBeNull();
    await log.prune(500);
    await log.pruneCallbacks(500);
    expect([await log.find(old.id), await endpoints.callback("x")]).toEqual([null, null]);
    expect(await log.find(young.id)).not.toBeNull();
  });

  test("watched runs come when it is their time, until they are over", async () => {
    await watch.add(["x", "y", "x"], 100);
    await endpoints.keepCallback({ run: "z", shown: "s", sealed: "s", lane: "l" }, 200);
    expect(await watch.due(10, 1000)).toEqual([]);
    clock.at += 100;
    expect((await watch.due(10, 1000)).toSorted()).toEqual(["x", "y"]);
    clock.at += 100;
    expect(await watch.due(10, 1000)).toEqual(["z"]);
    await queue.add([], ["x"]);
    await watch.remove(["y"]);
    clock.at += 2000;
    expect(await watch.due(10, 1000)).toEqual(["z"]);
  });

  test("one process at a time looks; another one takes over when it is silent", async () => {
    expect(await watch.hold("p1", LEASE)).toMatchObject({ at: 0, now: clock.at });
    expect(await watch.hold("p2", LEASE)).toBeNull();
    await watch.advance("p1", 50);
    await watch.advance("p2", 90);
    await watch.advance("p1", 40);
    clock.at += LEASE;
    expect(await watch.hold("p2", LEASE)).toMatchObject({ at: 50 });
    expect(await watch.hold("p1", LEASE)).toBeNull();
    await watch.leave("p2");
    expect(await watch.hold("p1", LEASE)).toMatchObject({ at: 50 });
  });

  test("where the database has a clock of its own, that decides what is due", async ({ skip }) => {
    skip(!under.isShared, "a database of one process has no clock of its own");
    const real = new DeliveryQueue({ database: under.database, tenant, time: serverClock, skipsLocked: true });
    const one = message();
    await real.add([one]);
    const [first] = await real.claim("a", 1, "p", 3_600_000);
    expect(first!.id).toBe(one.id);
    expect(await real.claim("a", 1, "q", LEASE)).toEqual([]);
    await real.record(first!, BAD, { type: "retry", delayMs: 3_600_000 });
    expect([await real.dueLanes(), await real.claim("a", 1, "q", LEASE)]).toEqual([[], []]);
    const { delivery } = (await log.find(one.id))!;
    expect(Math.abs(delivery.createdAt - Date.now())).toBeLessThan(60_000);
    expect(delivery.dueAt! - delivery.updatedAt).toBe(3_600_000);
  });
}
