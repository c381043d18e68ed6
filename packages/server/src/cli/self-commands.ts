import type { Command } from "commander";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands about this installation itself. */
export function selfCommands(weft: Command, ended: Ended): void {
  weft
    .command("doctor")
    .description("check this machine, the data folder, the database and the configuration, and say what to do")
    .option("--config", "print the configuration in force and where each value comes from, secrets masked")
    .option("--json", "print the findings as JSON")
    .action(async (options: object) => ended((await import("./doctor/command.ts")).doctorCommand(options)));
  weft
    .command("bench")
    .description("measure the engine on this machine, in a temporary folder, for half a minute at most")
    .option("--quick", "measure for a few seconds only")
    .option("--json", "print the figures as JSON")
    .action(async (options: object) => ended((await import("./bench.ts")).benchCommand(options)));
  weft
    .command("backup")
    .description("write the data folder into one archive, also while a server is at work on it")
    .option("-o, --output <file>", "the archive (default: weft-TIME.tar.gz in this folder); it must not exist")
    .option("--data <folder>", "data folder (WEFT_DATA, default ./.weft)")
    .option("--json", "print what was written as JSON")
    .action(async (options: object) => ended((await import("./backup.ts")).backupCommand(options)));
  weft
    .command("restore")
    .description("make a data folder out of an archive; open runs go on when it is served")
    .argument("<file>", "the archive")
    .option("--data <folder>", "the folder to make; new or empty")
    .option("--json", "print what was restored as JSON")
    .action(async (file: string, options: object) =>
      ended((await import("./backup.ts")).restoreCommand(file, options)),
    );
  weft
    .command("completion")
    .description("print a script that completes the command in a shell")
    .argument("<shell>", "bash, zsh or fish")
    .action(async (shell: string) => ended((await import("./completion.ts")).completionCommand(weft, shell)));
  weft
    .command("__complete", { hidden: true })
    .argument("<kind>")
    .option("--server <url>")
    .action(async (kind: string, options: object) =>
      ended((await import("./complete.ts")).completeCommand(kind, options)),
    );
}
