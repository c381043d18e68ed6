import { AppError } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import type { Verdict } from "../journal/journal.ts";
import { TestBench, turn, type TestProcess } from "./engine.testing.ts";
import { onceMore } from "./refused-row.ts";

const LARGE: Verdict = { type: "refused", code: "PAYLOAD_TOO_LARGE", details: { bytes: 2e9, limit: 1e9 } };

/** A process whose journal refuses rows that hold the word, so many times. */
async function refusing(
  workflow: object,
  word: string,
  times = 1,
): Promise<{ bench: TestBench; process: TestProcess }> {
  const bench = new TestBench();
  const process = await bench.start();
  await bench.publish(process, { name: "w", ...workflow });
  let left = times;
  bench.intercept = async (append, membership, batch) => {
    const refused = batch.map(({ body }) => left > 0 && body.includes(word) && left-- > 0);
    const taken = batch.filter((_, index) => !refused[index]);
    const verdicts = taken.length === 0 ? [] : [...(await append(membership, taken))];
    return refused.map((is) => (is ? LARGE : verdicts.shift()!));
  };
  return { bench, process };
}

async function start(process: TestProcess): Promise<void> {
  await process.engine.runs.start({ workflow: "w", id: "r" });
  await turn();
}

describe("a run one of whose rows the journal refuses (F35)", () => {
  test("goes on by the error rules of the step whose result was in the row; the step is not done again", async () => {
    const { bench, process } = await refusing(
      {
        steps: [
          { id: "big", type: "step", value: "TOO MUCH", on_error: "branch" },
          { id: "small", type: "step", depends_on: ["big.error"] },
        ],
      },
      "TOO MUCH",
    );
    await start(process);
    expect(await process.engine.runs.get("r")).toMatchObject({ status: "succeeded", outputs: { small: "small" } });
    expect(bench.calls).toEqual(["r/root/big#1", "r/root/small#1"]);
    expect(process.problems).toEqual(["a row was refused"]);
    const text = (await bench.rows("r")).map(({ body }) => body).join("");
    expect(text).toContain('"PAYLOAD_TOO_LARGE"');
    expect(text).not.toContain("TOO MUCH");
  });

  test("fails where no rule of its steps helps, and every row of it is there", async () => {
    const { bench, process } = await refusing({ steps: [{ id: "a", type: "step" }] }, '"task_', 3);
    await start(process);
    expect(await process.engine.runs.get("r")).toMatchObject({
      status: "failed",
      error: { code: "PAYLOAD_TOO_LARGE" },
    });
    expect((await bench.rows("r")).map(({ seq }) => seq)).toEqual((await bench.rows("r")).map((_, index) => index + 1));
  });

  test("tells whoever waits for an input of the row, and has not had that input", async () => {
    const steps = [
      { id: "work", type: "step" },
      { id: "heard", type: "wait", signal: "go" },
    ];
    const { bench, process } = await refusing({ steps }, "LOUD");
    // What waits for a signal alone waits outside of memory, and nobody waits for its inputs.
    bench.held.add("work");
    await start(process);
    const send = (payload: string): Promise<unknown> => process.engine.runs.signal("r", { name: "go", payload });
    await expect(send("LOUD")).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    await send("soft");
    const text = (await bench.rows("r")).map(({ body }) => body).join("");
    expect([text.includes("LOUD"), text.includes("soft")]).toEqual([false, true]);
  });
});

describe("an input of a refused row", () => {
  const error = new AppError("PAYLOAD_TOO_LARGE", { bytes: 2, limit: 1 });
  const place = { scope: "root", node: "a", attempt: 1 };
  const unwaited = { inboxId: "i1", recorded: null, failed: null };

  test("that is a result comes back as a failure that is not tried again, with those who wait for it", () => {
    const output = { type: "completed", output: { type: "inline", value: 1 } };
    const queued = {
      ...unwaited,
      failed: () => undefined,
      input: { ...place, type: "task_reported", outcome: output },
    };
    expect(onceMore(queued as never, error)).toEqual({
      ...queued,
      input: {
        ...queued.input,
        outcome: {
          type: "failed",
          failure: expect.objectContaining({ code: error.code, retryable: false }) as unknown,
        },
      },
    });
  });

  test("that nobody waits for comes back as it is; another is not tried again", () => {
    const input = { type: "timer_fired", timer: "a@1" } as const;
    const queued = { ...unwaited, input };
    expect(onceMore(queued, error)).toBe(queued);
    expect(onceMore({ ...queued, failed: () => undefined }, error)).toBeNull();
  });
});
