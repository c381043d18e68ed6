import { WORDS, type WordKey } from "./words/index.ts";
import { UsageError } from "./exit.ts";

/** The languages of the command line. */
export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

let chosen: Language = "en";

/** Set once, before anything is said. */
export function setLanguage(one: Language): void {
  chosen = one;
}

export function language(): Language {
  return chosen;
}

/** The same as a server is asked for it in `Accept-Language`. */
export function languageTag(): "en" | "zh-CN" {
  return chosen === "zh" ? "zh-CN" : "en";
}

type Values = Readonly<Record<string, string | number>>;

/** A sentence of the catalogue in the chosen language, its `{names}` replaced. Output for programs never passes here. */
export function say(key: WordKey, values: Values = {}): string {
  return filled(WORDS[key][chosen], values);
}

/** A sentence in a language, its `{names}` replaced; a name without a value stays as it is written. */
export function filled(text: string, values: Values): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}

/** Sentences that count: English tells one from many. `key` must have its twin `key.one`. */
export function sayCount<Key extends CountKey>(key: Key, count: number, values: Values = {}): string {
  return say(count === 1 ? `${key}.one` : key, { count, ...values });
}

/** Keys that have a twin for one. */
export type CountKey = { [Key in WordKey]: `${Key}.one` extends WordKey ? Key : never }[WordKey];

export interface Chosen {
  readonly language: Language;
  /** The arguments without `--lang`, which may stand anywhere before `--`. */
  readonly args: readonly string[];
}

/** The language by `--lang`, then `WEFT_LANG`, then what the system is set to. Throws `UsageError` for another one. */
export function chooseLanguage(
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Chosen {
  const end = given.includes("--") ? given.indexOf("--") : given.length;
  const args: string[] = [];
  let asked: string | null = null;
  for (let at = 0; at < given.length; at++) {
    const argument = given[at]!;
    if (at < end && argument === "--lang") asked = given[++at] ?? "";
    else if (at < end && argument.startsWith("--lang=")) asked = argument.slice("--lang=".length);
    else args.push(argument);
  }
  if (asked !== null) return { language: named("--lang", asked), args };
  const set = environment["WEFT_LANG"]?.trim() ?? "";
  if (set !== "") return { language: named("WEFT_LANG", set), args };
  const system = [environment["LC_ALL"], environment["LC_MESSAGES"], environment["LANG"]].find(Boolean) ?? "";
  return { language: readTag(system) ?? "en", args };
}

function named(where: string, text: string): Language {
  const read = readTag(text);
  if (read !== null) return read;
  throw new UsageError(`${where} must be en or zh, and is ${JSON.stringify(text)}.`);
}

/** `zh`, `zh_CN.UTF-8`, `en-US`. Traditional Chinese is another writing, and no language of ours. */
function readTag(text: string): Language | null {
  const tag = text
    .toLowerCase()
    .replace(/[.@].*$/, "")
    .replaceAll("_", "-");
  if (/^zh(-(cn|sg|hans(-\w+)?))?$/.test(tag)) return "zh";
  return /^(en(-\w+)?|c|posix)$/.test(tag) ? "en" : null;
}
