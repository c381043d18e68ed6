import { buffer } from "node:stream/consumers";
import { AppError, type JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { service, testFiles, type Handler, type Service } from "./http-service.testing.ts";
import { httpNode, type HttpOptions } from "./http.ts";
import { NO_SECRETS, type Outcome, type SecretTexts } from "./node.ts";
import { testTask } from "./test-task.ts";

const MARK = "weft-secret.KEY.00ff00ff";
const SECRET = 's3cr3t&"é/?#';
const asBody = encodeURIComponent(SECRET);

/** Secrets that are bound to one host, and note where they were asked for. */
function boundTo(hosts: readonly Service[]): SecretTexts & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    ...NO_SECRETS,
    asked,
    reveal(text, target) {
      if (!text.includes(MARK)) return text;
      asked.push(target.origin);
      if (!hosts.some(({ url }) => url === target.origin)) {
        throw new AppError("STEP_FAILED", { reason: `not for ${target.host}` });
      }
      return text.replaceAll(MARK, SECRET);
    },
  };
}

async function ask(
  services: readonly Service[],
  config: JsonObject,
  secrets: SecretTexts,
  options: HttpOptions = {},
): Promise<Outcome> {
  const node = httpNode({ allow: services.map(({ target }) => target), ...options });
  const outcome = await node.execute(testTask({ url: `${services[0]!.url}/`, ...config }, { secrets }));
  await node.close!();
  return outcome;
}

const ok: Handler = (_request, response) => void response.end("ok");

/** Whether the secret is in a text, as it is or encoded in one of the usual ways. */
function holdsSecret(text: string): boolean {
  const forms = [
    SECRET,
    asBody,
    encodeURI(SECRET),
    JSON.stringify(SECRET).slice(1, -1),
    Buffer.from(SECRET).toString("base64"),
  ];
  return [...forms, "s3cr3t", ...forms.map((form) => JSON.stringify(form).slice(1, -1))].some((form) =>
    text.includes(form),
  );
}

describe("a secret is put in where it is sent, in the form of its place", () => {
  test("query, form, JSON, text, multipart, path", async () => {
    const to = await service(ok);
    const secrets = boundTo([to]);
    await ask([to], { query: { key: MARK } }, secrets);
    await ask([to], { auth: { query: "key", value: MARK } }, secrets);
    await ask([to], { method: "POST", form: { key: [MARK] } }, secrets);
    await ask([to], { method: "POST", body: { deep: [{ key: `a ${MARK}` }] } }, secrets);
    await ask([to], { method: "POST", body: `key=${MARK}` }, secrets);
    await ask([to], { method: "POST", multipart: { key: MARK } }, secrets);
    await ask(
      [to],
      { url: `${to.url}/bot${MARK}/send` },
      { ...secrets, reveal: (text) => text.replaceAll(MARK, "to-ken") },
    );
    const [query, auth, form, json, text, multipart, path] = to.requests;
    for (const { url } of [query!, auth!]) expect(new URLSearchParams(url.slice(2)).get("key")).toBe(SECRET);
    expect(new URLSearchParams(form!.body.toString()).get("key")).toBe(SECRET);
    expect(JSON.parse(json!.body.toString())).toEqual({ deep: [{ key: `a ${SECRET}` }] });
    expect(text!.body.toString()).toBe(`key=${SECRET}`);
    expect(multipart!.body.toString()).toContain(`\r\n\r\n${SECRET}\r\n`);
    expect(path!.url).toBe("/botto-ken/send");
  });

  test("headers, bearer, basic and a header of the author's own", async () => {
    const to = await service(ok);
    const secrets: SecretTexts = { ...NO_SECRETS, reveal: (text) => text.replaceAll(MARK, "pass:word") };
    await ask([to], { headers: { "x-key": `Key ${MARK}` } }, secrets);
    await ask([to], { auth: { bearer: MARK } }, secrets);
    await ask([to], { auth: { basic: { username: "ada", password: MARK } } }, secrets);
    await ask([to], { auth: { header: "x-own", value: MARK } }, secrets);
    const [header, bearer, basic, own] = to.requests.map(({ headers }) => headers);
    expect(header!["x-key"]).toBe("Key pass:word");
    expect(bearer!.authorization).toBe("Bearer pass:word");
    expect(basic!.authorization).toBe(`Basic ${Buffer.from("ada:pass:word").toString("base64")}`);
    expect(own!["x-own"]).toBe("pass:word");
  });

  test("a secret that would begin another header is refused, and not told", async () => {
    const to = await service(ok);
    const secrets: SecretTexts = { ...NO_SECRETS, reveal: (text) => text.replaceAll(MARK, "s3cr3t\r\nx-evil: 1") };
    const outcome = await ask([to], { headers: { "x-key": MARK } }, secrets);
    expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED" } });
    expect([to.requests.length, JSON.stringify(outcome).includes("s3cr3t")]).toEqual([0, false]);
  });
});

describe("a secret does not go elsewhere", () => {
  test("a redirect to another host has no header, query or sign-in with it", async () => {
    const other = await service(ok);
    const to = await service(
      (_request, response) => void response.writeHead(302, { location: `${other.url}/x` }).end(),
    );
    const secrets = boundTo([to]);
    for (const config of [
      { query: { key: MARK } },
      { auth: { bearer: "a" }, headers: { "x-key": "b" } },
      { auth: { query: "key", value: MARK } },
      { method: "POST", body: { key: MARK } },
    ]) {
      expect(await ask([to, other], config, secrets)).toMatchObject({ type: "completed" });
    }
    expect(secrets.asked.every((origin) => origin === to.url)).toBe(true);
    for (const { url, headers, body } of other.requests) {
      expect(holdsSecret(url + JSON.stringify(headers) + body.toString())).toBe(false);
      expect([headers.authorization, headers["x-key"]]).toEqual([undefined, undefined]);
    }
  });

  test("a redirect that would take a body with a secret to another host is not followed", async () => {
    const other = await service(ok);
    const to = await service((_request, response) => void response.writeHead(307, { location: other.url }).end());
    for (const body of [{ body: { key: MARK } }, { form: { key: MARK } }, { multipart: { key: MARK } }]) {
      const outcome = await ask([to, other], { method: "POST", ...body }, boundTo([to, other]));
      expect(outcome).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: false } });
    }
    expect(other.requests).toEqual([]);
  });

  test("a host that it is not for is not asked at all", async () => {
    const [to, own] = [await service(ok), await service(ok)];
    const outcome = await ask([to], { headers: { "x-key": MARK } }, boundTo([own]));
    expect(outcome).toMatchObject({ type: "failed", failure: { code: "STEP_FAILED" } });
    expect(to.requests).toEqual([]);
  });

  test("a target that is refused by its name or port is refused before the secret is asked for", async () => {
    const secrets = boundTo([]);
    const node = httpNode();
    const outcome = await node.execute(
      testTask({ url: "http://127.0.0.1:22/", headers: { "x-key": MARK } }, { secrets }),
    );
    expect(outcome).toMatchObject({ failure: { code: "REQUEST_BLOCKED" } });
    expect(secrets.asked).toEqual([]);
  });

  test("a secret in the URL cannot change the host", async () => {
    const to = await service(ok);
    const outcome = await ask(
      [to],
      { url: `${to.url}${MARK}` },
      { ...NO_SECRETS, reveal: (text) => text.replace(MARK, ".evil.test/") },
    );
    expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED" } });
    expect(to.requests).toEqual([]);
  });
});

describe("no result and no error holds a secret", () => {
  test.each<[string, Handler]>([
    ["a status", (_request, response) => void response.writeHead(500).end()],
    ["a cut connection", (_request, response) => void response.destroy()],
    ["a redirect that is none", (_request, response) => void response.writeHead(302, { location: "http://[" }).end()],
    ["too many redirects", (request, response) => void response.writeHead(302, { location: request.url }).end()],
    ["broken JSON", (_request, response) => void response.setHeader("content-type", "application/json").end("{")],
    ["a file", (_request, response) => void response.setHeader("content-type", "image/png").end("x")],
    ["a value", ok],
  ])("%s", async (_what, handler) => {
    const to = await service(handler);
    const files = await testFiles();
    const plain: SecretTexts = { ...NO_SECRETS, reveal: (text) => text.replaceAll(MARK, "s3cr3t") };
    const url = `${to.url}/${MARK}`;
    const config = { url, method: "POST", query: { key: MARK }, headers: { "x-key": MARK }, body: { key: MARK } };
    expect(holdsSecret(JSON.stringify(await ask([to], config, plain, { files })))).toBe(false);
  });
});

test("a file that repeats a secret is kept without it, and so is its name", async () => {
  const to = await service((_request, response) => {
    response.setHeader("content-disposition", 'attachment; filename="for-s3cr3t.txt"').end("you sent s3cr3t");
  });
  const files = await testFiles();
  async function* hide(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) yield Buffer.from(chunk.toString().replaceAll("s3cr3t", "***"));
  }
  const outcome = await ask(
    [to],
    { headers: { "x-key": MARK } },
    { hide, reveal: (text) => text.replaceAll(MARK, "s3cr3t") },
    { files },
  );
  const { id, name } = (outcome as unknown as { output: { body: { id: string; name: string } } }).output.body;
  expect(name).toBe("for-***.txt");
  expect((await buffer((await files.open("default", id)).bytes)).toString()).toBe("you sent ***");
});
