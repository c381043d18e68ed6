import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@weftwork/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWeft, type Weft } from "../weft.ts";

let weft: Weft;
beforeEach(async () => {
  weft = await openWeft({ store: "memory", environment: {}, problem: () => undefined });
});
afterEach(() => weft.close({ graceMs: 0 }));

async function publish(name: string, steps: readonly object[], more: JsonObject = {}): Promise<void> {
  await weft.workflows.publish(JSON.stringify({ workflow: { name, steps, ...more } }));
}

const say = (text: string) => ({ id: "say", type: "template", template: text });
const call = (workflow: string, args: object = {}) => ({
  id: "call",
  type: "tool",
  tool: `workflow:${workflow}`,
  arguments: args,
});

async function ended(workflow: string, inputs: JsonObject = {}) {
  const { run } = await weft.runs.start({ workflow, inputs });
  return (await weft.runs.wait(run.id))!;
}

test("a workflow is a tool: its inputs are the arguments, its outputs the result", async () => {
  const inputs = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
  await publish("greet", [say("Hello {{ inputs.name }}")], { inputs, outputs: { text: "{{ steps.say.output }}" } });
  await publish("outer", [call("greet", { name: "Ada" })]);
  const run = await ended("outer");
  expect(run.outputs).toEqual({ call: { text: "Hello Ada" } });
  const { data } = await weft.runs.list({ limit: 10 });
  const child = data.find((one) => one.workflow === "greet")!;
  expect(child).toMatchObject({ status: "succeeded", metadata: { parent_run: run.id, tool_depth: 1 } });
});

test("arguments are checked against the inputs of the workflow before a run begins", async () => {
  const inputs = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
  await publish("greet", [say("Hello")], { inputs });
  await publish("outer", [call("greet", { name: 7 })]);
  expect(await ended("outer")).toMatchObject({ status: "failed", error: { code: "TOOL_ARGUMENTS" } });
  expect((await weft.runs.list({ limit: 10 })).data).toHaveLength(1);
});

test("a run that fails is a failure of the tool, with its words", async () => {
  await publish("bad", [say("{{ inputs.a.b }}")]);
  await publish("outer", [call("bad")]);
  const run = await ended("outer");
  expect(run).toMatchObject({ status: "failed", error: { code: "TOOL_FAILED" } });
  expect(run.error!.message).toMatch(/its run run_tool_\w+ is failed/);
});

test("A39 a workflow that calls itself is stopped at five levels", async () => {
  await publish("again", [call("again")]);
  const run = await ended("again");
  expect(run.status).toBe("failed");
  const { data } = await weft.runs.list({ limit: 100 });
  expect(data).toHaveLength(6);
  const deepest = data.find(({ metadata }) => metadata["tool_depth"] === 5)!;
  expect((await weft.runs.get(deepest.id))!.error).toMatchObject({ code: "NESTING_LIMIT" });
});

test("a workflow that is not there fails the step", async () => {
  await publish("outer", [call("none")]);
  expect(await ended("outer")).toMatchObject({ error: { code: "WORKFLOW_NOT_FOUND" } });
});

test("a run that is cancelled takes the run of its tool with it", async () => {
  await publish("long", [{ id: "rest", type: "wait", for: "1h" }]);
  await publish("outer", [call("long")]);
  const { run } = await weft.runs.start({ workflow: "outer" });
  const child = await found(async () =>
    (await weft.runs.list({ limit: 10 })).data.find((one) => one.workflow === "long"),
  );
  await weft.runs.cancel(run.id);
  expect((await weft.runs.wait(child.id))!.status).toBe("cancelled");
});

test("a step that is out of time leaves no run behind", async () => {
  await publish("long", [{ id: "rest", type: "wait", for: "1h" }]);
  await publish("outer", [{ ...call("long"), timeout: 0.2, retry: 1 }]);
  expect(await ended("outer")).toMatchObject({ status: "failed", error: { code: "STEP_TIMEOUT" } });
  const child = (await weft.runs.list({ limit: 10 })).data.find((one) => one.workflow === "long")!;
  expect((await weft.runs.wait(child.id))!.status).toBe("cancelled");
});

test("a step that is repeated after its process ended finds the run it has begun", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-child-"));
  const open = () => openWeft({ store: folder, environment: {}, problem: () => undefined });
  try {
    await weft.close({ graceMs: 0 });
    weft = await open();
    await publish("asks", [{ id: "rest", type: "wait", signal: "go" }]);
    await publish("outer", [call("asks")]);
    const { run } = await weft.runs.start({ workflow: "outer" });
    const find = async () => (await weft.runs.list({ limit: 10 })).data.filter((one) => one.workflow === "asks");
    await found(async () => (await find())[0]);
    await weft.close({ graceMs: 0 });
    weft = await open();
    const [child] = await find();
    expect(child!.status).toBe("waiting");
    await weft.runs.signal(child!.id, { name: "go", payload: 42 });
    expect(await weft.runs.wait(run.id)).toMatchObject({ status: "succeeded", outputs: { call: { rest: 42 } } });
    expect(await find()).toHaveLength(1);
  } finally {
    await weft.close({ graceMs: 0 });
    rmSync(folder, { recursive: true });
  }
});

/** Asks again until there is something. */
async function found<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
