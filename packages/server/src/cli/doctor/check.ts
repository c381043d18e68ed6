import type { JsonObject } from "@weftwork/core";
import type { Config } from "../../config.ts";
import type { WordKey } from "../words/index.ts";

/** What a check has to say. The words are chosen when it is printed, so that programs read the same in any language. */
export interface Finding {
  readonly status: "ok" | "warn" | "fail";
  readonly message: WordKey;
  /** What to do; null where nothing has to be done. */
  readonly remedy: WordKey | null;
  readonly values: Readonly<Record<string, string | number>>;
  /** What was measured or seen, for programs. */
  readonly facts: JsonObject;
}

/** What the checks look at. */
export interface Patient {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration in force; a setting that is wrong has its default here, and its finding. */
  readonly config: Config;
  /** The data folder, absolute. */
  readonly folder: string;
}

export interface Check {
  readonly name: string;
  /** Never throws for what it is there to find. */
  look(patient: Patient): Promise<readonly Finding[]>;
}

type Said = Partial<Pick<Finding, "values" | "facts">>;

export function ok(message: WordKey, said: Said = {}): Finding {
  return { status: "ok", message, remedy: null, values: {}, facts: {}, ...said };
}

export function warn(message: WordKey, remedy: WordKey, said: Said = {}): Finding {
  return { status: "warn", message, remedy, values: {}, facts: {}, ...said };
}

export function fail(message: WordKey, remedy: WordKey, said: Said = {}): Finding {
  return { status: "fail", message, remedy, values: {}, facts: {}, ...said };
}
