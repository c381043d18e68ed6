import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  ownPostgres,
  ownRabbitmq,
  ownRedis,
  postgresProgram,
  rabbitmqProgram,
  redisProgram,
  type OwnService,
} from "../services.ts";
import type { Arena } from "./arena.ts";
import { INJECTIONS, TEST_ROWS, type Injection, type TestRow } from "./injections/index.ts";
import { holds, markdown, type Outcome, type TestOutcome } from "./report.ts";
import { runScenario } from "./scenario.ts";
import { missing, missingPooler, TRANSPORTS, type TransportName } from "./services.ts";

const USAGE = `npm run chaos -- [--minutes 5] [--seed N] [--faults f1,f4,…] [--transports redis,…] [--report FILE]

Real processes on services of their own, while things go wrong. --minutes says for how long processes are killed at
random (F1), over all transports together; the other rows take their own time. Below 5 minutes only F1 and the
short rows are done, and rows that tests prove are not run again (--tests runs them). --faults chooses rows by id.
`;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WHOLE_MINUTES = 5;

let arena: Arena | null = null;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: String(WHOLE_MINUTES) },
      seed: { type: "string" },
      faults: { type: "string" },
      transports: { type: "string" },
      report: { type: "string" },
      tests: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
  if (values.help || !(minutes > 0) || !Number.isSafeInteger(seed)) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  if (postgresProgram() === null) throw new Error("PostgreSQL is not installed (Debian: apt-get install postgresql).");
  const chosen = values.faults?.toUpperCase().split(",") ?? null;
  const named = values.transports?.split(",") ?? null;
  // F14, F42 and F43 are parts of other rows, and named in their titles.
  const isNamed = ({ id, title }: { readonly id: string; readonly title: string }): boolean =>
    chosen!.some((one) => one === id || new RegExp(`\\b${one}\\b`, "u").test(title));
  const isWanted = (row: Injection): boolean =>
    chosen === null ? row.quick || minutes >= WHOLE_MINUTES : isNamed(row);
  const skipped: string[] = [];
  const noPooler = missingPooler();
  const rows = INJECTIONS.filter(isWanted).filter(({ id, title, needs }) => {
    const isPossible = needs.pooler !== true || noPooler === null;
    if (!isPossible) skipped.push(`${id}, ${title}: ${noPooler}`);
    return isPossible;
  });
  const possible = TRANSPORTS.filter((one) => {
    const reason = missing(one);
    if (reason !== null) skipped.push(`everything over ${one}: ${reason}`);
    return reason === null && (named?.includes(one) ?? true);
  });
  say(`seed ${seed}, transports ${possible.join(", ")}`);
  const said = [
    `--minutes ${minutes} --seed ${seed}`,
    ...(values.faults === undefined ? [] : [`--faults ${values.faults}`]),
    ...(values.transports === undefined ? [] : [`--transports ${values.transports}`]),
  ];
  const command = `npm run chaos -- ${said.join(" ")}`;
  const outcomes: Outcome[] = [];
  for (const row of rows)
    for (const transport of row.needs.transports.filter((one) => possible.includes(one))) {
      const share = possible.filter((one) => row.needs.transports.includes(one)).length;
      outcomes.push(await carryOut(row, transport, seed + outcomes.length, row.seconds ?? (minutes * 60) / share));
      // What was found so far is kept, whatever comes.
      if (values.report !== undefined)
        writeFileSync(values.report, markdown({ seed, command, outcomes, tests: [], skipped }));
    }
  const runsTests = values.tests || (chosen === null && minutes >= WHOLE_MINUTES);
  const tests = await testRows(
    TEST_ROWS.filter((row) => chosen === null || isNamed(row)),
    runsTests || chosen !== null,
  );
  const text = markdown({ seed, command, outcomes, tests, skipped });
  process.stdout.write(`\n${text}`);
  if (values.report !== undefined) writeFileSync(values.report, text);
  const failed = outcomes.filter((outcome) => !holds(outcome)).length + tests.filter((row) => row.failed > 0).length;
  if (outcomes.length + tests.length === 0) say("no row was chosen");
  say(failed === 0 ? "everything holds" : `${failed} rows do not hold (seed ${seed})`);
  return failed === 0 && outcomes.length + tests.length > 0 ? 0 : 1;
}

async function carryOut(row: Injection, transport: TransportName, seed: number, seconds: number): Promise<Outcome> {
  say(`${row.id} over ${transport}, ${Math.round(seconds)} s: ${row.title}`);
  const outcome = await runScenario(row, transport, seed, seconds, (opened) => (arena = opened)).catch(
    (error: unknown) => brokenOff(row, transport, error),
  );
  const { figures, failures, violations } = outcome;
  const repeated = `${figures?.duplicates ?? 0} of ${figures?.inFlight ?? 0} in flight`;
  const lines = [
    ...failures,
    ...violations.slice(0, 10).map(({ invariant, run, what }) => `${invariant} ${run} ${what}`),
  ];
  say(
    `  ${holds(outcome) ? "holds" : "DOES NOT HOLD"}: ${outcome.accepted} runs, ${figures?.calls ?? 0} effects ` +
      `(again: ${repeated}), ${Math.round(outcome.seconds)} s, ${JSON.stringify(outcome.notes)}`,
  );
  for (const line of lines) say(`  ${line}`);
  return outcome;
}

/** A row that could not be brought to its end does not hold; the others are done all the same. */
function brokenOff({ id, title, holds: promise }: Injection, transport: TransportName, error: unknown): Outcome {
  return {
    id,
    title,
    holds: promise,
    transport,
    seconds: 0,
    faults: {},
    hits: 0,
    accepted: 0,
    settleMs: 0,
    figures: null,
    notes: {},
    failures: [`broken off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
    violations: [],
  };
}

/** The tests of all rows in one run of the test runner. */
async function testRows(rows: readonly TestRow[], runs: boolean): Promise<readonly TestOutcome[]> {
  if (!runs || rows.length === 0) return rows.map((row) => ({ ...row, passed: null, failed: 0 }));
  say(`tests of ${rows.length} rows`);
  const folder = mkdtempSync(join(tmpdir(), "weft-chaos-"));
  const output = join(folder, "tests.json");
  const own = await ownServices();
  try {
    const files = [...new Set(rows.map(({ file }) => file))];
    const args = ["run", ...files, "--reporter=json", `--outputFile=${output}`];
    const vitest = spawn(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), ...args], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, ...Object.fromEntries(Object.entries(own).map(([name, { url }]) => [name, url])) },
    });
    await once(vitest, "exit");
    const { testResults } = JSON.parse(readFileSync(output, "utf8")) as {
      testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
    };
    return rows.map((row) => {
      const found = testResults
        .filter(({ name }) => name.endsWith(row.file))
        .flatMap(({ assertionResults }) => assertionResults)
        .filter(({ fullName }) => fullName.includes(row.name));
      const count = (status: string): number => found.filter((result) => result.status === status).length;
      // A test that is skipped, or gone, proves nothing.
      const passed = count("passed");
      return { ...row, passed, failed: passed === 0 ? Math.max(1, count("failed")) : count("failed") };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await Promise.all(Object.values(own).map((service) => service.remove()));
  }
}

/** Those that the tests need, started here, by the variables that name them. */
async function ownServices(): Promise<Readonly<Record<string, OwnService>>> {
  const own = {
    WEFT_TEST_POSTGRES_URL: await ownPostgres(),
    ...(redisProgram() === null ? {} : { WEFT_TEST_REDIS_URL: await ownRedis() }),
    ...(rabbitmqProgram() === null ? {} : { WEFT_TEST_RABBITMQ_URL: await ownRabbitmq() }),
  };
  await Promise.all(Object.values(own).map((service) => service.start()));
  return own;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function onSignal(signal: NodeJS.Signals, code: number): void {
  process.once(signal, () => void Promise.resolve(arena?.remove()).finally(() => process.exit(code)));
}

onSignal("SIGINT", 130);
onSignal("SIGTERM", 143);
process.exitCode = await main();
