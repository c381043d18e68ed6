import { simulate } from "./scenario.ts";

/** Runs seeds from the command line: `SEED=123 node test/simulation/main.ts`, or `SEEDS=1000`. */
const one = process.env["SEED"];
const [from, to] = one === undefined ? [1, Number(process.env["SEEDS"] ?? 100)] : [Number(one), Number(one)];
const total: Record<string, number> = {};
let failed = 0;
for (let seed = from; seed <= to; seed++) {
  const { violations, stats, trace } = await simulate(seed, { record: one !== undefined });
  for (const line of one === undefined ? [] : trace) process.stdout.write(`${line}\n`);
  for (const [name, value] of Object.entries({ ...stats, ...stats.statuses, ...stats.passed }))
    if (typeof value === "number") total[name] = (total[name] ?? 0) + value;
  if (violations.length === 0) continue;
  failed += 1;
  process.stdout.write(
    `SEED=${seed}\n${violations
      .slice(0, 4)
      .map((v) => `  ${v.invariant} ${v.run}: ${v.what}\n`)
      .join("")}`,
  );
}
const ms = (process.cpuUsage().user + process.cpuUsage().system) / 1000;
process.stdout.write(
  `${to - from + 1} seeds, ${failed} with violations, ${(ms / (to - from + 1)).toFixed(1)} ms of processor each\n${JSON.stringify(total)}\n`,
);
