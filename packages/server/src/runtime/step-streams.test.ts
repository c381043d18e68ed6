import type { RunMessage } from "@weftwork/sdk";
import { expect, test } from "vitest";
import { LEASE_MS, TestBench, turn, type TestProcess } from "./engine.testing.ts";

const FLOW = {
  name: "flow",
  steps: [
    { id: "a", type: "step" },
    { id: "b", type: "step", depends_on: ["a"] },
  ],
};

async function recorded(process: TestProcess, id: string, until: string): Promise<RunMessage[]> {
  const messages: RunMessage[] = [];
  for await (const message of process.engine.runs.events(id)) {
    messages.push(message);
    if (message.event === until) break;
  }
  return messages;
}

const told = (messages: readonly RunMessage[]): string[] =>
  messages.map(({ event, data }) => [event, data["node"], data["text"] ?? data["reason"]].filter(Boolean).join(" "));

test("what was said to an owner that died is marked as superseded before its successor says anything (F67)", async () => {
  const bench = new TestBench();
  bench.held.add("b");
  bench.says.set("b", ["first try"]);
  const one = await bench.start();
  await bench.publish(one, FLOW);
  await one.engine.runs.start({ workflow: "flow", id: "r" });
  await turn();
  await bench.clock.advance(100);
  expect(told(await recorded(one, "r", "text_delta")).at(-1)).toBe("text_delta b first try");
  one.crash();
  bench.says.set("b", ["second ", "try"]);
  const two = await bench.start();
  for (let i = 0; i < 8; i++) {
    await bench.clock.advance(LEASE_MS / 4);
    await two.membership.renew();
  }
  expect(bench.calls.filter((key) => key.includes("b"))).toHaveLength(2);
  await bench.release(bench.calls.at(-1)!, "second try");
  await bench.clock.advance(200);
  const messages = told(await recorded(two, "r", "run_completed"));
  expect(messages.filter((line) => line.includes(" b") && !line.startsWith("task_started"))).toEqual([
    "text_delta b first try",
    "attempt_superseded b taken_over",
    "text_delta b second ",
    "text_delta b try",
    "task_completed b",
  ]);
});

test("steps that say nothing leave nothing in the stream log, and cost no look into it", async () => {
  const bench = new TestBench();
  const looks: string[] = [];
  for (const name of ["append", "read", "standing"] as const) {
    const real = bench.streamLog[name] as (...args: readonly unknown[]) => unknown;
    Object.assign(bench.streamLog, { [name]: (...args: readonly unknown[]) => (looks.push(name), real(...args)) });
  }
  const process = await bench.start();
  await bench.publish(process, FLOW);
  await process.engine.runs.start({ workflow: "flow", id: "r" });
  await bench.clock.advance(1000);
  expect((await process.engine.runs.get("r"))?.status).toBe("succeeded");
  expect(looks).toEqual([]);
});

test("pieces that the stream log does not take are told as missing, and the run goes on", async () => {
  const bench = new TestBench();
  bench.held.add("a");
  bench.says.set("a", ["hello"]);
  Object.assign(bench.streamLog, { append: () => Promise.reject(new Error("disk on fire")) });
  const process = await bench.start();
  await bench.publish(process, FLOW);
  await process.engine.runs.start({ workflow: "flow", id: "r" });
  await turn();
  expect(told(await recorded(process, "r", "text_delta")).at(-1)).toBe("text_delta a hello");
  await bench.clock.advance(2000);
  expect(process.problems.filter((problem) => problem.includes("stream log"))).not.toEqual([]);
  expect(told(await recorded(process, "r", "stream_truncated")).at(-1)).toBe("stream_truncated a not_kept");
  await bench.release(bench.calls.at(-1)!);
  await bench.clock.advance(100);
  expect((await process.engine.runs.get("r"))?.status).toBe("succeeded");
});

test("thoughts are told apart from the text, in their order, each with an offset of its own, and are no text so far", async () => {
  const bench = new TestBench();
  bench.held.add("a");
  const thought = (text: string) => ({ type: "reasoning_delta", text }) as const;
  bench.says.set("a", [thought("Let me "), thought("see."), "The ", "answer", thought(" Sure?"), "."]);
  const process = await bench.start();
  await bench.publish(process, FLOW);
  await process.engine.runs.start({ workflow: "flow", id: "r" });
  await turn();
  await bench.clock.advance(200);
  expect((await process.engine.runs.task("r"))!.partial).toEqual({ a: "The answer." });
  await bench.release(bench.calls.at(-1)!);
  await bench.clock.advance(200);
  const messages = await recorded(process, "r", "run_completed");
  const pieces = messages.flatMap(({ event, data }) =>
    event.endsWith("_delta") ? [[event, data["offset"], data["text"]]] : [],
  );
  expect(pieces).toEqual([
    ["reasoning_delta", 0, "Let me "],
    ["reasoning_delta", 7, "see."],
    ["text_delta", 0, "The answer"],
    ["reasoning_delta", 11, " Sure?"],
    ["text_delta", 10, "."],
  ]);
});
