import { availableParallelism, totalmem } from "node:os";
import type { Violation, Figures } from "./evidence.ts";
import { RECOVERY_MS } from "./check-time.ts";
import type { TransportName } from "./services.ts";

/** What became of one injection over one transport. */
export interface Outcome {
  readonly id: string;
  readonly title: string;
  readonly holds: string;
  readonly transport: TransportName;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly hits: number;
  readonly accepted: number;
  readonly settleMs: number;
  readonly figures: Figures | null;
  readonly notes: Readonly<Record<string, string | number>>;
  readonly failures: readonly string[];
  readonly violations: readonly Violation[];
}

/** What became of a row that a test proves; null: the test was not run here. */
export interface TestOutcome {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly passed: number | null;
  readonly failed: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly command: string;
  readonly outcomes: readonly Outcome[];
  readonly tests: readonly TestOutcome[];
  readonly skipped: readonly string[];
}

export function holds({ failures, violations }: Outcome): boolean {
  return failures.length === 0 && violations.length === 0;
}

/** The report as Markdown. */
export function markdown({ seed, command, outcomes, tests, skipped }: ChaosReport): string {
  const sum = (of: (figures: Figures) => number): number =>
    outcomes.reduce((total, { figures }) => total + (figures ? of(figures) : 0), 0);
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GB, Node ${process.version}`;
  const recoveries = outcomes
    .filter(({ id }) => id === "F1")
    .flatMap(({ figures }) => figures?.recoveries ?? [])
    .toSorted((a, b) => a - b);
  return [
    `${date}, ${machine}, seed ${seed}: \`${command}\``,
    "",
    ...table(
      ["", ""],
      [
        ["runs accepted", outcomes.reduce((total, { accepted }) => total + accepted, 0)],
        ["runs lost", sum(({ lost }) => lost)],
        ["steps recorded", sum(({ successes }) => successes)],
        ["effects felt", sum(({ calls }) => calls)],
        ["effects of recorded steps felt again", sum(({ repeated }) => repeated)],
        [
          "effects of steps in flight felt again",
          `${sum(({ duplicates }) => duplicates)} of ${sum(({ inFlight }) => inFlight)}`,
        ],
        ["takeovers", sum(({ takeovers }) => takeovers)],
        ["stale rows accepted", sum(({ staleRows }) => staleRows)],
        ["runs met by a kill", outcomes.reduce((total, { hits }) => total + hits, 0)],
        [
          `their time to the next row under F1 (limit ${RECOVERY_MS / 1000} s)`,
          `median ${seconds(quantile(recoveries, 0.5))}, 99 % ${seconds(quantile(recoveries, 0.99))}, most ${seconds(recoveries.at(-1))}`,
        ],
      ],
    ),
    "",
    ...table(
      ["Fault", "Injected", "Over", "Done", "Runs", "Effects (again)", "Found", "Verdict"],
      outcomes.map((outcome) => [
        outcome.id,
        outcome.title,
        outcome.transport,
        said({ ...outcome.faults }),
        outcome.accepted,
        outcome.figures ? `${outcome.figures.calls} (${outcome.figures.duplicates})` : "-",
        said(outcome.notes),
        holds(outcome) ? "holds" : `**${outcome.failures.length + outcome.violations.length} failures**`,
      ]),
    ),
    "",
    ...table(
      ["Fault", "Injected by a test", "Test", "Verdict"],
      tests.map(({ id, title, file, passed, failed }) => [
        id,
        title,
        `\`${file}\``,
        passed === null ? "not run here" : failed === 0 && passed > 0 ? `${passed} passed` : `**${failed} failed**`,
      ]),
    ),
    ...(skipped.length > 0 ? ["", "Left out:", "", ...skipped.map((reason) => `- ${reason}`)] : []),
    ...outcomes.flatMap((outcome) => (holds(outcome) ? [] : ["", ...failuresOf(outcome)])),
    "",
  ].join("\n");
}

const SHOWN = 20;

function failuresOf({ id, transport, failures, violations }: Outcome): readonly string[] {
  const lines = [...failures, ...violations.map(({ invariant, run, what }) => `${invariant}, ${run}: ${what}`)];
  const more = lines.length > SHOWN ? [`- and ${lines.length - SHOWN} more`] : [];
  return [`${id} over ${transport}:`, "", ...lines.slice(0, SHOWN).map((line) => `- ${line}`), ...more];
}

type Cell = string | number;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly Cell[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function said(figures: Readonly<Record<string, Cell>>): string {
  const parts = Object.entries(figures).map(([what, count]) => `${what}: ${count}`);
  return parts.length > 0 ? parts.join("; ") : "-";
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "-" : `${(ms / 1000).toFixed(1)} s`;
}
