import { AppError } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { completed, defineNode, failed, parked } from "./define-node.ts";
import { testTask } from "./test-task.ts";

const anything = z.unknown();

function nodeThat(execute: () => unknown) {
  return defineNode({ type: "probe", config: anything, execute });
}

function run(execute: () => unknown) {
  return nodeThat(execute).execute(testTask({}));
}

describe("a node made of a schema and a function", () => {
  test("is careful where nothing is said: an effect, in the default pool, without a time limit", () => {
    expect(nodeThat(() => null)).toMatchObject({
      type: "probe",
      version: 1,
      effect: "effect",
      pool: "default",
      timeoutMs: null,
    });
    expect(nodeThat(() => null).unavailable).toBeUndefined();
  });

  test("gets its config with the types of the schema, defaults filled in", () => {
    const node = defineNode({
      type: "repeat",
      config: z.object({ text: z.string(), times: z.int().default(2) }),
      execute: ({ text, times }) => text.repeat(times),
    });
    expect(node.execute(testTask({ text: "ab" }))).toEqual({ type: "completed", output: "abab" });
  });

  test("returns the outcome at once when its function does", () => {
    expect(run(() => 1)).not.toBeInstanceOf(Promise);
  });

  test("waits for a function that returns a promise", async () => {
    await expect(run(() => Promise.resolve([1]))).resolves.toEqual({ type: "completed", output: [1] });
  });

  test("a config that does not fit fails the step, names every field and never shows a value", () => {
    const node = defineNode({
      type: "probe",
      config: z.object({ url: z.string(), auth: z.object({ bearer: z.string() }) }),
      execute: () => null,
    });
    const outcome = node.execute(testTask({ url: 4711, auth: { bearer: ["s3cret"] } }));
    expect(outcome).toMatchObject({ type: "failed", failure: { code: "STEP_FAILED", retryable: false } });
    const text = JSON.stringify(outcome);
    expect(text).toContain("url: ");
    expect(text).toContain("auth.bearer: ");
    expect(text).not.toContain("s3cret");
    expect(text).not.toContain("4711");
  });

  test("an output that looks like an outcome is an output", () => {
    const lookalike = { type: "failed", failure: { code: "X", message: "x", retryable: true } };
    expect(run(() => lookalike)).toEqual({ type: "completed", output: lookalike });
  });

  test("an outcome chosen by the node is the outcome, from a promise too", async () => {
    const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
    expect(run(() => completed("a", { usage }))).toMatchObject({ type: "completed", output: "a", usage });
    expect(run(() => parked(1000, "breaker open"))).toMatchObject({ type: "parked", until: 1000 });
    await expect(run(async () => failed("QUOTA", "no more", { retryable: true, retryAfterMs: 50 }))).resolves.toEqual(
      expect.objectContaining({
        type: "failed",
        failure: { code: "QUOTA", message: "no more", retryable: true },
        retryAfterMs: 50,
      }),
    );
  });

  test("a thrown error of the table keeps its code, details and retryability", () => {
    const outcome = run(() => {
      throw new AppError("REQUEST_FAILED", { target: "https://a", reason: "reset" });
    });
    expect(outcome).toMatchObject({ type: "failed", failure: { code: "REQUEST_FAILED", retryable: true } });
  });

  test("anything else thrown is STEP_FAILED with its message; a boolean retryable on it counts", async () => {
    const thrown = (value: unknown) =>
      run(() => {
        throw value;
      });
    expect(thrown(new Error("no luck"))).toMatchObject({
      failure: { code: "STEP_FAILED", details: { reason: "no luck" }, retryable: false },
    });
    expect(thrown("text")).toMatchObject({ failure: { code: "STEP_FAILED", details: { reason: "text" } } });
    expect(thrown(Object.assign(new Error("busy"), { retryable: true }))).toMatchObject({
      failure: { code: "STEP_FAILED", retryable: true },
    });
    await expect(run(() => Promise.reject(new Error("later")))).resolves.toMatchObject({
      failure: { code: "STEP_FAILED", details: { reason: "later" } },
    });
  });
});
