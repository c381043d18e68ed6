import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import { filled, say, type Language } from "./language.ts";
import { HELP_ZH } from "./words/help-zh.ts";
import { MISTAKES_ZH } from "./words/mistakes-zh.ts";
import type { WordKey } from "./words/index.ts";

/**
 * The program with its help and mistakes in a language. English stands where commands are defined; a text that has no
 * translation stays English, and a test names it.
 */
export function inLanguage(program: Command, language: Language): Command {
  program.addHelpText("after", () => `\n${exitLine()}`);
  for (const { command, path } of commandsOf(program)) {
    command.configureHelp({ styleTitle: (title) => titled(title) });
    command.configureOutput({ outputError: (text, write) => write(mistake(text, language)) });
    command.showHelpAfterError(say("help.after_mistake"));
    command.helpOption("-h, --help", say("help.option"));
    if (command.commands.length > 0) command.helpCommand("help [command]", say("help.command"));
    if (language === "zh") translate(command, path);
  }
  return program;
}

/** Every command with the words that call it; the program itself has none. Hidden ones are left out. */
export function commandsOf(
  command: Command,
  path = "",
): readonly { readonly command: Command; readonly path: string }[] {
  const inner = command.commands
    .filter((one) => !one.name().startsWith("__"))
    .flatMap((one) => commandsOf(one, `${path} ${one.name()}`.trim()));
  return [{ command, path }, ...inner];
}

/** The keys under which the texts of a command's help are translated, each with the one that many commands share. */
export function helpKeys(command: Command, path: string): readonly { readonly key: string; readonly shared: string }[] {
  const parts = [
    ...command.registeredArguments.filter(({ description }) => description !== "").map((one) => `<${one.name()}>`),
    ...command.options.map(({ long }) => long!),
  ];
  return [
    { key: path, shared: path },
    ...parts.map((part) => ({ key: `${path} ${part}`.trim(), shared: `* ${part}` })),
  ];
}

/** The codes of `weft --help`, from the one list of them. */
function exitLine(): string {
  const codes = Object.entries(EXIT)
    .filter(([name]) => name !== "NODE_TOO_OLD")
    .map(([name, code]) => `${code} ${say(`exit.${name as keyof typeof EXIT}` satisfies WordKey)}`);
  return say("help.exit_codes", { codes: codes.join(say("list.comma")) });
}

function translate(command: Command, path: string): void {
  const text = (part: string): string | undefined => HELP_ZH[`${path} ${part}`.trim()] ?? HELP_ZH[`* ${part}`];
  command.description(HELP_ZH[path] ?? command.description());
  for (const argument of command.registeredArguments)
    argument.description = text(`<${argument.name()}>`) ?? argument.description;
  for (const option of command.options) option.description = text(option.long!) ?? option.description;
}

const TITLES: Readonly<Record<string, WordKey>> = {
  "Usage:": "help.usage",
  "Arguments:": "help.arguments",
  "Options:": "help.options",
  "Commands:": "help.commands",
};

function titled(title: string): string {
  const key = TITLES[title];
  return key === undefined ? title : say(key);
}

/** What commander says of a wrong command line; sentences that it has no Chinese for stay as they are. */
function mistake(text: string, language: Language): string {
  if (language === "en") return text;
  for (const { pattern, zh } of MISTAKES_ZH) {
    const match = pattern.exec(text);
    if (match) return `${filled(zh, match.groups ?? {}).replaceAll(/\{\w+\}/g, "")}\n`;
  }
  return text;
}
