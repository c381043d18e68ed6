import { expect, test } from "vitest";
import { Counters, Gauges, Histograms } from "./series.ts";

test("counters add up by their labels, and a label holds any text", () => {
  const counters = new Counters("weft_x_total", "What is counted.", ["a", "b"]);
  expect(counters.lines()).toEqual(["# HELP weft_x_total What is counted.", "# TYPE weft_x_total counter"]);
  counters.add(["1", 'say "\n"\\']);
  counters.add(["1", 'say "\n"\\'], 4);
  counters.add(["2", ""]);
  expect(counters.lines().slice(2)).toEqual([
    String.raw`weft_x_total{a="1",b="say \"\n\"\\"} 5`,
    'weft_x_total{a="2",b=""} 1',
  ]);
});

test("gauges are what was set last", () => {
  const gauges = new Gauges("weft_now", "Now.", ["of"]);
  gauges.set(["x"], 3);
  gauges.set(["x"], 0);
  expect(gauges.lines().slice(1)).toEqual(["# TYPE weft_now gauge", 'weft_now{of="x"} 0']);
});

test("a histogram counts each bucket with all below it, a bound being part of its bucket", () => {
  const times = new Histograms("weft_seconds", "Time.", [], [0.1, 1]);
  for (const seconds of [0.1, 0.5, 1, 7]) times.observe([], seconds);
  expect(times.lines().slice(2)).toEqual([
    'weft_seconds_bucket{le="0.1"} 1',
    'weft_seconds_bucket{le="1"} 3',
    'weft_seconds_bucket{le="+Inf"} 4',
    "weft_seconds_sum 8.6",
    "weft_seconds_count 4",
  ]);
});
