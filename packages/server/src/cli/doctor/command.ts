import { resolve } from "node:path";
import { EXIT } from "../exit.ts";
import { filled, say } from "../language.ts";
import { table } from "../table.ts";
import { style, type Style } from "../terminal.ts";
import { WORDS } from "../words/index.ts";
import type { Check, Finding, Patient } from "./check.ts";
import { clockCheck } from "./clock.ts";
import { configCheck, configWithoutMistakes } from "./config.ts";
import { dataCheck } from "./data.ts";
import { postgresCheck, sqliteCheck } from "./databases.ts";
import { fsyncCheck } from "./fsync.ts";
import { inForce } from "./in-force.ts";
import { modelsCheck } from "./models.ts";
import { filesCheck, memoryCheck, nodeCheck } from "./node.ts";
import { portCheck } from "./port.ts";

export interface DoctorOptions {
  readonly config?: boolean;
  readonly json?: boolean;
}

/** In the order in which they are told: what everything else stands on comes first. */
const CHECKS: readonly Check[] = [
  nodeCheck,
  memoryCheck,
  filesCheck,
  clockCheck,
  configCheck,
  dataCheck,
  fsyncCheck,
  sqliteCheck,
  postgresCheck,
  portCheck,
  modelsCheck,
];

/** `weft doctor`: looks at what a server started here and now would meet. Ends with 1 when something would fail. */
export async function doctorCommand(options: DoctorOptions): Promise<number> {
  if (options.config === true) {
    print(options, { settings: inForce(process.env) }, () => configTable());
    return EXIT.OK;
  }
  const config = configWithoutMistakes(process.env);
  const patient: Patient = { environment: process.env, config, folder: resolve(config.data) };
  const told: { readonly name: string; readonly finding: Finding }[] = [];
  for (const check of CHECKS) for (const finding of await check.look(patient)) told.push({ name: check.name, finding });
  const count = (status: Finding["status"]): number => told.filter(({ finding }) => finding.status === status).length;
  const counts = { ok: count("ok"), warn: count("warn"), fail: count("fail") };
  print(options, { ...counts, checks: told.map(({ name, finding }) => findingJson(name, finding)) }, () =>
    [...told.flatMap(({ finding }) => findingLines(finding)), "", say("doctor.summary", counts)].join("\n"),
  );
  return counts.fail === 0 ? EXIT.OK : EXIT.FAILED;
}

const MARKS: Readonly<Record<Finding["status"], readonly [string, Style]>> = {
  ok: ["✓", "green"],
  warn: ["!", "yellow"],
  fail: ["✗", "red"],
};

function findingLines({ status, message, remedy, values }: Finding): readonly string[] {
  const [mark, name] = MARKS[status];
  const line = `${style(name, mark)} ${say(message, values)}`;
  return remedy === null ? [line] : [line, `    ${style("dim", say("problem.remedy"))} ${say(remedy, values)}`];
}

/** The same in any language: codes, facts, and the English sentence. */
function findingJson(check: string, { status, message, remedy, values, facts }: Finding): object {
  const english = (key: Finding["message"]): string => filled(WORDS[key].en, values);
  return {
    check,
    status,
    code: message,
    message: english(message),
    remedy: remedy === null ? null : english(remedy),
    facts,
  };
}

function configTable(): string {
  const rows = inForce(process.env).map(({ name, value, from }) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
    from ?? say("doctor.default"),
  ]);
  return table([say("doctor.setting"), say("bench.value"), say("doctor.from")], rows);
}

function print({ json }: DoctorOptions, value: object, lines: () => string): void {
  process.stdout.write(`${json === true ? JSON.stringify(value, null, 2) : lines()}\n`);
}
