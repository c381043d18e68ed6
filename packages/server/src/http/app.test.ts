import { connect } from "node:net";
import type { Run, SubmittedRun } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HELLO, JSON_TYPE, testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp()));
afterEach(() => server.close());

type Headers = Readonly<Record<string, string>>;
const post = (url: string, body: string | object, headers: Headers = JSON_TYPE) =>
  server.app.fastify.inject({ method: "POST", url, headers, body });
const put = (body: string, type = "application/yaml") =>
  server.app.fastify.inject({ method: "PUT", url: "/api/workflows", headers: { "content-type": type }, body });
const look = (url: string, headers: Headers = {}) => server.app.fastify.inject({ method: "GET", url, headers });

describe("publishing", () => {
  const source = "name: other\nsteps: [{id: a, type: template, template: x}]";

  test("a new version is 201, the same content again 200 with the same version", async () => {
    const first = await put(source);
    expect(first.statusCode).toBe(201);
    expect(first.json()).toMatchObject({ name: "other", version: "0.0.1", created: true, problems: [] });
    const again = await put(source);
    expect(again.statusCode).toBe(200);
    expect(again.json()).toEqual({ ...first.json<object>(), created: false });
    const listed: { data: { name: string }[]; next_cursor: null } = (await look("/api/workflows")).json();
    expect(listed.data.map((one) => one.name)).toEqual(["fragile", "gated", "hello", "other"]);
    expect(listed.next_cursor).toBeNull();
  });

  test.each([
    "application/yaml",
    "text/yaml",
    "application/x-yaml",
    "application/json",
    "application/yaml; charset=UTF-8",
  ])("a file may come as %s", async (type) => {
    const body = '{"name": "j", "steps": [{"id": "a", "type": "template", "template": "x"}]}';
    expect((await put(body, type)).statusCode).toBe(201);
  });

  test("a bad file lists every problem with line, column and remedy", async () => {
    const bad = "name: bad\nsteps:\n  - {id: a, type: tempalte}\n  - {id: b, type: answer, depends_on: [x]}\n";
    const answer = await put(bad);
    expect(answer.statusCode).toBe(422);
    expect(answer.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    const { code, errors } = answer.json<{
      code: string;
      errors: { line: number; column: number; pointer: string }[];
    }>();
    expect(code).toBe("invalid_workflow");
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(errors).toContainEqual(
      expect.objectContaining({ line: 3, suggestion: expect.stringContaining("template") as unknown }),
    );
    expect(errors).toContainEqual(expect.objectContaining({ line: 4 }));
    for (const error of errors) expect(error.pointer).toMatch(/^#\/steps\//);
  });

  test("a file that names files is refused", async () => {
    const answer = await put("name: f\nsteps:\n  - id: a\n    type: python_script\n    file: ../../etc/passwd\n");
    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toMatchObject({ errors: [{ code: "file_refused", pointer: "#/steps/0/file", line: 5 }] });
  });

  test.each([
    ["a form", "application/x-www-form-urlencoded", 415, "unsupported_media_type"],
    ["plain text, which a form can send", "text/plain", 415, "unsupported_media_type"],
    ["another character set", "application/yaml; charset=gbk", 415, "unsupported_media_type"],
  ])("%s is refused", async (_, type, status, code) => {
    const answer = await put(source, type);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([status, code]);
  });

  test("a body over the limit is 413 and says which setting raises it", async () => {
    const answer = await put(`name: x # ${"x".repeat(200_000)}`);
    expect(answer.statusCode).toBe(413);
    expect(answer.json()).toMatchObject({
      code: "payload_too_large",
      detail: expect.stringContaining("WEFT_BODY_LIMIT") as unknown,
    });
  });
});

describe("submitting", () => {
  test("is answered 202 with the id and where to look", async () => {
    const answer = await post("/api/runs", { workflow: "hello", inputs: { text: "x" } });
    expect(answer.statusCode).toBe(202);
    const body = answer.json<SubmittedRun>();
    expect(body).toEqual({
      id: expect.stringMatching(/^run_/) as unknown,
      task_id: body.id,
      status: expect.any(String) as unknown,
      links: {
        self: `/api/runs/${body.id}`,
        task: `/api/tasks/${body.id}`,
        events: `/api/runs/${body.id}/events`,
        cancel: `/api/runs/${body.id}/cancel`,
      },
    });
    expect(answer.headers).toMatchObject({ location: `/api/runs/${body.id}`, "cache-control": "no-store" });
  });

  test("with Prefer: wait it is answered 200 with the run once it has ended", async () => {
    const answer = await post(
      "/api/runs",
      { workflow: "hello", inputs: { text: "x" } },
      { ...JSON_TYPE, prefer: "wait=20" },
    );
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["preference-applied"]).toBe("wait=20");
    expect(answer.json<Run>()).toMatchObject({ status: "succeeded", outputs: { a: "hi x" } });
  });

  test("with Prefer: wait it is answered 202 when the run has not ended by then", async () => {
    const answer = await post("/api/runs", { workflow: "gated" }, { ...JSON_TYPE, prefer: "wait=1" });
    expect(answer.statusCode).toBe(202);
    expect(answer.headers["preference-applied"]).toBe("wait=1");
    expect(answer.json<SubmittedRun>().task_id).toMatch(/^run_/);
  });

  test("the own id again is 200 with the same run, with other inputs 422", async () => {
    const body = { workflow: "hello", id: "mine-1", inputs: { text: "x" } };
    expect((await post("/api/runs", body)).statusCode).toBe(202);
    const again = await post("/api/runs", body);
    expect([again.statusCode, again.json<SubmittedRun>().id]).toEqual([200, "mine-1"]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    const other = await post("/api/runs", { ...body, inputs: { text: "y" } });
    expect([other.statusCode, other.json<{ code: string }>().code]).toEqual([422, "run_id_taken"]);
  });

  test("a hundred at once with one idempotency key are one run, another body with it is 422", async () => {
    const body = { workflow: "hello", inputs: { text: "x" } };
    const headers = { ...JSON_TYPE, "idempotency-key": '"k-1"' };
    const all = await Promise.all(Array.from({ length: 100 }, () => post("/api/runs", body, headers)));
    expect(new Set(all.map((one) => one.json<SubmittedRun>().id)).size).toBe(1);
    expect(all.filter((one) => one.statusCode === 202)).toHaveLength(1);
    expect(all.filter((one) => one.statusCode === 200)).toHaveLength(99);
    expect((await post("/api/runs", { ...body, inputs: { text: "y" } }, headers)).statusCode).toBe(422);
    const bare = await post("/api/runs", body, { ...JSON_TYPE, "idempotency-key": "k-1" });
    expect(bare.json<SubmittedRun>().id).toBe(all[0]!.json<SubmittedRun>().id);
  });

  test.each([
    ["keys given twice", '{"workflow":"hello","inputs":{"text":"a","text":"b"}}', 400, "invalid_json"],
    ["no JSON", "{workflow: hello}", 400, "invalid_json"],
    ["a number beyond all bounds", '{"workflow":"hello","inputs":{"text":1e999}}', 400, "invalid_json"],
    ["deep nesting", `{"workflow":"hello","inputs":${"[".repeat(2000)}${"]".repeat(2000)}}`, 400, "invalid_json"],
    ["a list", "[]", 400, "invalid_request"],
    ["nothing", "", 400, "invalid_request"],
    ["no workflow", "{}", 400, "invalid_request"],
    ["an unknown workflow", '{"workflow":"nope"}', 404, "workflow_not_found"],
    ["inputs that do not fit", '{"workflow":"hello","inputs":{}}', 422, "invalid_inputs"],
    ["inputs that are no object", '{"workflow":"hello","inputs":[]}', 400, "invalid_request"],
    ["an id with a slash", '{"workflow":"hello","id":"../x","inputs":{"text":"a"}}', 400, "invalid_request"],
    ["a time that is none", '{"workflow":"hello","run_at":"tomorrow","inputs":{"text":"a"}}', 400, "invalid_request"],
    ["an unknown priority", '{"workflow":"hello","priority":"high","inputs":{"text":"a"}}', 400, "invalid_request"],
  ])("%s is refused", async (_, body, status, code) => {
    const answer = await post("/api/runs", body);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([status, code]);
    expect(answer.json()).toMatchObject({ status, retryable: false, type: "about:blank" });
  });

  test("unknown members are refused, all at once, with what was meant", async () => {
    const answer = await post("/api/runs", { workflow: "hello", input: {}, runAt: "x", color: 1 });
    const { errors } = answer.json<{ errors: { pointer: string; detail: string }[] }>();
    expect(errors.map((error) => error.pointer)).toEqual(["#/input", "#/runAt", "#/color"]);
    expect(errors[0]!.detail).toContain("did you mean inputs?");
    expect(errors[1]!.detail).toContain("did you mean run_at?");
    expect(errors[2]!.detail).toContain("known are workflow");
  });

  test("text that is not UTF-8 is refused", async () => {
    const body = Buffer.concat([
      Buffer.from('{"workflow":"hello","inputs":{"text":"'),
      Buffer.from([0xff]),
      Buffer.from('"}}'),
    ]);
    const answer = await server.app.fastify.inject({ method: "POST", url: "/api/runs", headers: JSON_TYPE, body });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, "invalid_request"]);
  });

  test("YAML and forms are no submission", async () => {
    for (const type of ["application/yaml", "text/plain", "multipart/form-data; boundary=x"]) {
      expect((await post("/api/runs", "workflow: hello", { "content-type": type })).statusCode).toBe(415);
    }
  });

  test("keys that reach a prototype are plain data", async () => {
    const body =
      '{"workflow":"hello","inputs":{"text":"a","__proto__":{"polluted":1}},"metadata":{"constructor":{"prototype":{"polluted":1}}}}';
    expect((await post("/api/runs", body)).statusCode).toBe(202);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("looking and steering", () => {
  test("what is not there is 404 with its code", async () => {
    for (const url of ["/api/runs/none", "/api/tasks/none", "/api/runs/none/events"]) {
      const answer = await look(url);
      expect([url, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([url, 404, "run_not_found"]);
    }
    expect((await post("/api/runs/none/cancel", "{}")).statusCode).toBe(404);
    for (const url of ["/", "/api", "/api/nope", "/api/runs/a/b/c", "/..%2fetc/passwd"]) {
      expect((await look(url)).json()).toMatchObject({ status: 404, code: "route_not_found" });
    }
  });

  test("a run can be cancelled, and again", async () => {
    await post("/api/runs", { workflow: "gated", id: "g" });
    await server.arrived();
    const answer = await post("/api/runs/g/cancel", { reason: "changed my mind" });
    expect([200, 202]).toContain(answer.statusCode);
    await server.weft.runs.wait("g", { timeoutMs: 5000 });
    expect((await look("/api/runs/g")).json()).toMatchObject({ status: "cancelled" });
    const again = await server.app.fastify.inject({ method: "POST", url: "/api/runs/g/cancel" });
    expect([again.statusCode, again.json<Run>().status]).toEqual([200, "cancelled"]);
  });

  test("signals and approvals reach the steps that wait for them", async () => {
    const steps =
      "steps:\n  - {id: s, type: wait, signal: go}\n  - {id: ok, type: approval, depends_on: [s]}\n  - {id: t, type: template, depends_on: [ok.approved], template: yes}";
    await put(`name: people\n${steps}`);
    await post("/api/runs", { workflow: "people", id: "p" });
    expect((await post("/api/runs/p/approve", { step: "ok" })).json()).toMatchObject({ code: "signal_not_expected" });
    expect((await post("/api/runs/p/signals", { name: "go", payload: { a: 1 }, id: "s-1" })).statusCode).toBe(202);
    await expect.poll(async () => (await look("/api/runs/p")).json<Run>().waiting_for?.step).toBe("ok");
    const approved = await post("/api/runs/p/approve", { step: "ok", by: "ann", form: { note: "fine" } });
    expect([approved.statusCode, approved.json<SubmittedRun>().id]).toEqual([202, "p"]);
    expect(await server.weft.runs.wait("p", { timeoutMs: 5000 })).toMatchObject({ status: "succeeded" });
    expect((await post("/api/runs/p/signals", { name: "go" })).json()).toMatchObject({
      status: 409,
      code: "run_finished",
    });
    expect((await post("/api/runs/p/reject", { stp: "ok" })).statusCode).toBe(400);
  });

  test("request ids are taken over when they are harmless, and answered always", async () => {
    expect((await look("/livez", { "x-request-id": "abc-1" })).headers["x-request-id"]).toBe("abc-1");
    expect((await look("/livez", { "x-request-id": "a b<c>" })).headers["x-request-id"]).toMatch(/^req_/);
    const problem = await look("/nope", { "x-request-id": "abc-2" });
    expect(problem.json()).toMatchObject({ request_id: "abc-2", title: "Not Found" });
  });
});

describe("web pages cannot drive the server", () => {
  test.each([
    [{ host: "evil.com" }, "forbidden_host"],
    [{ host: "localhost:80", origin: "http://evil.com" }, "forbidden_origin"],
    [{ host: "localhost:80", origin: "null" }, "forbidden_origin"],
  ])("%j is refused", async (headers, code) => {
    for (const url of ["/api/runs/x/cancel", "/api/runs"]) {
      const answer = await post(url, "", headers as unknown as Headers);
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([403, code]);
    }
  });

  test("no answer has a CORS header, and a preflight is nothing", async () => {
    const headers = { host: "localhost:80", origin: "http://localhost" };
    const answer = await server.app.fastify.inject({ method: "OPTIONS", url: "/api/runs", headers });
    expect(answer.statusCode).toBe(404);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(answer.headers["x-frame-options"]).toBe("DENY");
  });
});

describe("broken requests", () => {
  const send = async (text: string): Promise<string> => {
    const socket = connect(await server.port(), "127.0.0.1");
    socket.end(text);
    let answer = "";
    try {
      for await (const chunk of socket) answer += String(chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
    }
    return answer;
  };
  const head = "POST /api/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

  test.each([
    ["two lengths", `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ["length and chunks", `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a bad chunk", `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ["no host", "GET /livez HTTP/1.1\r\n\r\n"],
    ["a megabyte of headers", `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(1_000_000)}\r\n\r\n`],
    ["10,000 headers", `GET /livez HTTP/1.1\r\nHost: localhost\r\n${"a: b\r\n".repeat(10_000)}\r\n`],
    ["no HTTP at all", "hello\r\n\r\n"],
  ])("%s are answered 400 and cut off", async (_, text) => {
    const answer = await send(text);
    // A sender that still sends while it is cut off may see only the reset.
    if (answer !== "") expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.toLowerCase()).not.toContain("connection: keep-alive");
  });

  test("a method in a header or a query changes nothing", async () => {
    const headers = { ...JSON_TYPE, "x-http-method-override": "PUT" };
    expect((await post("/api/workflows?_method=PUT", HELLO, headers)).json()).toMatchObject({
      code: "route_not_found",
    });
  });
});
