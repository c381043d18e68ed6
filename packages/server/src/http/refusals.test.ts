import { AppError } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineNode } from "../nodes/define-node.ts";
import { openWeft, type Weft } from "../weft.ts";
import { createApp, type HttpApp } from "./app.ts";
import { RefusalLog } from "./refusals.ts";

const JSON_TYPE = { "content-type": "application/json" };
let weft: Weft;
let app: HttpApp;
const gate = Promise.withResolvers<void>();
const logged: { readonly code?: string; readonly refused_before?: number }[] = [];
let isFull = false;

beforeAll(async () => {
  const held = defineNode({ type: "held", config: z.unknown(), execute: () => gate.promise.then(() => "done") });
  weft = await openWeft({ nodes: [held], backlogMax: 3 });
  await weft.workflows.publish("name: held\nsteps:\n  - {id: a, type: held}\n");
  const log = (fields: object): void => void logged.push(fields);
  app = createApp({
    weft: {
      ...weft,
      admission: {
        shut: () =>
          isFull
            ? new AppError("OVERLOADED", { reason: "its processor is busy", retryAfter: 7 })
            : weft.admission.shut(),
        enter: (priority) => weft.admission.enter(priority),
      },
    },
    config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 },
    logger: { info: log, warn: log, error: log },
  });
});

afterAll(async () => {
  gate.resolve();
  await app.close();
  await weft.close({ graceMs: 1000 });
});

const submit = () =>
  app.fastify.inject({ method: "POST", url: "/api/runs", headers: JSON_TYPE, payload: { workflow: "held" } });

describe("a submission that is refused for load", () => {
  it("is answered 429 with the quota and the time to come again when the backlog is full", async () => {
    const accepted: string[] = [];
    for (let i = 0; i < 3; i++) {
      const answer = await submit();
      expect(answer.statusCode).toBe(202);
      accepted.push(answer.json().id);
    }
    const answer = await submit();
    expect(answer.statusCode).toBe(429);
    const seconds = Number(answer.headers["retry-after"]);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(answer.headers["ratelimit-policy"]).toBe('"open-runs";q=3;qu="concurrent-requests"');
    expect(answer.headers["ratelimit"]).toBe(`"open-runs";r=0;t=${seconds}`);
    expect(answer.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      code: "backlog_full",
      retryable: true,
      "violated-policies": ["open-runs"],
    });
    expect(weft.metrics()).toContain('weft_admission_refused_total{class="normal",reason="backlog"} 1');
    // What was accepted goes on, and makes room.
    gate.resolve();
    for (const id of accepted) expect(await weft.runs.wait(id)).toMatchObject({ status: "succeeded" });
    await expect.poll(async () => (await submit()).statusCode, { timeout: 10_000 }).toBe(202);
  });

  it("is answered 503 with the time to come again when the server has too much to do", async () => {
    isFull = true;
    const answers = await Promise.all(Array.from({ length: 50 }, submit));
    isFull = false;
    for (const answer of answers) {
      expect(answer.statusCode).toBe(503);
      expect(answer.headers["retry-after"]).toBe("7");
      expect(answer.json()).toMatchObject({
        type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        code: "overloaded",
        retryable: true,
      });
    }
    // Not a line for each of them.
    const lines = logged.filter(({ code }) => code === "OVERLOADED");
    expect(lines.length).toBeGreaterThanOrEqual(1);
    expect(lines.length).toBeLessThan(10);
    expect(lines[0]).toMatchObject({ refused_before: 0 });
  });

  it("is told of in the metrics, with the pressure and the limits of the pools", () => {
    const lines = weft.metrics();
    for (const name of [
      /^weft_pressure [\d.]+$/,
      /^weft_pool_limit\{pool="generation"\} 64$/,
      /^weft_queue_oldest_age_seconds\{queue="default"\} 0$/,
    ])
      expect(lines.filter((line) => name.test(line))).toHaveLength(1);
  });
});

it("one refusal a second is logged, with the number of those before it", () => {
  let now = 0;
  const log = new RefusalLog(() => now);
  expect([log.next(), log.next(), log.next()]).toEqual([{ refused_before: 0 }, null, null]);
  now = 1000;
  expect([log.next(), log.next()]).toEqual([{ refused_before: 2 }, null]);
});
