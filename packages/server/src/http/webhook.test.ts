import { createHmac } from "node:crypto";
import { request as send } from "node:http";
import type { JsonObject } from "@weftwork/core";
import type { Run, RunPage, TriggerAddress } from "@weftwork/sdk";
import { WeftClient } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
let base: string;
let client: WeftClient;
beforeEach(async () => {
  server = await testApp();
  base = `http://127.0.0.1:${await server.port()}`;
  client = new WeftClient({ baseUrl: base });
});
afterEach(() => server.close());

interface Hook {
  readonly id?: string;
  readonly data: JsonObject;
}

/** A workflow whose end gives what its triggers got: `got` of the first, `other` of the second. */
function hooks(name: string, triggers: readonly Hook[], wanted: readonly string[]): string {
  const nodes = [
    ...triggers.map(({ id = "hook", data }) => ({ id, data: { type: "trigger-webhook", ...data } })),
    {
      id: "end",
      data: {
        type: "end",
        outputs: triggers.flatMap(({ id = "hook" }) =>
          wanted.map((field) => ({ variable: `${id}_${field}`, value_selector: [id, field] })),
        ),
      },
    },
  ];
  const edges = triggers.map(({ id = "hook" }) => ({ source: id, target: "end" }));
  return JSON.stringify({
    app: { name, mode: "workflow" },
    kind: "app",
    version: "0.6.0",
    workflow: { graph: { nodes, edges } },
  });
}

const JSON_HOOK: JsonObject = {
  method: "post",
  content_type: "application/json",
  headers: [{ name: "X-Kind", type: "string", required: false }],
  params: [{ name: "n", type: "number", required: false }],
  body: [{ name: "text", type: "string", required: true }],
  status_code: 202,
  response_body: '{"ok": true}',
};

async function address(
  data: JsonObject = JSON_HOOK,
  wanted: readonly string[] = ["text"],
  more: object = {},
): Promise<string> {
  await client.publish(hooks("app", [{ data }], wanted));
  const { path } = await client.rotateTrigger({ workflow: "app", node: "hook", ...more });
  return base + path;
}

const post = (url: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) });

async function runs(): Promise<readonly Run[]> {
  const { data } = await client.list({ workflow: "app" });
  return Promise.all(data.map(({ id }) => client.wait(id)));
}

describe("a webhook", () => {
  test("answers at once as it declares, and its run gets the variables with their types", async () => {
    const url = await address(JSON_HOOK, ["text", "n", "X_Kind", "_webhook_raw"]);
    const answer = await post(
      `${url}?n=2&n=3`,
      { text: "天气", more: 1 },
      { "X-Kind": "k", authorization: "Bearer c4n4ry" },
    );
    expect([answer.status, await answer.json()]).toEqual([202, { ok: true }]);
    expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
    const [run] = await runs();
    expect(run).toMatchObject({
      status: "succeeded",
      metadata: { trigger: "webhook", node: "hook" },
      outputs: {
        hook_text: "天气",
        hook_n: 2,
        hook_X_Kind: "k",
        hook__webhook_raw: { method: "POST", query_params: { n: "2" }, body: { text: "天气", more: 1 } },
      },
    });
    // What is recorded tells nobody how to call it, nor how its sender proves itself.
    const recorded = JSON.stringify(await client.export(run!.id));
    expect(recorded).not.toContain(url.split("/").at(-1));
    expect(recorded).not.toContain("c4n4ry");
  });

  test.each<[string, RequestInit, number, string]>([
    ["another method", { method: "GET" }, 400, "HTTP method mismatch. Expected post, got get"],
    [
      "another type",
      { method: "POST", body: "x", headers: { "content-type": "text/plain" } },
      400,
      "Content-type mismatch. Expected application/json, got text/plain",
    ],
    [
      "no needed value",
      { method: "POST", body: "{}", headers: JSON_TYPE },
      400,
      "Required body parameter missing: text",
    ],
    [
      "a wrong type",
      { method: "POST", body: '{"text":1}', headers: JSON_TYPE },
      400,
      "Body parameter 'text' must be string",
    ],
  ])("refuses a call with %s in the words of Dify, and begins nothing", async (_, init, status, message) => {
    const answer = await fetch(await address(), init);
    expect([answer.status, await answer.json()]).toEqual([status, { error: "Bad Request", message }]);
    expect(await runs()).toEqual([]);
  });

  test("that nobody has, that was replaced, or whose node is gone is the same 404", async () => {
    const first = await address();
    const second = base + (await client.rotateTrigger({ workflow: "app", node: "hook" })).path;
    expect((await post(second, { text: "a" })).status).toBe(202);
    await client.publish(hooks("app", [{ id: "renamed", data: JSON_HOOK }], ["text"]));
    // The newest version may be known for a second.
    await expect.poll(async () => (await post(second, { text: "a" })).status, { timeout: 5000 }).toBe(404);
    const answers = [];
    for (const url of [first, second, `${base}/triggers/webhook/nobody`])
      answers.push(await (await post(url, { text: "a" })).text());
    expect(new Set(answers)).toEqual(new Set(['{"error":"Not Found","message":"There is no such webhook."}']));
  });

  test("takes 10 MB and no more, and an unknown address reads nothing", async () => {
    const url = await address();
    const of = (bytes: number): object => ({ text: "x".repeat(bytes - 11) });
    expect((await post(url, of(10 * 1024 * 1024))).status).toBe(202);
    const status = (target: string, length: string | null): Promise<number> =>
      new Promise((resolve, reject) => {
        const { port, pathname } = new URL(target);
        const headers = { ...JSON_TYPE, ...(length === null ? {} : { "content-length": length }) };
        const call = send({ host: "127.0.0.1", port, path: pathname, method: "POST", headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
          call.destroy();
        });
        call.on("error", reject);
        // Never ended: the answer comes before the body.
        if (length === null) call.write("x".repeat(10 * 1024 * 1024 + 1));
        else call.flushHeaders();
      });
    expect(await status(url, String(10 * 1024 * 1024 + 1))).toBe(413);
    expect(await status(url, null)).toBe(413);
    expect(await status(`${base}/triggers/webhook/nobody`, "1000000")).toBe(404);
  });

  test.each(["webhook-id", "Idempotency-Key"])("a call repeated with the same %s is the same run", async (header) => {
    const url = await address();
    const answers = await Promise.all([1, 2, 3].map(() => post(url, { text: "a" }, { [header]: "id-1" })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(answers.filter((answer) => answer.headers.get("idempotency-replayed") === "true")).toHaveLength(2);
    expect((await post(url, { text: "a" }, { [header]: "id-2" })).status).toBe(202);
    expect(await runs()).toHaveLength(2);
    expect((await post(url, { text: "other" }, { [header]: "id-1" })).status).toBeGreaterThanOrEqual(400);
    expect(await runs()).toHaveLength(2);
  });

  test("takes forms with files; those of a repeat do not stay", async () => {
    const url = await address(
      {
        method: "put",
        content_type: "multipart/form-data",
        body: [
          { name: "count", type: "number", required: true },
          { name: "paper", type: "file", required: true },
        ],
      },
      ["count", "paper"],
    );
    const call = (): Promise<Response> => {
      const form = new FormData();
      form.set("count", "3");
      form.set("paper", new Blob(["hello"], { type: "text/plain" }), "a.txt");
      return fetch(url, { method: "PUT", body: form, headers: { "webhook-id": "one" } });
    };
    expect((await call()).status).toBe(200);
    expect((await call()).headers.get("idempotency-replayed")).toBe("true");
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(run!.outputs).toMatchObject({ hook_count: 3, hook_paper: { filename: "a.txt", size: 5 } });
  });

  test.each([
    ["application/x-www-form-urlencoded", "a=1&b=x+y", { hook_a: 1, hook_b: "x y" }],
    ["text/plain", "as it is", { hook_a: "as it is", hook_b: "as it is" }],
  ])("takes %s", async (type, body, outputs) => {
    const fields = [
      { name: "a", type: type.startsWith("text") ? "string" : "number", required: true },
      { name: "b", type: "string", required: true },
    ];
    const url = await address({ method: "patch", content_type: type, body: fields }, ["a", "b"]);
    expect((await fetch(url, { method: "PATCH", body, headers: { "content-type": type } })).status).toBe(200);
    expect((await runs())[0]!.outputs).toEqual(outputs);
  });

  test("takes GET without a body", async () => {
    const url = await address(
      { method: "get", content_type: "application/json", params: [{ name: "q", type: "string", required: true }] },
      ["q"],
    );
    expect((await fetch(`${url}?q=1`)).status).toBe(200);
    expect((await runs())[0]!.outputs).toEqual({ hook_q: "1" });
  });

  test("takes HEAD, answered without a body", async () => {
    const answer = await fetch(await address({ method: "head" }), { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
    expect(await runs()).toHaveLength(1);
  });

  test("begins at its own node where there are several", async () => {
    await client.publish(
      hooks(
        "app",
        [
          { id: "a", data: JSON_HOOK },
          { id: "b", data: JSON_HOOK },
        ],
        ["text"],
      ),
    );
    const { path } = await client.rotateTrigger({ workflow: "app", node: "b" });
    expect((await post(base + path, { text: "to b" })).status).toBe(202);
    expect((await runs())[0]!.outputs).toEqual({ a_text: null, b_text: "to b" });
    const byHand = await client.run({ workflow: "app", root: "a", inputs: { text: "by hand" } });
    expect(byHand.outputs).toEqual({ a_text: "by hand", b_text: null });
    await expect(client.start({ workflow: "app", root: "c" })).rejects.toMatchObject({ code: "invalid_inputs" });
    await expect(client.start({ workflow: "hello", root: "c" })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("does not serve web pages of other sites", async () => {
    const url = await address();
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await post(url, { text: "a" }, headers)).status).toBe(403);
    expect((await post(url, { text: "a" }, { origin: "http://evil.example" })).status).toBe(403);
    expect(await runs()).toEqual([]);
  });
});

describe("a webhook with a secret", () => {
  const KEY = Buffer.from("0123456789abcdef0123456789abcdef");
  const sign = (body: string, id: string, seconds: number): Record<string, string> => ({
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": `v1,${createHmac("sha256", KEY).update(`${id}.${seconds}.${body}`).digest("base64")}`,
  });
  const now = (): number => Math.floor(Date.now() / 1000);

  test("takes what is signed with it, once", async () => {
    await client.setSecret("HOOK_KEY", { value: `whsec_${KEY.toString("base64")}` });
    const url = await address(JSON_HOOK, ["text"], { secret: "HOOK_KEY" });
    const body = '{"text": "a"}';
    const call = async (headers: Record<string, string>, text = body): Promise<number> =>
      (await fetch(url, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: text })).status;
    expect(await call({})).toBe(401);
    expect(await call({ "idempotency-key": "x" })).toBe(401);
    expect(await call(sign(body, "m1", now()), '{"text":"a"}')).toBe(401);
    expect(await call(sign(body, "m1", now() - 400))).toBe(401);
    expect(await call(sign(body, "m1", now()))).toBe(202);
    // Sent again with a new time, and as it was.
    expect(await call(sign(body, "m1", now() - 5))).toBe(202);
    expect(await call({ ...sign(body, "m1", now()), "idempotency-key": "another" })).toBe(202);
    expect(await runs()).toHaveLength(1);
    expect(await client.triggers()).toMatchObject([{ secret: "HOOK_KEY" }]);
    expect((await client.rotateTrigger({ workflow: "app", node: "hook" })).secret).toBe("HOOK_KEY");
    expect((await client.rotateTrigger({ workflow: "app", node: "hook", secret: null })).secret).toBeNull();
  });

  test("takes nothing while the secret is missing; neither the answer nor the log names secret or address", async () => {
    await client.setSecret("HOOK_KEY", { value: "a plain secret of some length" });
    const url = await address(JSON_HOOK, ["text"], { secret: "HOOK_KEY" });
    await client.removeSecret("HOOK_KEY");
    const answer = await post(url, { text: "a" }, sign('{"text":"a"}', "m", now()));
    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain("HOOK_KEY");
    expect(server.logged.join()).toContain("cannot be checked");
    expect(JSON.stringify(server.logFields)).toContain("/triggers/webhook/***");
    expect(JSON.stringify(server.logFields)).not.toContain(url.split("/").at(-1));
    await expect(client.rotateTrigger({ workflow: "app", node: "hook", secret: "NONE" })).rejects.toMatchObject({
      code: "secret_not_found",
    });
  });
});

describe("/api/triggers", () => {
  test("tells an address once, and lists without it", async () => {
    await client.publish(hooks("app", [{ data: JSON_HOOK }], ["text"]));
    expect(await client.triggers()).toMatchObject([
      { workflow: "app", node: "hook", type: "webhook", active: false, method: "POST", created_at: null },
    ]);
    const made: TriggerAddress = await client.rotateTrigger({ workflow: "app", node: "hook" });
    expect(made.path).toMatch(/^\/triggers\/webhook\/[\w-]{43}$/);
    const listed = await (await fetch(`${base}/api/triggers`)).text();
    expect(JSON.parse(listed)).toMatchObject({ data: [{ active: true, created_at: made.created_at }] });
    expect(listed).not.toContain(made.path.split("/").at(-1));
    await client.removeTrigger("app", "hook");
    expect((await post(base + made.path, { text: "a" })).status).toBe(404);
    await expect(client.removeTrigger("app", "hook")).rejects.toMatchObject({ code: "trigger_not_found" });
  });

  test("a schedule is listed, has no address, and begins by hand", async () => {
    const source = hooks("app", [{ data: JSON_HOOK }], ["text"]).replace(
      '{"id":"end"',
      '{"id":"daily","data":{"type":"trigger-schedule"}},{"id":"end"',
    );
    await client.publish(source);
    expect((await client.triggers()).map(({ node, type, active }) => [node, type, active])).toEqual([
      ["daily", "schedule", false],
      ["hook", "webhook", false],
    ]);
    for (const node of ["daily", "end", "nobody"])
      await expect(client.rotateTrigger({ workflow: "app", node })).rejects.toMatchObject({
        code: "trigger_not_found",
      });
    expect((await client.run({ workflow: "app", root: "daily" })).status).toBe("succeeded");
    const page: RunPage = await client.list({ workflow: "app" });
    expect(page.data).toHaveLength(1);
  });
});
