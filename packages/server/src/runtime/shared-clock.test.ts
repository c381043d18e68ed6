import { expect, test } from "vitest";
import { HandClock } from "./engine.testing.ts";
import { SharedClock } from "./shared-clock.ts";

test.each([
  { offset: 0, says: 0 },
  { offset: 40, says: 0 },
  { offset: 600_000, says: 600_000 },
  { offset: -600_000, says: -600_000 },
])("a store whose clock is $offset ms ahead is followed by $says ms", async ({ offset, says }) => {
  const base = new HandClock();
  const told: string[] = [];
  const clock = new SharedClock(
    base,
    async () => base.now() + offset,
    (message) => told.push(message),
  );
  await clock.start();
  expect(clock.now()).toBe(base.now() + says);
  expect(told.length).toBe(says === 0 ? 0 : 1);
  clock.close();
});

test("a store that does not answer leaves the time as it was, and is asked again", async () => {
  const base = new HandClock();
  let answers = false;
  const ask = async (): Promise<number> => {
    if (!answers) throw new Error("away");
    return base.now() + 5000;
  };
  const clock = new SharedClock(base, ask, () => undefined);
  await clock.start();
  expect(clock.now()).toBe(base.now());
  answers = true;
  await base.advance(15_000);
  await expect.poll(() => clock.now()).toBe(base.now() + 5000);
  clock.close();
});
