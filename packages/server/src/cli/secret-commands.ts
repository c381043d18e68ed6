import type { Command } from "commander";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands that keep secrets: in a data folder, or through the server that owns it. */
export function secretCommands(weft: Command, ended: Ended): void {
  const secrets = weft.command("secrets").description("the secrets that steps can send; their values are never shown");
  const load = () => import("./secrets.ts");
  secretOptions(secrets.command("ls"))
    .description("list them: where they are, and which hosts may know them")
    .action(async (options: object) => ended((await load()).secretsList(options)));
  secretOptions(secrets.command("set"))
    .description("store a secret, or a new value of it; the value is read from standard input or asked for")
    .argument("<name>", "A to Z, 0 to 9 and _; a workflow reads it as secrets.NAME")
    .option(
      "--host <host>",
      "a host that may know it, such as api.example.com or *.example.com; can be repeated",
      hosts,
    )
    // Commander would repeat them, and the value is most likely among them.
    .allowExcessArguments()
    .action(async (name: string, options: object, { args }: Command) => {
      if (args.length > 1) throw new UsageError(say("secrets.no_argument", { name }));
      await ended((await load()).secretsSet(name, options));
    });
  secretOptions(secrets.command("rm"))
    .description("remove a stored secret")
    .argument("<name>")
    .action(async (name: string, options: object) => ended((await load()).secretsRemove(name, options)));
  secretOptions(secrets.command("rotate-key"))
    .description("wrap the keys of all stored secrets with a new master key, or the new WEFT_MASTER_KEY")
    .action(async (options: object) => ended((await load()).secretsRotate(options)));
}

function secretOptions(command: Command): Command {
  return command
    .option("--server <url>", "the server (WEFT_SERVER); left out: the data folder, or the server that owns it")
    .option("--data <folder>", "data folder (WEFT_DATA, default ./.weft)")
    .option("--json", "print the answer as JSON");
}

function hosts(host: string, before: readonly string[] = []): readonly string[] {
  return [...before, host];
}
