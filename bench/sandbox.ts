import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { Json } from "@weftwork/core";
import { javascriptSandbox } from "../packages/server/src/sandbox/javascript.ts";
import { pythonSandbox } from "../packages/server/src/sandbox/python.ts";
import { SANDBOX_LIMITS, type Sandbox } from "../packages/server/src/sandbox/sandbox.ts";
import { commit, hardware, versions } from "./machine.ts";
import { table } from "./report.ts";
import { median, quantile } from "./statistics.ts";

/** How long code of a workflow takes to be called: by an interpreter that is fresh, and by one that has served it. */
const USAGE = `npm run bench -- sandbox [--quick] [--rounds N]
`;

interface Language {
  readonly name: string;
  readonly open: () => Sandbox;
  readonly code: string;
}

const LANGUAGES: readonly Language[] = [
  {
    name: "javascript",
    open: () => javascriptSandbox({ threads: 1 }),
    code: "function main({ text }) { return text.split(' ').length; }",
  },
  {
    name: "python",
    open: () => pythonSandbox({ processes: 1, spare: 0 }),
    code: "import re\ndef main(text):\n    return len(re.split(' ', text))",
  },
];

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  const calls = values.quick ? 50 : 500;
  const colds = new Map<string, number[]>(LANGUAGES.map(({ name }) => [name, []]));
  const warms = new Map<string, number[]>(LANGUAGES.map(({ name }) => [name, []]));
  // The languages take turns, so that they meet the same machine.
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, open, code } of LANGUAGES) {
      const sandbox = open();
      try {
        colds.get(name)!.push(await timed(sandbox, code, 0));
        for (let call = 1; call <= calls; call += 1) warms.get(name)!.push(await timed(sandbox, code, call));
      } finally {
        await sandbox.close();
      }
    }
  }
  const { cpu, cores, memoryGb, system } = hardware(tmpdir());
  const known = Object.entries(versions(null)).flatMap(([name, version]) => (version ? [`${name} ${version}`] : []));
  const rows = LANGUAGES.flatMap(({ name }) => [
    row(name, "first call", colds.get(name)!),
    row(name, "later call", warms.get(name)!),
  ]);
  process.stdout.write(
    [
      `${cpu} · ${cores} cores · ${memoryGb} GB · ${system}`,
      `commit ${commit()} · ${known.join(" · ")} · ${rounds} rounds of ${calls} later calls`,
      "",
      ...table([["language", "what", "median ms", "min ms", "max ms", "p99 ms"], ...rows]),
      "",
    ].join("\n"),
  );
}

function row(name: string, what: string, times: readonly number[]): string[] {
  const shown = [median(times), Math.min(...times), Math.max(...times), quantile(times, 0.99)];
  return [name, what, ...shown.map((ms) => ms.toPrecision(3))];
}

/** Milliseconds of one call, whose answer is checked. */
async function timed(sandbox: Sandbox, code: string, call: number): Promise<number> {
  const input: Json = { text: `a b ${call}` };
  const begun = performance.now();
  const result = await sandbox.run({
    reuse: "bench/1",
    code,
    call: "members",
    input,
    limits: SANDBOX_LIMITS,
    signal: AbortSignal.timeout(60_000),
    log: () => undefined,
  });
  const ms = performance.now() - begun;
  if (result.type !== "completed" || result.value !== 3) throw new Error(`the code answered ${JSON.stringify(result)}`);
  return ms;
}
