import { expect, test } from "vitest";
import { roomOf, weighed } from "./room.ts";

test.each([
  [0, 0],
  [1, 2],
  [4, 5],
  [64, 80],
  [1000, 1016],
])("a pool with %i slots has room for %i tasks of others", (slots, room) => {
  expect(roomOf(slots)).toBe(room);
});

test.each([
  [20, 50, 20],
  [20, 100, 10],
  [20, 10_000, 1],
  // One that is full stays full, however late its process is.
  [0, 200, 0],
  [-3, 200, -3],
])("room for %i at a delay of %i ms is room for %i", (room, delay, weighedRoom) => {
  expect(weighed(room, delay)).toBe(weighedRoom);
});
