import { AppError, isJsonObject, type Json } from "@weftwork/core";
import { readConfig } from "../../config.ts";
import { configFromFolder } from "../config-folder.ts";
import { whereOf } from "../problems.ts";
import { fail, ok, warn, type Check, type Finding } from "./check.ts";

/** Everything that is wrong with the variables and the files, one finding each, and variables that mean nothing. */
export const configCheck: Check = {
  name: "configuration",
  async look({ environment, config }) {
    const findings: Finding[] = [
      ...mistakesOf(() => readConfig(environment)),
      ...mistakesOf(() => configFromFolder(environment as NodeJS.ProcessEnv)),
      ...config.unknown.map((variable) =>
        warn("doctor.config.unknown", "doctor.config.spelling", { values: { variable }, facts: { variable } }),
      ),
    ];
    return findings.length > 0 ? findings : [ok("doctor.config")];
  },
};

function mistakesOf(read: () => unknown): readonly Finding[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "CONFIGURATION_INVALID") throw error;
    const { mistakes, first } = error.details;
    const list = Array.isArray(mistakes) ? (mistakes as readonly Json[]).filter(isJsonObject) : [];
    if (list.length === 0) return [wrong("", String(first))];
    return list.map((one) => wrong(whereOf(one), String(one["message"])));
  }
}

function wrong(where: string, message: string): Finding {
  return fail("doctor.config.wrong", "doctor.config.correct", {
    values: { where, message },
    facts: { where, message },
  });
}

/** The configuration in force without the variables that are wrong. Throws what is no mistake of the operator's. */
export function configWithoutMistakes(
  environment: Readonly<Record<string, string | undefined>>,
): ReturnType<typeof readConfig> {
  try {
    return readConfig(environment);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "CONFIGURATION_INVALID") throw error;
    const { mistakes } = error.details;
    const wrongOnes = new Set((mistakes as readonly Json[]).filter(isJsonObject).map(({ variable }) => variable));
    return readConfig(Object.fromEntries(Object.entries(environment).filter(([name]) => !wrongOnes.has(name))));
  }
}
