import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createApp, type HttpApp } from "../../packages/server/src/http/app.ts";
import { defineNode, openWeft, type Weft } from "../../packages/server/src/index.ts";

/** The sample *task progress*, as it is polled in the field. */
const SAMPLE = readFileSync(join(import.meta.dirname, "fixtures/task-progress.json"), "utf8");
const sample = JSON.parse(SAMPLE) as Readonly<Record<string, unknown>>;

const WORKFLOW = `
workflow:
  name: answer_question
  steps:
    - id: encode_question
      type: encode
    - id: retrieve_knowledge
      type: retrieve
      depends_on: [encode_question]
    - id: generate_response
      type: generate
      depends_on: [retrieve_knowledge]
`;

let weft: Weft;
let app: HttpApp;
const arrival = Promise.withResolvers<void>();
const gate = Promise.withResolvers<void>();
let generated = 0;

beforeEach(async () => {
  const quick = (type: string) => defineNode({ type, config: z.unknown(), execute: () => `${type}d` });
  const generate = defineNode({
    type: "generate",
    config: z.unknown(),
    async execute() {
      generated++;
      arrival.resolve();
      await gate.promise;
      return "42";
    },
  });
  weft = await openWeft({ nodes: [quick("encode"), quick("retrieve"), generate] });
  await weft.workflows.publish(WORKFLOW);
  const silent = (): void => undefined;
  const logger = { info: silent, warn: silent, error: silent };
  app = createApp({ weft, config: { host: "127.0.0.1", port: 0, bodyLimit: 1_000_000 }, logger });
});

afterEach(async () => {
  gate.resolve();
  await app.close();
  await weft.close({ graceMs: 1000 });
});

const submit = () =>
  app.fastify.inject({
    method: "POST",
    url: "/api/runs",
    headers: { "content-type": "application/json" },
    body: { workflow: "answer_question", id: "task-abc123", inputs: { question: "What is six times seven?" } },
  });
const poll = () => app.fastify.inject("/api/tasks/task-abc123");

test("a task in progress answers the sample's members in its words, and the id again is the same run", async () => {
  const first = await submit();
  expect(first.statusCode).toBe(202);
  expect(first.json()).toMatchObject({ id: "task-abc123", task_id: "task-abc123" });
  await arrival.promise;

  const body: Readonly<Record<string, unknown>> = (await poll()).json();
  // Every byte of the sample but the time: its members, in our answer, print as the sample does.
  const { created_at: createdAt } = body;
  expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const members = Object.fromEntries(Object.keys(sample).map((name) => [name, body[name]]));
  expect(JSON.stringify({ ...members, created_at: sample["created_at"] })).toBe(JSON.stringify(sample));

  const again = await submit();
  expect(again.statusCode).toBe(200);
  expect(again.json()).toMatchObject({ id: "task-abc123", task_id: "task-abc123", status: "running" });

  gate.resolve();
  await weft.runs.wait("task-abc123");
  expect(generated).toBe(1);
  expect((await poll()).json()).toMatchObject({
    task_id: "task-abc123",
    status: "success",
    steps: [{ status: "completed" }, { status: "completed" }, { status: "completed" }],
    result: { generate_response: "42" },
    error: null,
    created_at: createdAt,
  });
});
