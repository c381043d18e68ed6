import { expect, test } from "vitest";
import { answerNode } from "./answer.ts";
import { testTask } from "./test-task.ts";

test("an answer is text, and those who watch see it in one piece", () => {
  const task = testTask({ answer: "Yes." });
  expect(answerNode().execute(task)).toEqual({ type: "completed", output: "Yes." });
  expect(task.emitted).toEqual([{ type: "text_delta", text: "Yes." }]);
});

test("what is not text is said as JSON", () => {
  expect(answerNode().execute(testTask({ text: { total: 3 } }))).toMatchObject({ output: '{"total":3}' });
});

test("without a field the input is the answer; nothing to say emits nothing", () => {
  expect(answerNode().execute(testTask({}, { input: "from before" }))).toMatchObject({ output: "from before" });
  const silent = testTask({}, { input: null });
  expect(answerNode().execute(silent)).toMatchObject({ output: "" });
  expect(silent.emitted).toEqual([]);
});
