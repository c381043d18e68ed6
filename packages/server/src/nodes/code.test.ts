import { afterAll, expect, test } from "vitest";
import { containers } from "../sandbox/container-runner.ts";
import { javascriptSandbox } from "../sandbox/javascript.ts";
import { SANDBOX_LIMITS } from "../sandbox/sandbox.ts";
import { codeNode } from "./code.ts";
import { testTask } from "./test-task.ts";

const sandbox = javascriptSandbox({ threads: 1 });
afterAll(() => sandbox.close());
const limits = { ...SANDBOX_LIMITS, timeMs: 300, outputBytes: 1000 };
const node = codeNode({
  type: "javascript",
  sandbox,
  containers: containers({ find: () => null, now: () => 0 }),
  limits,
});

test("main gets the named inputs as one object", async () => {
  const task = testTask({ code: "function main({ a, b }) { return a + b; }", inputs: { a: 1, b: 2 } }, { input: 9 });
  expect(await node.execute(task)).toMatchObject({ type: "completed", output: 3 });
});

test("without inputs main gets the step's input as it is", async () => {
  const task = testTask({ code: "function main(x) { return [x]; }" }, { input: "text" });
  expect(await node.execute(task)).toMatchObject({ type: "completed", output: ["text"] });
});

test("what is printed is told to those who watch", async () => {
  const task = testTask({ code: "function main() { console.error('mind', { a: 1 }); }" });
  await node.execute(task);
  expect(task.emitted).toEqual([{ type: "log", level: "error", message: 'mind {"a":1}' }]);
});

test.each([
  ["an error of the code", "function main() {\n return nothing; }", "CODE_FAILED", /nothing.*line 2/],
  ["no main", "1", "CODE_FAILED", /function main/],
  ["an endless loop", "function main() { for (;;); }", "CODE_STOPPED", /300 ms.*the step's timeout/],
  ["a result that is too large", "function main() { return 'x'.repeat(1000) }", "CODE_STOPPED", /WEFT_CODE_OUTPUT/],
])("%s fails the step with its reason", async (_, code, failureCode, message) => {
  expect(await node.execute(testTask({ code }))).toMatchObject({
    type: "failed",
    failure: { code: failureCode, message: expect.stringMatching(message) as string, retryable: false },
  });
});

test("a step without code cannot run, and says what to do", () => {
  expect(node.unavailable?.({})).toContain("beside the workflow");
  expect(node.unavailable?.({ image: "acme/tool:1" })).toContain("podman or docker");
  expect(node.unavailable?.({ code: "function main() {}" })).toBeNull();
});
