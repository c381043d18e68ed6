import { expect, test } from "vitest";
import { Recurring } from "./recurring.ts";

test("it goes on after a failure with pauses spread by a fifth, waits for its work when it is closed, and does not come back", async () => {
  const due: { readonly ms: number; readonly callback: () => void }[] = [];
  const told: unknown[] = [];
  const broken = new Error("no store");
  let count = 0;
  let end = (): void => undefined;
  const recurring = new Recurring({
    clock: {
      monotonic: () => 1234.75,
      after(ms, callback) {
        due.push({ ms, callback });
        return () => void due.splice(0);
      },
    },
    firstMs: 10,
    everyMs: 70,
    async work() {
      count += 1;
      if (count === 1) throw broken;
      if (count === 3) await new Promise<void>((resolve) => (end = resolve));
    },
    failed: (error) => told.push(error),
  });
  recurring.start();
  const waits: number[] = [];
  for (let i = 0; i < 2; i++) {
    const { ms, callback } = due.shift()!;
    waits.push(ms);
    callback();
    await expect.poll(() => due.length).toBe(1);
  }
  due.shift()!.callback();
  let isClosed = false;
  const closing = recurring.close().then(() => (isClosed = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([isClosed, recurring.isClosed]).toEqual([false, true]);
  end();
  await closing;
  expect({ count, told, waits, due }).toEqual({ count: 3, told: [broken], waits: [11, 77], due: [] });
});
