import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { measure } from "./engine/main.ts";
import { readOptions } from "./engine/options.ts";
import { readable } from "./report.ts";
import { median, quantile } from "./statistics.ts";

const TINY = { stores: ["memory"], rounds: 1, size: 0.005, folder: tmpdir() } as const;

test("a report has the shape that every benchmark prints", async () => {
  const report = await measure({ ...TINY, workloads: ["W1", "W2", "W3"] }, () => undefined);
  expect(Object.keys(report)).toEqual(["hardware", "commit", "versions", "results"]);
  expect(report.hardware).toEqual({
    cpu: expect.any(String),
    cores: expect.any(Number),
    memoryGb: expect.any(Number),
    system: expect.any(String),
    fsyncMs: expect.any(Number),
  });
  expect(report.versions).toMatchObject({ weftwork: expect.any(String), node: process.versions.node, postgres: null });
  const kinds = report.results.map(({ workload, variant, contender }) => `${workload} ${variant} ${contender}`);
  const variants = (name: string): string[] =>
    ["effect", "pure"].flatMap((variant) => [`${name} ${variant} weftwork`, `${name} ${variant} floor`]);
  expect(kinds).toEqual([...variants("W1"), ...variants("W2"), ...variants("W3")]);
  for (const result of report.results) {
    expect(Object.keys(result).toSorted()).toEqual(
      "contender max median min p50Ms p99Ms rounds store unit variant workload".split(" "),
    );
    expect(result.min).toBeLessThanOrEqual(result.median);
    expect(result.median).toBeLessThanOrEqual(result.max);
    expect(result.p50Ms).toBeLessThanOrEqual(result.p99Ms);
  }
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  expect(
    readable(report)
      .split("\n")
      .filter((line) => line.startsWith("W")),
  ).toHaveLength(12);
});

test("W4 runs a server of its own on loopback and stops it", async () => {
  const report = await measure({ ...TINY, workloads: ["W4", "W4-submit"] }, () => undefined);
  expect(report.results).toHaveLength(8);
  for (const result of report.results) expect(result.median).toBeGreaterThan(0);
});

test("options are read, and mistakes named", () => {
  expect(readOptions(["--store", "sqlite", "--quick", "--workload", "W4"])).toMatchObject({
    stores: ["sqlite"],
    workloads: ["W4", "W4-submit"],
    rounds: 2,
    size: 0.1,
  });
  expect(readOptions(["--store", "oracle"])).toEqual({ mistake: expect.stringContaining("oracle") });
  expect(readOptions(["--rounds", "0"])).toEqual({ mistake: expect.stringContaining("--rounds") });
});

test("quantiles are nearest ranks", () => {
  expect([quantile([3, 1, 2], 0.5), quantile([1, 2, 3, 4], 0.99), quantile([7], 0.5)]).toEqual([2, 4, 7]);
  expect([median([3, 1, 2]), median([4, 1])]).toEqual([2, 2.5]);
});
