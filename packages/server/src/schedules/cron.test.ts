import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { naiveTimes } from "./cron.testing.ts";
import { cronProblem, lastTime, nextTime, nextTimes } from "./cron.ts";

const iso = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");
const times = (cron: string, zone: string, after: string, count: number): readonly string[] =>
  nextTimes({ cron, zone }, Date.parse(after), count).map(iso);

describe("the next times of a rule", () => {
  test.each([
    ["0 9 * * *", "UTC", "2026-01-01T09:00:00Z", ["2026-01-02T09:00:00Z", "2026-01-03T09:00:00Z"]],
    ["0 9 * * 1-5", "Asia/Shanghai", "2026-01-02T02:00:00Z", ["2026-01-05T01:00:00Z", "2026-01-06T01:00:00Z"]],
    ["*/15 * * * * *", "UTC", "2026-01-01T00:00:15Z", ["2026-01-01T00:00:30Z", "2026-01-01T00:00:45Z"]],
    ["@daily", "UTC", "2026-12-31T12:00:00Z", ["2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"]],
    ["@hourly", "Asia/Kolkata", "2026-01-01T00:00:00Z", ["2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z"]],
    ["@yearly", "America/New_York", "2026-06-01T00:00:00Z", ["2027-01-01T05:00:00Z", "2028-01-01T05:00:00Z"]],
    ["0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", ["2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"]],
    ["59 23 31 12 *", "Pacific/Auckland", "2026-12-31T00:00:00Z", ["2026-12-31T10:59:00Z", "2027-12-31T10:59:00Z"]],
    ["0 0 1,15,L * *", "UTC", "2026-02-01T00:00:00Z", ["2026-02-15T00:00:00Z", "2026-02-28T00:00:00Z"]],
    ["0 0 * * MON#1", "UTC", "2026-02-03T00:00:00Z", ["2026-03-02T00:00:00Z", "2026-04-06T00:00:00Z"]],
  ])("%s in %s behind %s", (cron, zone, after, expected) => {
    expect(times(cron, zone, after, expected.length)).toEqual(expected);
  });

  test.each([
    // Put forward in Berlin on 29 March 2026, 2:00 to 3:00: the time that is missing comes at 3:00.
    ["30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]],
    ["0 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]],
    ["0 2-2 * * *", "America/New_York", "2026-03-08T06:59:59Z", ["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"]],
    ["30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]],
    // A rule with several times a day passes over those that are missing.
    ["*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", ["2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"]],
    // Put back on 25 October 2026, 3:00 to 2:00: once, the first time.
    ["30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]],
    ["0 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", ["2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]],
    [
      "*/30 2 * * *",
      "Europe/Berlin",
      "2026-10-24T12:00:00Z",
      ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"],
    ],
    // Half an hour on Lord Howe Island; at midnight in Havana.
    ["15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]],
    ["0 0 * * *", "America/Havana", "2026-03-07T12:00:00Z", ["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"]],
    ["30 0 * * *", "America/Havana", "2026-10-31T12:00:00Z", ["2026-11-01T04:30:00Z", "2026-11-02T05:30:00Z"]],
  ])("%s in %s behind %s, where the clock is changed", (cron, zone, after, expected) => {
    expect(times(cron, zone, after, expected.length)).toEqual(expected);
  });

  const field = (low: number, high: number): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant("*") },
      { weight: 3, arbitrary: fc.integer({ min: low, max: high }).map(String) },
      fc.integer({ min: 2, max: high }).map((step) => `*/${step}`),
      fc
        .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 2, maxLength: 4 })
        .map((values) => values.toSorted((a, b) => a - b).join(",")),
      fc
        .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
        // A range of one is one time, which the look at every minute does not know.
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    );
  const cron = fc
    .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6))
    .map((all) => all.join(" "));
  const daily = fc.tuple(field(0, 59), field(0, 3)).map(([minute, hour]) => `${minute} ${hour} * * *`);
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata");
  // Around the changes of the clock, leap days and the end of the year.
  const moment = fc
    .tuple(
      fc.constantFrom(
        "2026-03-08T07:00:00Z",
        "2026-03-29T01:00:00Z",
        "2026-04-04T15:00:00Z",
        "2026-10-03T15:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-11-01T06:00:00Z",
        "2028-02-29T00:00:00Z",
        "2026-12-31T23:59:00Z",
      ),
      fc.integer({ min: -30 * 3600, max: 6 * 3600 }),
    )
    .map(([at, seconds]) => Date.parse(at) + seconds * 1000);

  test("are those that a look at every minute finds", () => {
    const DAYS = 2;
    fc.assert(
      fc.property(fc.oneof(cron, daily, daily), zone, moment, (rule, where, after) => {
        const upTo = after + DAYS * 86_400_000;
        const found: number[] = [];
        for (let at = nextTime({ cron: rule, zone: where }, after); at !== null && at <= upTo;) {
          found.push(at);
          at = nextTime({ cron: rule, zone: where }, at);
        }
        expect(found.map(iso)).toEqual(naiveTimes(rule, where, after, upTo).map(iso));
      }),
      { numRuns: 60 },
    );
  });

  test("grow with the moment that is asked from, and the last one is found without those between", () => {
    fc.assert(
      fc.property(
        fc.oneof(cron, daily),
        zone,
        moment,
        fc.integer({ min: 0, max: 40 * 86_400 }),
        (rule, where, after, seconds) => {
          const of = { cron: rule, zone: where };
          const upTo = after + seconds * 1000 + 500;
          const next = nextTime(of, after);
          expect(next === null || next > after).toBe(true);
          const last = lastTime(of, after, upTo);
          if (next === null || next > upTo) {
            expect(last).toBeNull();
            return;
          }
          expect(last! > after && last! <= upTo).toBe(true);
          // It is one of the times, and none lies behind it.
          expect(nextTime(of, last! - 1000)).toBe(last);
          const behind = nextTime(of, last!);
          expect(behind === null || behind > upTo).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("a rule", () => {
  test.each([
    ["0 9 * *", "UTC", "has not 5, 6 or 7 fields"],
    ["", "UTC", "has not 5, 6 or 7 fields"],
    ["61 * * * *", "UTC", "Invalid value for minute: 61"],
    ["a b c d e", "UTC", "illegal characters"],
    ["@reboot", "UTC", "not supported"],
    ["@never", "UTC", "is not understood"],
    ["2030-01-01T00:00:00", "UTC", "has not 5, 6 or 7 fields"],
    ["0 9 * * *", "Mars/Olympus", "no zone of the IANA database"],
    ["0 9 * * *", "+08:00", "no zone of the IANA database"],
    ["0 9 * * *", "", "no zone of the IANA database"],
    [`0 9 * * ${"1,".repeat(200)}1`, "UTC", "more than 200 characters"],
  ])("%j in %j is refused: %s", (cron, zone, reason) => {
    expect(cronProblem({ cron, zone })).toContain(reason);
  });

  test.each(["* * * * *", "0 0 9 * * *", "0 0 9 * * * 2030", "@weekly", " 0 9 * * 7 ", "0 9 L * *", "0 9 * * 5#L"])(
    "%j is taken",
    (cron) => {
      expect(cronProblem({ cron, zone: "Europe/Berlin" })).toBeNull();
    },
  );

  test("whose time never comes has no next one, and says so soon", () => {
    expect(nextTime({ cron: "0 0 30 2 *", zone: "UTC" }, 0)).toBeNull();
    expect(nextTime({ cron: "* * * * * * 1999", zone: "UTC" }, Date.UTC(2026, 0))).toBeNull();
  });
});
