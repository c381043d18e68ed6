import { createHmac } from "node:crypto";
import { Payload, type RunCreated } from "@weftwork/core";
import { verifyWebhook, WebhookVerificationError } from "@weftwork/sdk";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import type { RunNews } from "./events.ts";
import { messageOf, signedHeaders, type ToldRun } from "./message.ts";
import { keyOf, newSecret, rotated, valid } from "./secrets.ts";

const created: RunCreated = {
  type: "run_created",
  runId: "订单 1",
  tenant: "t",
  workflow: "图像",
  version: "1.0.0",
  hash: "h",
  pins: {},
  inputs: Payload.of({ secret: "never shown" }),
  seed: 1,
  priority: "normal",
  metadata: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", note: "never shown" },
  waits: null,
  rerunOf: null,
  batch: null,
};
const run: ToldRun = { created, createdAt: 1000, startedAt: 2000 };
const news: RunNews = { type: "run.succeeded", status: "succeeded", at: 3000, seq: 4, error: null, waiting: [] };
const to = { endpoint: "whe_1", lane: "whe_1" };
const now = (): number => Math.floor(Date.now() / 1000);

describe("a message", () => {
  test("is thin: what the run is, where it stands, and where more of it is", () => {
    const { body, traceparent } = messageOf(run, news, to);
    expect(JSON.parse(body)).toEqual({
      type: "run.succeeded",
      timestamp: "1970-01-01T00:00:03.000Z",
      data: {
        id: "订单 1",
        workflow: "图像",
        version: "1.0.0",
        status: "succeeded",
        created_at: "1970-01-01T00:00:01.000Z",
        started_at: "1970-01-01T00:00:02.000Z",
        finished_at: "1970-01-01T00:00:03.000Z",
        error: null,
        waiting: [],
        links: {
          self: "/api/runs/%E8%AE%A2%E5%8D%95%201",
          task: "/api/tasks/%E8%AE%A2%E5%8D%95%201",
        },
      },
    });
    expect(traceparent).toBe(created.metadata["traceparent"]);
  });

  test("has an id of its endpoint, run, event and row, the same wherever it is made", () => {
    const ids = [
      messageOf(run, news, to),
      messageOf({ ...run, startedAt: 1 }, { ...news, at: 9 }, to),
      messageOf(run, news, { ...to, endpoint: "whe_2" }),
      messageOf(run, { ...news, seq: 5 }, to),
      messageOf(run, { ...news, type: "run.failed" }, to),
      messageOf({ ...run, created: { ...created, runId: "other" } }, news, to),
    ].map(({ id }) => id);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(5);
    expect(ids[0]).toMatch(/^msg_[\w-]{32}$/);
  });

  test("stays below 20 kB, and a header is no place for what a caller wrote", () => {
    const step = { scope: "s".repeat(3000), step: "a", for: "signal", name: "n", until: null } as const;
    const long = messageOf(run, { ...news, type: "run.paused", waiting: Array.from({ length: 20 }, () => step) }, to);
    expect(Buffer.byteLength(long.body)).toBeLessThan(20_000);
    const odd = { ...created, metadata: { traceparent: "00-x\r\nx: y" } };
    expect(messageOf({ ...run, created: odd }, news, to).traceparent).toBeNull();
  });
});

describe("a signature", () => {
  const message = messageOf(run, news, to);

  test("is believed by an independent receiver and by the SDK, with each of two secrets while one is changed", async () => {
    const [before] = [newSecret()];
    const secrets = rotated([before], Date.now(), 60_000);
    expect(secrets).toHaveLength(2);
    const headers = { ...signedHeaders(message, valid(secrets, Date.now()).map(keyOf), now()) };
    for (const { text } of secrets) {
      expect(new Webhook(text).verify(message.body, headers)).toMatchObject({ type: "run.succeeded" });
      expect(await verifyWebhook(message.body, headers, text)).toMatchObject({ type: "run.succeeded" });
      expect(await verifyWebhook(Buffer.from(message.body), new Headers(headers), text)).toMatchObject({
        data: { id: "订单 1" },
      });
    }
    const late = signedHeaders(message, valid(secrets, Date.now() + 60_001).map(keyOf), now());
    expect(new Webhook(secrets[0]!.text).verify(message.body, { ...late })).toBeDefined();
    expect(() => new Webhook(before.text).verify(message.body, { ...late })).toThrow("No matching signature found");
    await expect(verifyWebhook(message.body, late, before.text)).rejects.toBeInstanceOf(WebhookVerificationError);
  });

  test("holds for no other body, id, time or secret", async () => {
    const secret = newSecret();
    const headers = signedHeaders(message, [keyOf(secret)], now());
    const refused = (body: string, given: Readonly<Record<string, string>>, text = secret.text): Promise<void> =>
      expect(verifyWebhook(body, given, text)).rejects.toBeInstanceOf(WebhookVerificationError);
    await refused(`${message.body} `, headers);
    await refused(message.body, { ...headers, "webhook-id": "msg_other" });
    await refused(message.body, { ...headers, "webhook-timestamp": String(now() - 1) });
    await refused(message.body, signedHeaders(message, [keyOf(secret)], now() - 301));
    await refused(message.body, headers, newSecret().text);
    await refused(message.body, headers, "whsec_no base64 !");
    await refused(message.body, { ...headers, "webhook-signature": "v1,AAAA v2,x v1" });
    for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"])
      await refused(message.body, { ...headers, [name]: "" });
  });

  test("is the one that the standard gives as its example, in whatever case headers come", async () => {
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const headers = {
      "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "Webhook-Timestamp": "1614265330",
      "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    const body = '{"test": 2432232314}';
    expect(await verifyWebhook(body, headers, secret, { now: 1_614_265_330_000 })).toEqual({ test: 2_432_232_314 });
    const made = signedHeaders(
      { id: headers["Webhook-Id"], body, traceparent: null },
      [keyOf({ text: secret, until: null })],
      1_614_265_330,
    );
    expect(made["webhook-signature"]).toBe(headers["Webhook-Signature"]);
    const plain = createHmac("sha256", "a plain secret of some length").update(`m.1614265330.${body}`).digest("base64");
    const own = { "webhook-id": "m", "webhook-timestamp": "1614265330", "webhook-signature": `v1,${plain}` };
    const verified = verifyWebhook(body, own, "a plain secret of some length", { now: 1_614_265_330_000 });
    expect(await verified).toBeDefined();
  });
});
