import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../exit.ts";
import { commandsOf, helpKeys } from "../help.ts";
import { program } from "../main.ts";
import { HELP_ZH } from "./help-zh.ts";
import { WORDS, type WordKey } from "./index.ts";

const FOLDER = join(import.meta.dirname, "..");
const sources = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.startsWith("words") && !path.endsWith(".test.ts"))
  .map((path) => readFileSync(join(FOLDER, path), "utf8"))
  .join("\n");

const names = (text: string): readonly string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).toSorted();
const CHINESE = /[\u4e00-\u9fff]/;
/** Punctuation of half width between or behind Chinese characters. A colon or dot in a name or a command is none. */
const HALF_WIDTH =
  /[\u4e00-\u9fff）」}][,;:!?](?![\w/{])|[\u4e00-\u9fff][.](?!\w)|[\u4e00-\u9fff] ?\(|\) ?[\u4e00-\u9fff]/;

describe("the sentences of the command line", () => {
  test("say the same names in both languages", () => {
    const others = Object.entries(WORDS).filter(([, { en, zh }]) => names(en).join() !== names(zh).join());
    expect(others.map(([key]) => key)).toEqual([]);
  });

  test("are Chinese in Chinese, with punctuation of full width", () => {
    const texts = Object.entries(WORDS).map(([key, { zh }]) => [key, zh] as const);
    const hasWords = (key: string): boolean => /[a-z]/i.test(WORDS[key as WordKey].en.replaceAll(/\{\w+\}/g, ""));
    expect(texts.filter(([key, zh]) => hasWords(key) && !CHINESE.test(zh))).toEqual([]);
    expect([...texts, ...Object.entries(HELP_ZH)].filter(([, zh]) => HALF_WIDTH.test(zh))).toEqual([]);
  });

  test("are all said somewhere", () => {
    const made = /^(status|column|models|exit|diff|support|need)\.|\.one$/;
    const unused = Object.keys(WORDS).filter((key) => !sources.includes(`"${key}"`) && !made.test(key));
    expect(unused).toEqual([]);
    // Keys that are put together from a part: the part must stand there.
    const parts = Object.keys(WORDS).filter((key) => made.test(key) && !sources.includes(`"${key}"`));
    const said = (key: string): boolean =>
      key.endsWith(".one")
        ? sources.includes(`sayCount("${key.slice(0, -4)}"`)
        : sources.includes(`\`${key.split(".")[0]}.\${`) &&
          new RegExp(String.raw`\b${key.split(".")[1]}\b`).test(sources);
    expect(parts.filter((key) => !said(key))).toEqual([]);
  });

  test("name every exit code", () => {
    expect(Object.keys(EXIT).map((name) => `exit.${name}`)).toEqual(
      expect.arrayContaining(Object.keys(WORDS).filter((key) => key.startsWith("exit."))),
    );
    expect(readFileSync(join(FOLDER, "../../bin/weft.js"), "utf8")).toContain(`process.exit(${EXIT.NODE_TOO_OLD})`);
  });
});

describe("the texts of help", () => {
  const keys = commandsOf(program()).flatMap(({ command, path }) => helpKeys(command, path));

  test("are translated, every command, argument and option", () => {
    const missing = keys.filter(({ key, shared }) => HELP_ZH[key] === undefined && HELP_ZH[shared] === undefined);
    expect(missing.map(({ key }) => key)).toEqual([]);
  });

  test("have no translation of what is not there", () => {
    const used = new Set(keys.flatMap(({ key, shared }) => (HELP_ZH[key] === undefined ? [shared] : [key])));
    expect(Object.keys(HELP_ZH).filter((key) => !used.has(key))).toEqual([]);
  });
});
