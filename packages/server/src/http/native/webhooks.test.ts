import { Validator } from "@cfworker/json-schema";
import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { WebhookEndpointSecret } from "@weftwork/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "../app.testing.ts";
import { openApiDocument } from "../openapi/document.ts";

let server: TestApp;
beforeAll(async () => void (server = await testApp()));
afterAll(() => server.close());

const document = openApiDocument();
function fits(schema: string, value: unknown): string[] {
  const root = { ...document, $ref: `#/components/schemas/${schema}` };
  return new Validator(root, "2020-12", false).validate(value).errors.map(({ error }) => error);
}
async function call(method: "GET" | "POST" | "PATCH" | "DELETE", url: string, body?: object) {
  const answer = await server.app.fastify.inject({
    method,
    url,
    ...(body === undefined ? {} : { headers: JSON_TYPE, body }),
  });
  const json: unknown = answer.body === "" ? null : answer.json();
  return { status: answer.statusCode, body: json as JsonObject };
}

test("a receiver is made, shown, changed, and removed; its secret is told twice, when it is made and rotated", async () => {
  const made = await call("POST", "/api/webhooks", {
    url: "https://example.com/in?token=abcdef",
    events: ["run.failed"],
  });
  expect([made.status, fits("WebhookEndpointSecret", made.body)]).toEqual([201, []]);
  const { id, secret } = made.body as unknown as WebhookEndpointSecret;
  const path = `/api/webhooks/${id}`;
  const changed = await call("PATCH", path, { workflow: "hello", description: "for us", status: "disabled" });
  expect(changed).toMatchObject({
    status: 200,
    body: { url: "https://example.com/in?***", events: ["run.failed"], workflow: "hello", status: "disabled" },
  });
  const shown = [await call("GET", "/api/webhooks"), await call("GET", path), changed];
  expect(fits("WebhookEndpointPage", shown[0]!.body)).toEqual([]);
  expect(fits("WebhookEndpoint", shown[1]!.body)).toEqual([]);
  const rotated = await call("POST", `${path}/rotate`, { overlap: "1h" });
  expect([rotated.status, fits("WebhookEndpointSecret", rotated.body)]).toEqual([200, []]);
  expect(rotated.body["secret"]).not.toBe(secret);
  expect(Date.parse(String(rotated.body["old_secret_until"]))).toBeGreaterThan(Date.now() + 3_500_000);
  const after = await call("GET", path);
  for (const hidden of [secret.slice(6), String(rotated.body["secret"]).slice(6), "abcdef"])
    expect(JSON.stringify([...shown, after])).not.toContain(hidden);
  expect(await call("DELETE", path)).toEqual({ status: 204, body: null });
  expect(await call("GET", path)).toMatchObject({ status: 404, body: { code: "webhook_endpoint_not_found" } });
});

test("deliveries are listed, shown and made again", async () => {
  const made = await call("POST", "/api/webhooks", { url: "https://unknown.invalid/in" });
  const path = `/api/webhooks/${String(made.body["id"])}`;
  const tested = await call("POST", `${path}/test`);
  expect([tested.status, fits("WebhookDeliveryDetail", tested.body)]).toEqual([200, []]);
  expect(tested.body).toMatchObject({ type: "webhook.test", status: "dead", attempt_count: 1, last_status: null });
  const list = await call("GET", `${path}/deliveries?status=dead&limit=1`);
  expect([list.status, fits("WebhookDeliveryPage", list.body)]).toEqual([200, []]);
  expect((list.body["data"] as readonly Json[]).filter(isJsonObject).map(({ id }) => id)).toEqual([tested.body["id"]]);
  const one = `/api/webhooks/deliveries/${String(tested.body["id"])}`;
  expect(fits("WebhookDeliveryDetail", (await call("GET", one)).body)).toEqual([]);
  await call("PATCH", path, { status: "disabled" });
  expect(await call("POST", `${one}/redeliver`)).toMatchObject({
    status: 409,
    body: { code: "webhook_endpoint_disabled" },
  });
  await call("PATCH", path, { status: "enabled" });
  const again = await call("POST", `${one}/redeliver`);
  expect([again.status, fits("WebhookDelivery", again.body)]).toEqual([202, []]);
  const all = await call("POST", `${path}/redeliver`, { status: "delivered", after: "2026-01-01T00:00:00Z" });
  expect(all).toEqual({ status: 202, body: { count: 0 } });
  expect(await call("GET", "/api/webhooks/deliveries/msg_none")).toMatchObject({
    status: 404,
    body: { code: "webhook_delivery_not_found" },
  });
});

test.each([
  ["/api/webhooks", {}, 400],
  ["/api/webhooks", { url: "here" }, 400],
  ["/api/webhooks", { url: "https://example.com", events: ["run.exploded"] }, 400],
  ["/api/webhooks", { url: "https://example.com", events: [] }, 400],
  ["/api/webhooks", { url: "https://example.com", event: "run.failed" }, 400],
  ["/api/webhooks", { url: "http://localhost:1234" }, 403],
  ["/api/webhooks/none/rotate", {}, 404],
  ["/api/webhooks/callback/test", {}, 404],
  ["/api/webhooks/callback/rotate", { overlap: "31d" }, 400],
  ["/api/webhooks/callback/rotate", { overlap: "soon" }, 400],
  ["/api/webhooks/none/redeliver", { after: "yesterday" }, 400],
  ["/api/webhooks", { url: "https://example.com", description: "a\u0000b" }, 400],
  ["/api/webhooks/none/redeliver", { run: "a\u0000b" }, 400],
  ["/api/dead-letters/none/discard", { reason: "a\u0000b" }, 400],
  ["/api/pools/default/pause", { reason: "a\u0000b" }, 400],
  ["/api/operations", { action: "discard", ids: ["a"], reason: "a\u0000b" }, 400],
  ["/api/runs", { workflow: "hello", inputs: { text: "x" }, callback_url: 1 }, 400],
  ["/api/runs", { workflow: "hello", inputs: { text: "x" }, callback_url: "http://169.254.169.254:22/" }, 403],
])("POST %s with %j is answered with %i", async (path, body, status) => {
  const answer = await call("POST", path, body);
  expect([answer.status, fits("Problem", answer.body)]).toEqual([status, []]);
});

test("a cursor leads through all deliveries, and one that no page gave is refused", async () => {
  const made = await call("POST", "/api/webhooks", { url: "https://unknown.invalid/in", status: "disabled" });
  const path = `/api/webhooks/${String(made.body["id"])}`;
  for (let at = 0; at < 3; at++) await call("POST", `${path}/test`);
  const seen: Json[] = [];
  for (let cursor = ""; ;) {
    const page = await call("GET", `${path}/deliveries?limit=2${cursor}`);
    seen.push(...(page.body["data"] as readonly JsonObject[]).map(({ id }) => id!));
    if (page.body["next_cursor"] === null) break;
    cursor = `&cursor=${String(page.body["next_cursor"])}`;
  }
  expect(new Set(seen).size).toBe(3);
  const odd = Buffer.from("1 a\0").toString("base64url");
  for (const cursor of ["nonsense", odd])
    expect((await call("GET", `${path}/deliveries?cursor=${cursor}`)).status).toBe(400);
});
