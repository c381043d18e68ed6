import { afterEach, beforeEach, expect, test } from "vitest";
import { answered, WebhookBench } from "./outgoing.testing.ts";
import { RETRY_MS } from "./sender.ts";

const URL = "https://hooks.example.com/in";
const MINUTE = 60_000;
/** A hundredth of the pauses of the standard: days of silence are many looks. */
const SHORT_MS = RETRY_MS.map((ms) => ms / 100);

let site: WebhookBench;
beforeEach(() => void (site = new WebhookBench()));
afterEach(() => site.close());

test("a run is told of when it begins, waits for somebody, and ends, each once and in this order", async () => {
  const process = await site.opened();
  const { id, secret } = await process.webhooks.service.create({ url: `${URL}?token=abcdef`, description: "mine" });
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  await site.run(process, "r1", "asking");
  expect(site.told).toEqual(["r1 run.started", "r1 run.paused"]);
  expect(JSON.parse(site.got[1]!.body)).toMatchObject({
    type: "run.paused",
    data: { id: "r1", workflow: "asking", status: "waiting", waiting: [{ step: "ok", for: "approval" }], error: null },
  });
  await process.engine.runs.decide("r1", { step: "ok", approved: true });
  await site.bench.clock.advance(10 * MINUTE);
  expect(site.told).toEqual(["r1 run.started", "r1 run.paused", "r1 run.succeeded"]);
  expect(site.got[0]!.url).toBe(`${URL}?token=abcdef`);
  // The query may hold a token: no list shows it, and none shows the secret.
  const shown = JSON.stringify([
    await process.webhooks.service.list(),
    await process.webhooks.service.get(id),
    await process.webhooks.service.deliveries(id),
  ]);
  expect(shown).toContain(`${URL}?***`);
  expect(shown).not.toContain("abcdef");
  expect(shown).not.toContain(secret.slice(6));
});

test("an endpoint hears of the workflow and the events it asked for, and of nothing before it was there", async () => {
  const process = await site.opened();
  await site.run(process, "before");
  await process.webhooks.service.create({ url: `${URL}/two`, workflow: "two" });
  await process.webhooks.service.create({ url: `${URL}/ends`, events: ["run.succeeded", "run.failed"] });
  await site.run(process, "r1", "one");
  await site.run(process, "r2", "two");
  await site.bench.clock.advance(MINUTE);
  expect(site.got.map(({ url, run: of, type }) => `${url.slice(URL.length)} ${of} ${type}`).toSorted()).toEqual([
    "/ends r1 run.succeeded",
    "/ends r2 run.succeeded",
    "/two r2 run.started",
    "/two r2 run.succeeded",
  ]);
});

test("a failed and a cancelled run are told as such, with the code and the step", async () => {
  const process = await site.opened();
  await process.webhooks.service.create({ url: URL, events: ["run.failed", "run.cancelled"] });
  await site.bench.publish(process, { name: "bad", steps: [{ id: "t", type: "template", template: "{{ 1 / 0 }}" }] });
  await site.run(process, "f", "bad");
  await site.run(process, "c", "asking");
  await process.engine.runs.cancel("c");
  await site.bench.clock.advance(1000);
  const data = site.got.map(
    ({ body }) => (JSON.parse(body) as { data: { status: string; error: object | null } }).data,
  );
  expect(data).toMatchObject([
    { id: "f", status: "failed", error: { code: expect.any(String) as string, scope: "root", step: "t" } },
    { id: "c", status: "cancelled", error: null },
  ]);
});

test("a receiver that is down for two minutes gets every event once it is back, in order, same ids and bytes", async () => {
  const process = await site.opened();
  const { id } = await process.webhooks.service.create({ url: URL });
  const { clock } = site.bench;
  const back = clock.now() + 2 * MINUTE;
  site.answer = () => (clock.now() < back ? answered(503) : answered(204));
  const runs = Array.from({ length: 12 }, (_, at) => `r${at}`);
  for (const one of runs) await site.run(process, one);
  await clock.advance(10 * MINUTE);
  const well = site.got.filter(({ at }) => at >= back);
  expect(well.map(({ run: of, type }) => `${of} ${type}`).toSorted()).toEqual(
    runs.flatMap((of) => [`${of} run.started`, `${of} run.succeeded`]).toSorted(),
  );
  for (const of of runs) {
    const mine = well.filter((one) => one.run === of);
    expect(mine.map(({ type }) => type)).toEqual(["run.started", "run.succeeded"]);
    // Nothing of a run overtakes what came before it, and each attempt is the same message.
    const first = site.got.filter((one) => one.run === of && one.type === "run.started");
    expect(new Set(first.map(({ id: message, body }) => `${message} ${body}`)).size).toBe(1);
    expect(first.length).toBeGreaterThan(1);
  }
  const page = await process.webhooks.service.deliveries(id, { limit: 200 });
  expect(page.data.map(({ status }) => status)).toEqual(Array.from({ length: 24 }, () => "delivered"));
  const detail = await process.webhooks.service.delivery(well[0]!.id);
  expect(detail.attempts.map(({ status }) => status)).toEqual([
    ...Array.from({ length: detail.attempts.length - 1 }, () => 503),
    204,
  ]);
});

test("pauses are those of the standard", () => {
  const [minute, hour] = [60, 3600];
  expect(RETRY_MS.map((ms) => ms / 1000)).toEqual([
    5,
    5 * minute,
    30 * minute,
    ...[2, 5, 10, 14, 20, 24].map((hours) => hours * hour),
  ]);
});

test("pauses grow as they are set; behind the last attempt a delivery is dead, and can be made again", async () => {
  site.retryMs = SHORT_MS;
  const process = await site.opened();
  const { id } = await process.webhooks.service.create({ url: URL, events: ["run.succeeded"] });
  site.answer = () => answered(500);
  await site.run(process, "r1");
  await site.bench.clock.advance(60 * MINUTE);
  const pauses = site.got.slice(1).map(({ at }, index) => at - site.got[index]!.at);
  expect(site.got).toHaveLength(10);
  for (const [index, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(SHORT_MS[index]! * 0.8);
    expect(pause).toBeLessThan(SHORT_MS[index]! * 1.2 + 5000);
  }
  const [dead] = (await process.webhooks.service.deliveries(id, { status: "dead" })).data;
  expect(dead).toMatchObject({ status: "dead", attempt_count: 10, last_status: 500, next_attempt_at: null });
  site.answer = () => answered(200);
  expect(await process.webhooks.service.redeliver(dead!.id)).toMatchObject({ status: "pending" });
  await site.bench.clock.advance(5000);
  expect(await process.webhooks.service.delivery(dead!.id)).toMatchObject({ status: "delivered", attempt_count: 11 });
  expect(new Set(site.got.map((one) => one.id)).size).toBe(1);
  expect(process.webhooks.metrics()).toEqual(
    expect.arrayContaining([
      'weft_webhook_deliveries_total{outcome="retried"} 9',
      'weft_webhook_deliveries_total{outcome="dead"} 1',
      'weft_webhook_deliveries_total{outcome="delivered"} 1',
    ]),
  );
});

test("all dead deliveries of a time are made again together", async () => {
  site.retryMs = SHORT_MS;
  const process = await site.opened();
  const { id } = await process.webhooks.service.create({ url: URL, events: ["run.succeeded"] });
  site.answer = () => answered(500);
  await site.run(process, "r1");
  await site.run(process, "r2");
  await site.bench.clock.advance(60 * MINUTE);
  site.answer = () => answered(200);
  const after = new Date(site.bench.clock.now()).toISOString();
  expect(await process.webhooks.service.redeliverAll(id, { after })).toEqual({ count: 0 });
  expect(await process.webhooks.service.redeliverAll(id, { run: "r1" })).toEqual({ count: 1 });
  expect(await process.webhooks.service.redeliverAll(id)).toEqual({ count: 1 });
  await site.bench.clock.advance(10_000);
  const states = (await process.webhooks.service.deliveries(id)).data.map(({ status }) => status);
  expect(states).toEqual(["delivered", "delivered"]);
});

test("Retry-After is waited for", async () => {
  const process = await site.opened();
  await process.webhooks.service.create({ url: URL, events: ["run.succeeded"] });
  site.answer = () => (site.got.length === 1 ? answered(429, { retryAfterMs: 3 * MINUTE }) : answered(200));
  await site.run(process, "r1");
  await site.bench.clock.advance(2 * MINUTE);
  expect(site.got).toHaveLength(1);
  await site.bench.clock.advance(2 * MINUTE);
  expect(site.got).toHaveLength(2);
});

test("410 disables the endpoint; enabled again it hears of what comes, and dead ones can be made again", async () => {
  const process = await site.opened();
  const { service } = process.webhooks;
  const { id } = await service.create({ url: URL, events: ["run.succeeded"] });
  site.answer = () => answered(410);
  await site.run(process, "r1");
  expect(await service.get(id)).toMatchObject({
    status: "disabled",
    disabled_reason: "the receiver answered 410 Gone",
  });
  await site.run(process, "r2");
  expect(site.told).toEqual(["r1 run.succeeded"]);
  await expect(service.redeliverAll(id)).rejects.toMatchObject({ code: "WEBHOOK_ENDPOINT_DISABLED" });
  site.answer = () => answered(200);
  expect(await service.change(id, { status: "enabled" })).toMatchObject({ status: "enabled", disabled_reason: null });
  expect(await service.redeliverAll(id)).toEqual({ count: 1 });
  await site.run(process, "r3");
  await site.bench.clock.advance(2 * MINUTE);
  expect(site.told).toEqual(["r1 run.succeeded", "r1 run.succeeded", "r3 run.succeeded"]);
});

test("a receiver that never answers delays no other, and holds few places", async () => {
  const process = await site.opened();
  await process.webhooks.service.create({ url: `${URL}/bad` });
  await process.webhooks.service.create({ url: `${URL}/good` });
  let open = 0;
  let most = 0;
  site.answer = ({ url, signal }) => {
    if (!url.endsWith("/bad")) return answered(200);
    most = Math.max(most, ++open);
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("let go")), { once: true });
    });
  };
  for (let at = 0; at < 40; at++) await site.run(process, `r${at}`);
  const good = site.got.filter(({ url }) => url.endsWith("/good"));
  expect(good).toHaveLength(80);
  expect(most).toBeLessThanOrEqual(8);
  const closing = process.webhooks.close(0);
  await site.bench.clock.advance(1);
  await closing;
});

test("a run's own address is told of it, signed with the secret for such addresses, and of no other run", async () => {
  const process = await site.opened();
  await site.run(process, "r1", "one", { callback_url: `${URL}/own?key=abcdef` });
  await site.run(process, "r2");
  await site.bench.clock.advance(1000);
  expect(site.told).toEqual(["r1 run.started", "r1 run.succeeded"]);
  expect(site.got[0]!.url).toBe(`${URL}/own?key=abcdef`);
  const page = await process.webhooks.service.deliveries("callback");
  expect(page.data.map(({ run_id: of, endpoint_id: endpoint }) => [of, endpoint])).toEqual([
    ["r1", "callback"],
    ["r1", "callback"],
  ]);
  expect(await process.webhooks.service.list()).toEqual([]);
  const journal = (await site.bench.rows("r1")).map(({ body }) => body).join("");
  expect(journal).not.toContain("abcdef");
  const { secret } = await process.webhooks.service.rotate("callback");
  expect(secret).toMatch(/^whsec_/);
});

test.each([
  ["ftp://example.com/", "REQUEST_BLOCKED"],
  ["http://127.0.0.1:6379/", "REQUEST_BLOCKED"],
  ["http://localhost/", "REQUEST_BLOCKED"],
  ["https://user:word@example.com/", "REQUEST_BLOCKED"],
  ["not a url", "INVALID_REQUEST"],
])("the address %s is refused with %s, for a run and for an endpoint", async (url, code) => {
  const process = await site.opened();
  await expect(process.webhooks.service.create({ url })).rejects.toMatchObject({ code });
  const start = process.engine.runs.start({ workflow: "one", id: "r", inputs: {}, callback_url: url });
  await expect(start).rejects.toMatchObject({ code });
  expect(await process.engine.runs.get("r")).toBeNull();
});

test("a message that comes back holds no secret and no token of the address", async () => {
  const process = await site.opened();
  const { service } = process.webhooks;
  const { id, secret } = await service.create({ url: `${URL}?token=tok-123456`, events: ["run.succeeded"] });
  const filler = "x".repeat(300);
  site.answer = ({ url }) =>
    answered(500, { answer: `${filler}${secret} ${secret.slice(6)} ${url} ${secret.slice(0, 30)}`, isCut: true });
  await site.run(process, "r1");
  const [delivery] = (await service.deliveries(id)).data;
  const text = JSON.stringify(await service.delivery(delivery!.id));
  expect(text).toContain("***");
  for (const hidden of [secret.slice(6), secret.slice(8, 28), "tok-123456"]) expect(text).not.toContain(hidden);
});

test("a test message is sent at once and once, whatever waits; it turns nothing off", async () => {
  const process = await site.opened();
  const { service } = process.webhooks;
  const { id } = await service.create({ url: URL, events: ["run.failed"] });
  expect(await service.test(id)).toMatchObject({ type: "webhook.test", status: "delivered", run_id: null });
  site.answer = () => answered(410, { answer: "no" });
  expect(await service.test(id)).toMatchObject({ status: "dead", last_status: 410, attempts: [{ answer: "no" }] });
  await site.bench.clock.advance(30 * MINUTE);
  expect(site.got).toHaveLength(2);
  expect(await service.get(id)).toMatchObject({ status: "enabled" });
});

test("what is removed hears no more, and its deliveries are deleted", async () => {
  const process = await site.opened();
  const { service } = process.webhooks;
  const { id } = await service.create({ url: URL });
  site.answer = () => answered(500);
  await site.run(process, "r1");
  const sent = site.got.length;
  const [delivery] = (await service.deliveries(id)).data;
  await service.remove(id);
  await expect(service.get(id)).rejects.toMatchObject({ code: "WEBHOOK_ENDPOINT_NOT_FOUND" });
  await expect(service.remove(id)).rejects.toMatchObject({ code: "WEBHOOK_ENDPOINT_NOT_FOUND" });
  await site.bench.clock.advance(10 * MINUTE);
  expect(site.got).toHaveLength(sent);
  await expect(service.delivery(delivery!.id)).rejects.toMatchObject({ code: "WEBHOOK_DELIVERY_NOT_FOUND" });
});
