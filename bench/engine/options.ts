import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { STORES, type StoreName } from "./place.ts";
import { WORKLOADS } from "./workload.ts";

export interface EngineBenchOptions {
  readonly stores: readonly StoreName[];
  /** Names of workloads; `W4` means both of its measurements. */
  readonly workloads: readonly string[];
  readonly rounds: number;
  /** Share of each workload's runs: 1, less for a quick look. */
  readonly size: number;
  readonly json: boolean;
  readonly profile: boolean;
  /** Folder under which the data of SQLite is made; its disk is measured. */
  readonly folder: string;
}

export const USAGE = `npm run bench -- engine [options]

  --store NAME        ${STORES.join(", ")}; several with commas. Default: all that this machine has
  --workload NAMES    ${WORKLOADS.map(({ name }) => name).join(",")}; default all
  --rounds N          counted rounds of each contender, default 5
  --quick             a tenth of the runs, 2 rounds: to see that it works
  --json              the report as JSON on standard output, and nothing else there
  --profile           no comparison: a CPU profile of W1, functions by their own time
  --data FOLDER       where SQLite keeps its data meanwhile; default the system's temporary folder
`;

/** Null: the arguments ask for help, or cannot be read. */
export function readOptions(args: readonly string[]): EngineBenchOptions | { readonly mistake: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        store: { type: "string" },
        workload: { type: "string" },
        rounds: { type: "string" },
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        data: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { mistake: "" };
    const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) return { mistake: "--rounds must be from 1 to 100" };
    return {
      stores: chosen("--store", values.store, STORES),
      workloads: workloadsOf(values.workload),
      rounds,
      size: values.quick ? 0.1 : 1,
      json: values.json,
      profile: values.profile,
      folder: values.data ?? tmpdir(),
    };
  } catch (error) {
    return { mistake: (error as Error).message };
  }
}

function workloadsOf(text: string | undefined): readonly string[] {
  const names = WORKLOADS.map(({ name }) => name);
  return chosen("--workload", text?.replace(/\bW4\b(?!-)/, "W4,W4-submit"), names);
}

function chosen<T extends string>(option: string, text: string | undefined, known: readonly T[]): readonly T[] {
  if (text === undefined) return known;
  const names = text.split(",");
  const wrong = names.find((name) => !known.some((one) => one === name));
  if (wrong !== undefined) throw new Error(`${option} has ${wrong}; known are ${known.join(", ")}`);
  return known.filter((one) => names.includes(one));
}
