import { expect, test } from "vitest";
import { readIdempotencyKey } from "./native/submission.ts";
import { readPrefer } from "./prefer.ts";

test.each([
  [undefined, 0, null],
  ["respond-async", 0, "respond-async"],
  ["wait=30", 30_000, "wait=30"],
  ['wait="30"', 30_000, "wait=30"],
  ["respond-async, wait=10", 10_000, "respond-async, wait=10"],
  ["Wait = 5; foo", 5000, "wait=5"],
  ["wait=100000", 600_000, "wait=600"],
  ["wait=1, wait=2", 1000, "wait=1"],
  ["wait=-1", 0, null],
  ["wait=soon", 0, null],
  ["return=minimal", 0, null],
  [["wait=2", "respond-async"], 2000, "respond-async, wait=2"],
])("Prefer: %s", (header, waitMs, applied) => expect(readPrefer(header)).toEqual({ waitMs, applied }));

test.each([
  ["bare", "bare"],
  ['"quoted key"', "quoted key"],
  ['"with \\" in it"', 'with " in it'],
  [undefined, null],
])("Idempotency-Key: %s", (header, key) => expect(readIdempotencyKey(header)).toBe(key));

test.each(["", " ", "ключ", "x".repeat(256)])("Idempotency-Key %j is refused", (header) =>
  expect(() => readIdempotencyKey(header)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" })),
);
