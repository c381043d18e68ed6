import { expect, it } from "vitest";
import { Turn } from "./turn.ts";

function setUp() {
  const world = { now: 0, ends: [] as (() => void)[] };
  const turn = new Turn({ monotonic: () => world.now, soon: (callback) => void world.ends.push(callback) });
  const take = (count: number, eachMs: number): number => {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      turn.came();
      if (turn.hasTime()) taken += 1;
      world.now += eachMs;
    }
    return taken;
  };
  const end = (): void => world.ends.splice(0).forEach((callback) => callback());
  return { turn, take, end, world };
}

it("takes all of a turn that is short, however many they are", () => {
  const { take } = setUp();
  expect(take(5000, 0.01)).toBe(5000);
});

it("takes what comes in the first fifty milliseconds of a long turn", () => {
  const { take, world } = setUp();
  expect(take(1000, 0.125)).toBe(401);
  expect(world.ends).toHaveLength(1);
});

it("takes less from turn to turn while crowds come, but always some, and all again when they are gone", () => {
  const { take, end } = setUp();
  const turn = (count: number): number => {
    const taken = take(count, 0.125);
    end();
    return taken;
  };
  const flood = Array.from({ length: 10 }, () => turn(1000));
  expect(flood).toEqual(flood.toSorted((a, b) => b - a));
  expect([flood[0], flood[1], flood.at(-1)]).toEqual([401, 281, 51]);
  // Neither a crowd nor few: it stays as it is.
  expect([turn(60), turn(1000)]).toEqual([51, 51]);
  for (let quiet = 0; quiet < 30; quiet++) expect(turn(40)).toBe(40);
  expect(turn(1000)).toBe(401);
});

it("takes some of a turn in which something else took the time", () => {
  const { take, end } = setUp();
  expect(take(300, 500)).toBe(256);
  end();
  expect(take(300, 0)).toBe(300);
});

it("tells the shortest time from one turn to the next, once", () => {
  const { turn, take, end, world } = setUp();
  expect(turn.shortestMs()).toBeNull();
  for (const ms of [30, 12, 25]) {
    take(1, ms);
    end();
  }
  // Those of one turn are no turns, and after the last none has begun yet.
  expect(turn.shortestMs()).toBe(12);
  expect(turn.shortestMs()).toBeNull();
  world.now += 100;
  take(3, 1);
  expect(turn.shortestMs()).toBe(125);
});
