import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineNode, openWeft, type Weft } from "../../packages/server/src/index.ts";
import { s3Server, type S3Server } from "../../packages/server/src/blob/s3-server.testing.ts";

/** A store of objects that is slow, away, or forgets for a while (F41): steps wait, and no attempt is counted. */
const BYTES = 400_000;
const text = "x".repeat(BYTES);

let folder: string;
let server: S3Server;
let weft: Weft;
let opened: PromiseWithResolvers<void>;
let reached: PromiseWithResolvers<void>;
let problems: string[] = [];

const make = defineNode({
  type: "make",
  config: z.object({}),
  // Begins when the run is recorded: a pure step that is quick would be part of its first row.
  effect: "effect",
  execute: () => text,
});
const gate = defineNode({
  type: "gate",
  config: z.object({}),
  effect: "effect",
  async execute() {
    reached.resolve();
    await opened.promise;
    return "open";
  },
});
const measure = defineNode({
  type: "measure",
  config: z.object({ value: z.string() }),
  effect: "pure",
  execute: ({ value }) => createHash("sha256").update(value).digest("hex"),
});

const SOURCE = `
name: large
steps:
  - { id: big, type: make, retry: { attempts: 1 } }
  - { id: gate, type: gate, depends_on: [big] }
  - { id: seen, type: measure, value: "{{ steps.big.output }}", depends_on: [gate], retry: { attempts: 1 } }
`;

async function open(): Promise<Weft> {
  return openWeft({
    store: folder,
    nodes: [make, gate, measure],
    objects: { url: server.url, ...server.keys },
    problem: (message, _runId, error) => problems.push(`${message}: ${String(error)}`),
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "weft-faults-"));
  server = await s3Server();
  [opened, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  problems = [];
  weft = await open();
  await weft.workflows.publish(SOURCE);
});
afterEach(async () => {
  opened.resolve();
  await weft.close({ graceMs: 1000 });
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const stepOf = (id: string) => weft.runs.step("run", id);
const statusOf = async (): Promise<string | undefined> => (await weft.runs.get("run"))?.status;

/** The run up to the step that reads the object, in a process that does not hold the value any more. */
async function untilReopened(): Promise<void> {
  await weft.runs.start({ workflow: "large", id: "run", inputs: {} });
  await reached.promise;
  await weft.close({ graceMs: 0 });
  expect(server.objects.size).toBe(1);
  weft = await open();
}

test.each([
  ["answers 503", { status: 503 }],
  ["does not find what it has", { hides: true }],
  ["breaks connections in the middle", { cuts: true }],
] as const)(
  "where it %s, the step that reads waits, is still in its first attempt, and goes on by itself",
  async (_name, faults) => {
    await untilReopened();
    server.faults = faults;
    opened.resolve();
    await expect.poll(statusOf, { timeout: 10_000 }).toBe("waiting");
    expect((await weft.runs.get("run"))?.waiting_for).toMatchObject({
      code: "retry",
      message: expect.stringContaining("(attempt 1)"),
    });
    server.faults = {};
    await expect.poll(statusOf, { timeout: 30_000 }).toBe("succeeded");
    expect(await stepOf("seen")).toMatchObject({
      attempt: 1,
      output: createHash("sha256").update(text).digest("hex"),
    });
    for (const id of ["big", "gate"]) expect(await stepOf(id)).toMatchObject({ attempt: 1 });
  },
  40_000,
);

test("where it gives other bytes, that is an error and no value", async () => {
  await untilReopened();
  server.faults = { changes: true };
  opened.resolve();
  await expect.poll(statusOf, { timeout: 10_000 }).toBe("failed");
  expect((await weft.runs.get("run"))?.error).toMatchObject({ code: "PAYLOAD_DAMAGED" });
});

test("where it takes nothing, a result waits to be recorded, and is computed once", async () => {
  server.faults = { status: 503 };
  await weft.runs.start({ workflow: "large", id: "run", inputs: {} });
  await expect.poll(() => problems.some((one) => one.includes("503 SlowDown")), { timeout: 20_000 }).toBe(true);
  expect(await statusOf()).toBe("running");
  server.faults = {};
  opened.resolve();
  await expect.poll(statusOf, { timeout: 30_000 }).toBe("succeeded");
  expect(await stepOf("big")).toMatchObject({ attempt: 1 });
  expect(problems.join()).not.toContain(server.keys.secretAccessKey);
});

test("a process that is told to end while it takes nothing ends in its time, and the run goes on elsewhere", async () => {
  server.faults = { status: 503 };
  await weft.runs.start({ workflow: "large", id: "run", inputs: {} });
  await expect.poll(() => problems.some((one) => one.includes("503 SlowDown")), { timeout: 20_000 }).toBe(true);
  const begun = performance.now();
  await weft.close({ graceMs: 500 });
  expect(performance.now() - begun).toBeLessThan(10_000);
  server.faults = {};
  weft = await open();
  opened.resolve();
  await expect.poll(statusOf, { timeout: 30_000 }).toBe("succeeded");
});

test("where it is slow, everything comes back the same, later", async () => {
  server.faults = { delayMs: 300 };
  await weft.runs.start({ workflow: "large", id: "run", inputs: {} });
  opened.resolve();
  await expect.poll(statusOf, { timeout: 30_000 }).toBe("succeeded");
  expect(problems).toEqual([]);
});
