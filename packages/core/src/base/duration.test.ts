import { expect, test } from "vitest";
import { DURATION_MS_MAX, formatDuration, parseDuration, parseTime } from "./duration.ts";

test.each<readonly [unknown, number | null]>([
  [5, 5000],
  [0, 0],
  [0.25, 250],
  ["7", 7000],
  ["1.5", 1500],
  ["500ms", 500],
  ["5m", 300_000],
  [" 1h30m ", 5_400_000],
  ["1d2h3m4s5ms", 93_784_005],
  ["3660d", 3660 * 86_400_000],
  ["3661d", null],
  [DURATION_MS_MAX / 1000 + 1, null],
  [-1, null],
  ["-5m", null],
  ["", null],
  ["5 m", null],
  ["5x", null],
  ["m", null],
  ["5m ago", null],
  [Number.NaN, null],
  [Number.POSITIVE_INFINITY, null],
  [null, null],
  [[5], null],
  [true, null],
])("duration %j", (value, ms) => {
  expect(parseDuration(value)).toBe(ms);
});

test.each<readonly [unknown, string | null]>([
  ["2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000Z"],
  ["2026-01-31T09:00:00.25+02:00", "2026-01-31T07:00:00.250Z"],
  ["2026-01-31T09:00+0230", "2026-01-31T06:30:00.000Z"],
  ["2026-01-31 09:00", "2026-01-31T09:00:00.000Z"],
  ["2026-01-31t09:00:00z", "2026-01-31T09:00:00.000Z"],
  ["2026-01-31", "2026-01-31T00:00:00.000Z"],
  ["2028-02-29", "2028-02-29T00:00:00.000Z"],
  ["2026-02-29", null],
  ["2026-13-01", null],
  ["2026-00-10", null],
  ["2026-01-00", null],
  ["2026-01-31T25:00", null],
  ["31 January 2026", null],
  ["1700000000", null],
  ["", null],
  [1_700_000_000, "2023-11-14T22:13:20.000Z"],
  [1e300, null],
  [Number.NaN, null],
  [null, null],
  [{}, null],
])("time %j", (value, iso) => {
  const ms = parseTime(value);
  expect(ms === null ? null : new Date(ms).toISOString()).toBe(iso);
});

test.each([
  [850, "850 ms"],
  [12_300, "12.3 s"],
  [250_000, "4m 10s"],
  [59_999, "60.0 s"],
  [3_720_000, "1h 2m"],
  [0, "0 ms"],
])("%d ms in words", (ms, words) => {
  expect(formatDuration(ms)).toBe(words);
});
