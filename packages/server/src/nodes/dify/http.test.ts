import type { Json, JsonObject } from "@weftwork/core";
import { difyFile } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import type { Files } from "../../files/files.ts";
import { httpNode } from "../http.ts";
import { service, testFiles, type Handler, type Service } from "../http-service.testing.ts";
import type { Outcome } from "../node.ts";
import { testTask } from "../test-task.ts";

const OK: Handler = (_, response) => void response.end("fine");
const part = (key: string, value: string, type = "text", file: Json = null): JsonObject => ({ key, type, value, file });
const auth = (type: string, api_key: string, header = ""): JsonObject => ({
  authorization: { type: "api-key", config: { type, api_key, header } },
});
const body = (type: string, ...data: readonly JsonObject[]): JsonObject => ({ method: "post", body: { type, data } });

async function ask(to: Service, config: JsonObject = {}, files?: Files): Promise<Outcome> {
  const node = httpNode({ allow: [to.target], ...(files ? { files } : {}) });
  const outcome = await node.execute(testTask({ dialect: "dify", method: "get", url: `${to.url}/`, ...config }));
  await node.close!();
  return outcome;
}

function outputOf(outcome: Outcome): JsonObject {
  if (outcome.type !== "completed") throw new Error(JSON.stringify(outcome));
  return outcome.output as JsonObject;
}

function kindOf(outcome: Outcome): Json {
  if (outcome.type !== "failed") throw new Error(JSON.stringify(outcome));
  return outcome.failure.details?.["error_type"] ?? null;
}

describe("a request", () => {
  test.each<[string, JsonObject, string, string | undefined]>([
    ["none", body("none"), "", undefined],
    ["json", body("json", part("", '{"a": 1}')), '{"a": 1}', "application/json"],
    ["json that is almost JSON", body("json", part("", "{'a': 1,}")), '{"a":1}', "application/json"],
    [
      "a large number in json",
      body("json", part("", '{"a": 12345678901234567890}')),
      '{"a": 12345678901234567890}',
      "application/json",
    ],
    ["raw text", body("raw-text", part("", "plain")), "plain", "text/plain"],
    [
      "a form",
      body("x-www-form-urlencoded", part("a", "1 2"), part("b", "é")),
      "a=1+2&b=%C3%A9",
      "application/x-www-form-urlencoded",
    ],
  ])("has its body: %s", async (_, config, text, type) => {
    const to = await service(OK);
    expect(outputOf(await ask(to, config))["body"]).toBe("fine");
    expect(to.requests[0]!.body.toString()).toBe(text);
    expect(to.requests[0]!.headers["content-type"]).toBe(type);
  });

  test("has a content type of its author's where one is given", async () => {
    const to = await service(OK);
    await ask(to, { ...body("json", part("", "[1]")), headers: "Content-Type: application/vnd.a+json" });
    expect(to.requests[0]!.headers["content-type"]).toBe("application/vnd.a+json");
  });

  test("has headers cut into lines after they are resolved, and repeated parameters", async () => {
    const to = await service(OK);
    await ask(to, {
      headers: "X-Key:abc:def\n\nX-Empty\nHost: other.example.com\nX-Two:  2 ",
      params: [
        ["a", "1"],
        ["a", "2"],
        ["b", ""],
      ],
    });
    const { headers, url } = to.requests[0]!;
    expect([headers["x-key"], headers["x-empty"], headers["x-two"]]).toEqual(["abc:def", "", "2"]);
    expect(headers["host"]).toBe(to.target);
    expect(url).toBe("/?a=1&a=2&b=");
  });

  test.each<[string, JsonObject, string, string]>([
    ["bearer", auth("bearer", "key"), "authorization", "Bearer key"],
    ["basic", auth("basic", "me:secret"), "authorization", `Basic ${Buffer.from("me:secret").toString("base64")}`],
    ["basic, encoded already", auth("basic", "bWU6c2VjcmV0"), "authorization", "Basic bWU6c2VjcmV0"],
    ["custom", auth("custom", "key", "X-Api-Key"), "x-api-key", "key"],
    [
      "over a header of the same name",
      { ...auth("bearer", "key"), headers: "Authorization: other" },
      "authorization",
      "Bearer key",
    ],
  ])("is authorized: %s", async (_, config, header, value) => {
    const to = await service(OK);
    await ask(to, config);
    expect(to.requests[0]!.headers[header]).toBe(value);
  });

  test("carries files of the store and files that lie elsewhere", async () => {
    const files = await testFiles();
    const to = await service((request, response) => {
      if (request.url !== "/far.txt") return void response.end("fine");
      response.writeHead(200, { "content-type": "text/plain" });
      response.end("from far");
    });
    const { value } = await files.put("default", { name: "near.txt", mimeType: "text/plain" }, source("from near"));
    const near = difyFile({ ...value });
    const far = difyFile({ type: "document", transfer_method: "remote_url", url: `${to.url}/far.txt` });
    await ask(to, body("form-data", part("a", "1"), part("f", "", "file", [near, far])), files);
    const sent = to.requests.at(-1)!;
    expect(sent.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
    const text = sent.body.toString();
    expect(text).toContain('name="f"; filename="near.txt"');
    expect(text).toContain('name="f"; filename="far.txt"');
    expect(text).toContain("from near");
    expect(text).toContain("from far");
    await ask(to, body("binary", part("", "", "file", near)), files);
    expect(to.requests.at(-1)!.body.toString()).toBe("from near");
  });
});

describe("an answer", () => {
  test("is a success whatever its status, with its text as it is", async () => {
    const to = await service((_, response) => void response.writeHead(500, { "x-a": "1" }).end('{"a": 1}'));
    const output = outputOf(await ask(to));
    expect(output).toMatchObject({ status_code: 500, body: '{"a": 1}', files: [] });
    expect((output["headers"] as JsonObject)["x-a"]).toBe("1");
  });

  test("fails by its status where the node has retries or says what to do", async () => {
    const to = await service((_, response) => void response.writeHead(404).end("gone"));
    const outcome = await ask(to, { fail_on_status: true });
    expect(kindOf(outcome)).toBe("HTTPResponseCodeError");
    expect(outcome).toMatchObject({ failure: { message: "Request failed with status code 404" } });
  });

  test("that is a file comes as one of the store", async () => {
    const files = await testFiles();
    const to = await service((_, response) => {
      response.writeHead(200, { "content-type": "image/png", "content-disposition": 'attachment; filename="a.png"' });
      response.end(Buffer.from([137, 80, 78, 71]));
    });
    const output = outputOf(await ask(to, {}, files));
    expect(output).toMatchObject({
      body: "",
      files: [{ type: "image", filename: "a.png", extension: ".png", size: 4 }],
    });
    expect((await files.count()).rows).toBe(1);
  });

  test("that is too large for Dify fails with Dify's limits, and not with ours", async () => {
    const to = await service((_, response) => void response.end("x".repeat(1_100_000)));
    expect(String(outputOf(await ask(to))["body"]).length).toBe(1_100_000);
    expect(kindOf(await ask(to, { limits: "dify" }))).toBe("ResponseSizeError");
  });

  test("that does not come within the time for reading fails", async () => {
    const to = await service(() => {});
    expect(kindOf(await ask(to, { timeout: { read: 0.05 } }))).toBe("HttpRequestNodeError");
  });
});

describe("what cannot be sent fails by its kind", () => {
  test.each<[string, JsonObject, string]>([
    ["no address", { url: "" }, "InvalidURLError"],
    ["another scheme", { url: "ftp://example.com/" }, "InvalidURLError"],
    ["a method that is none", { method: "options" }, "InvalidHttpMethodError"],
    ["an empty key", auth("bearer", ""), "AuthorizationConfigError"],
    ["json that is none", body("json", part("", "{")), "RequestBodyError"],
    ["two texts", body("raw-text", part("", "a"), part("", "b")), "RequestBodyError"],
    ["no file", body("binary", part("", "", "file")), "FileFetchError"],
  ])("%s", async (_, config, kind) => {
    const to = await service(OK);
    expect(kindOf(await ask(to, config))).toBe(kind);
    expect(to.requests).toEqual([]);
  });

  test("a private address", async () => {
    const to = await service(OK);
    const outcome = await httpNode().execute(testTask({ dialect: "dify", method: "get", url: to.url }));
    expect(outcome).toMatchObject({
      failure: { code: "REQUEST_BLOCKED", details: { error_type: "HttpRequestNodeError" } },
    });
    expect(to.requests).toEqual([]);
  });
});

async function* source(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
