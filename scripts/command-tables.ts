import type { Argument, Command } from "commander";
import { EXIT } from "../packages/server/src/cli/exit.ts";
import { commandsOf } from "../packages/server/src/cli/help.ts";
import { program } from "../packages/server/src/cli/main.ts";
import { WORDS } from "../packages/server/src/cli/words/index.ts";

/** Every command with its arguments and options, as the command itself has them. */
export function commandTables(): string {
  return commandsOf(program())
    .filter(({ command }) => command.commands.length === 0)
    .map(({ command, path }) => section(command, path))
    .join("\n\n");
}

/** What each exit code says. */
export function exitTable(): string {
  const rows = Object.entries(EXIT)
    .toSorted(([, a], [, b]) => a - b)
    .map(([name, code]) => `| ${code} | ${WORDS[`exit.${name as keyof typeof EXIT}`].en} |`);
  return ["| Code | Meaning |", "| --- | --- |", ...rows].join("\n");
}

function section(command: Command, path: string): string {
  const call = ["weft", path, ...command.registeredArguments.map(argumentText)].join(" ");
  const described = command.registeredArguments.filter(({ description }) => description !== "");
  const rows = [
    ...described.map((argument) => [`\`${argumentText(argument)}\``, argument.description]),
    ...command.options.map(({ flags, description }) => [`\`${flags}\``, description]),
  ];
  const { description } = { description: command.description() };
  const lines = [`### \`${call}\``, "", `${description[0]!.toUpperCase()}${description.slice(1)}.`];
  if (rows.length === 0) return lines.join("\n");
  const cells = rows.map(
    ([name, text]) => `| ${name!.replaceAll("|", String.raw`\|`)} | ${text!.replaceAll("|", String.raw`\|`)} |`,
  );
  return [...lines, "", "| | |", "| --- | --- |", ...cells].join("\n");
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}
