import { expect, test } from "vitest";
import { Batch } from "./batch.ts";

const clock = { soon: (callback: () => void): void => void setImmediate(callback) };
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A batch whose calls are answered by the test. */
function setUp(max: number, calls?: number) {
  const asked: { readonly items: readonly number[]; readonly end: PromiseWithResolvers<readonly string[]> }[] = [];
  const call = (items: readonly number[]): Promise<readonly string[]> => {
    const end = Promise.withResolvers<readonly string[]>();
    asked.push({ items, end });
    return end.promise;
  };
  const batch = new Batch<number, string>({ clock, max, call, ...(calls === undefined ? {} : { calls }) });
  return { batch, asked, items: () => asked.map((one) => one.items) };
}

test("what is asked in one moment is one call, what comes meanwhile the next one, and none is larger than it may be", async () => {
  const { batch, asked, items } = setUp(2);
  const answers = [1, 2, 3].map((item) => batch.add(item));
  await turn();
  expect(items()).toEqual([[1, 2]]);
  answers.push(batch.add(4));
  await turn();
  expect(items()).toEqual([[1, 2]]);
  asked[0]!.end.resolve(["a", "b"]);
  await turn();
  expect(items()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  asked[1]!.end.resolve(["c", "d"]);
  expect(await Promise.all(answers)).toEqual(["a", "b", "c", "d"]);
});

test("where several calls may be under way, one without an answer keeps nobody waiting", async () => {
  const { batch, asked, items } = setUp(10, 2);
  const hangs = batch.add(1);
  await turn();
  const answered = batch.add(2);
  await turn();
  const third = batch.add(3);
  await turn();
  expect(items()).toEqual([[1], [2]]);
  asked[1]!.end.resolve(["b"]);
  expect(await answered).toBe("b");
  await turn();
  expect(items()).toEqual([[1], [2], [3]]);
  asked[2]!.end.resolve(["c"]);
  asked[0]!.end.resolve(["a"]);
  expect(await Promise.all([hangs, third])).toEqual(["a", "c"]);
});

test("a call that fails fails those who are in it, and no others", async () => {
  const { batch, asked } = setUp(1);
  const [first, second] = [batch.add(1), batch.add(2)];
  await turn();
  asked[0]!.end.reject(new Error("away"));
  await expect(first).rejects.toThrow("away");
  await turn();
  asked[1]!.end.resolve(["b"]);
  expect(await second).toBe("b");
});
