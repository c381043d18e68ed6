import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "../app.testing.ts";

/** A chat app that answers without a model, and counts its messages. */
const ECHO = JSON.stringify({
  app: { name: "echo", mode: "advanced-chat" },
  kind: "app",
  version: "0.6.0",
  workflow: {
    conversation_variables: [{ name: "n", value_type: "number", value: 0 }],
    graph: {
      nodes: [
        { id: "s", data: { type: "start", title: "s", variables: [] } },
        {
          id: "add",
          data: {
            type: "assigner",
            title: "add",
            version: "2",
            items: [{ variable_selector: ["conversation", "n"], input_type: "constant", operation: "+=", value: 1 }],
          },
        },
        { id: "a", data: { type: "answer", title: "a", answer: "{{#sys.query#}} {{#conversation.n#}}" } },
      ],
      edges: [
        { source: "s", target: "add" },
        { source: "add", target: "a" },
      ],
    },
  },
});

let server: TestApp;
beforeAll(async () => {
  server = await testApp();
  await server.weft.workflows.publish(ECHO);
});
afterAll(() => server.close());

async function call(
  method: "GET" | "POST" | "DELETE",
  url: string,
  body?: object,
  headers: Record<string, string> = {},
) {
  const answer = await server.app.fastify.inject({
    method,
    url,
    headers: { ...(body ? JSON_TYPE : {}), ...headers },
    ...(body ? { payload: JSON.stringify(body) } : {}),
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body === "" ? null : answer.json<never>() };
}

describe("/api/conversations", () => {
  test("makes a conversation, takes messages, and shows what was said", async () => {
    const made = await call("POST", "/api/conversations", { workflow: "echo", id: "talk", user: "ann" });
    expect(made).toMatchObject({
      status: 201,
      headers: { location: "/api/conversations/talk" },
      body: { id: "talk", workflow: "echo", user: "ann", variables: { n: 0 }, active_run: null },
    });
    const sent = await call(
      "POST",
      "/api/conversations/talk/messages",
      { query: "hi", id: "m1" },
      { prefer: "wait=5" },
    );
    expect(sent).toMatchObject({
      status: 200,
      headers: { location: "/api/conversations/talk/messages/m1", "preference-applied": "wait=5" },
      body: { id: "m1", position: 1, status: "succeeded", answer: "hi 1" },
    });
    expect(await call("POST", "/api/conversations/talk/messages", { query: "again" })).toMatchObject({
      status: 202,
      body: { position: 2, status: "running", answer: "" },
    });
    await expect
      .poll(async () => (await call("GET", "/api/conversations/talk")).body)
      .toMatchObject({
        variables: { n: 2 },
        active_run: null,
      });
    const page = await call("GET", "/api/conversations/talk/messages?limit=1");
    expect(page.body).toMatchObject({ data: [{ answer: "hi 1" }], next_cursor: "1" });
    const next = await call("GET", "/api/conversations/talk/messages?limit=1&cursor=1");
    expect(next.body).toMatchObject({ data: [{ answer: "again 2" }], next_cursor: null });
    expect((await call("GET", "/api/conversations/talk/messages/m1")).body).toMatchObject({ answer: "hi 1" });
  });

  test("lists conversations in pages", async () => {
    for (const id of ["l1", "l2", "l3"])
      await call("POST", "/api/conversations", { workflow: "echo", id, user: "lister" });
    const first = await call("GET", "/api/conversations?user=lister&limit=2");
    const { data, next_cursor: cursor } = first.body as unknown as { data: { id: string }[]; next_cursor: string };
    const rest = await call("GET", `/api/conversations?user=lister&workflow=echo&limit=2&cursor=${cursor}`);
    const { data: last } = rest.body as unknown as { data: { id: string }[] };
    expect([...data, ...last].map(({ id }) => id).toSorted()).toEqual(["l1", "l2", "l3"]);
    expect((await call("GET", "/api/conversations?user=lister&limit=2&cursor=x")).status).toBe(400);
  });

  test("removes a conversation", async () => {
    await call("POST", "/api/conversations", { workflow: "echo", id: "gone" });
    expect((await call("DELETE", "/api/conversations/gone")).status).toBe(204);
    expect(await call("GET", "/api/conversations/gone")).toMatchObject({
      status: 404,
      body: { code: "conversation_not_found" },
    });
  });

  test.each([
    ["POST", "/api/conversations", { workflow: "hello" }, 422, "no_chat"],
    ["POST", "/api/conversations", { workflow: "nobody" }, 404, "workflow_not_found"],
    ["POST", "/api/conversations", { workflow: "echo", id: "a/b" }, 400, "invalid_request"],
    ["POST", "/api/conversations", { workflow: "echo", name: 7 }, 400, "invalid_request"],
    ["POST", "/api/conversations/none/messages", { query: "hi" }, 404, "conversation_not_found"],
    ["POST", "/api/conversations/talk/messages", { query: "" }, 400, "invalid_request"],
    ["POST", "/api/conversations/talk/messages", { query: "hi", files: ["x"] }, 400, "invalid_request"],
    ["POST", "/api/conversations/talk/messages", { query: "hi", queue: "yes" }, 400, "invalid_request"],
    ["POST", "/api/conversations/talk/messages", { query: "hi", files: [{ id: "file-0" }] }, 404, "file_not_found"],
    ["GET", "/api/conversations/none/messages", undefined, 404, "conversation_not_found"],
    ["GET", "/api/conversations/talk/messages/none", undefined, 404, "conversation_not_found"],
    ["DELETE", "/api/conversations/none", undefined, 404, "conversation_not_found"],
  ] as const)("%s %s %j is answered with %i %s", async (method, url, body, status, code) => {
    expect(await call(method, url, body)).toMatchObject({ status, body: { code } });
  });

  test("makes one conversation under one id, however often it is asked for", async () => {
    const first = await call("POST", "/api/conversations", { workflow: "echo", id: "twice", user: "a\u0000nn" });
    expect(first.body).toMatchObject({ user: "ann" });
    expect((await call("POST", "/api/conversations", { workflow: "echo", id: "twice" })).body).toEqual(first.body);
  });
});

test("a person presses a button of a question by its id; one that is not there is refused", async () => {
  const source = readFileSync(join(import.meta.dirname, "../../../../../test/chat/apps/ask.yml"), "utf8");
  await server.weft.workflows.publish(source);
  await call("POST", "/api/conversations", { workflow: "ask", id: "ask" });
  const sent = await call("POST", "/api/conversations/ask/messages", { query: "it" });
  const { run_id: run } = sent.body as unknown as { run_id: string };
  await expect
    .poll(async () => (await call("GET", `/api/runs/${run}`)).body)
    .toMatchObject({
      waiting_for: { code: "approval", step: "may" },
    });
  expect(await call("POST", `/api/runs/${run}/approve`, { step: "may", action: "perhaps" })).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining("it has yes, no") as string },
  });
  const form = { note: "quickly" };
  expect((await call("POST", `/api/runs/${run}/approve`, { step: "may", action: "no", form })).status).toBe(202);
  await server.weft.runs.wait(run);
  const { body } = await call("GET", "/api/conversations/ask/messages");
  expect(body).toMatchObject({ data: [{ answer: "stopping", status: "succeeded" }] });
});
