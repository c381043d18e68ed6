import { AppError } from "@weftwork/core";
import { WeftError } from "@weftwork/sdk";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { CommandError, EXIT, UsageError } from "./exit.ts";
import { errorLines, remoteErrorLines } from "./problems.ts";
import { remoteCommands } from "./remote-commands.ts";

/** Errors whose remedy is in the caller's hands: the file, the inputs, the configuration. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  "CONFIGURATION_INVALID",
  "INVALID_INPUTS",
  "INVALID_JSON",
  "INVALID_REQUEST",
  "INVALID_WORKFLOW",
]);

/** The command `weft`. A command is loaded when it is called, so that help and mistakes are answered at once. */
function program(): Command {
  const weft = new Command("weft")
    .description("Runs AI workflows asynchronously.")
    .version(packageJson.version)
    .exitOverride()
    .showHelpAfterError("(weft --help lists the commands)")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 wrong usage, configuration or workflow, 3 cancelled, 130 interrupted.",
    );
  weft
    .command("serve")
    .description("serve the API on this machine")
    .option("--host <address>", "loopback address to listen at (WEFT_HOST)")
    .option("--port <number>", "port, 0 for any that is free (WEFT_PORT, default 9338)")
    .option("--data <folder>", "data folder (WEFT_DATA, default ./.weft)")
    .action(async (options: object) => ended((await import("./serve.ts")).serveCommand(options)));
  weft
    .command("run")
    .description("run a workflow file in this process and print its result")
    .argument("<file>", "workflow file")
    .option(
      "-i, --input <name=value>",
      "an input; name=@file takes the text of a file, name=@- standard input",
      collect,
      [],
    )
    .option("--data <folder>", "keep the run in this data folder; left out: in memory")
    .option("--json", "print the run as JSON")
    .option("-q, --quiet", "show no steps")
    .option("--record <file>", "append the run as a test case to this file, such as NAME.test.yaml")
    .action(async (file: string, options: { input: string[] }) =>
      ended((await import("./run.ts")).runCommand(file, options)),
    );
  weft
    .command("validate")
    .description("list all problems of workflow files, and what cannot run on this machine")
    .argument("<files...>", "workflow files")
    .option("--json", "print the findings as JSON")
    .action(async (files: string[], options: object) =>
      ended((await import("./validate.ts")).validateCommand(files, options)),
    );
  weft
    .command("test")
    .description("run the test cases beside workflows: NAME.test.yaml beside NAME.yaml")
    .argument("[paths...]", "case files, workflow files or folders (default: this folder)")
    .option("--filter <text>", "only cases whose name holds this text")
    .option("--json", "print the results as JSON")
    .option("--junit <file>", "write the results as JUnit XML")
    .option("--watch", "run again when a workflow or its cases change")
    .action(async (paths: string[], options: object) => ended((await import("./test.ts")).testCommand(paths, options)));
  const models = weft.command("models").description("the models that steps can name");
  models
    .command("ls")
    .description("list them: configured, found on this machine, built in")
    .option("--json", "print them as JSON")
    .action(async (options: object) => ended((await import("./models.ts")).modelsListCommand(options)));
  models
    .command("test")
    .description("make one short call to a model")
    .argument("<name>", "name of the model")
    .option("--json", "print the outcome as JSON")
    .action(async (name: string, options: object) =>
      ended((await import("./models.ts")).modelsTestCommand(name, options)),
    );
  remoteCommands(weft, ended);
  return weft;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  if (!value.includes("=")) throw new InvalidArgumentError("Write it as name=value, or name=@file.");
  return [...before, value];
}

async function ended(command: Promise<number>): Promise<void> {
  process.exitCode = await command;
}

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = told(error);
}

/** Says what went wrong and returns the exit code. */
function told(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
  if (error instanceof UsageError) {
    process.stderr.write(`weft: ${error.message}\n`);
    return EXIT.USAGE;
  }
  if (error instanceof CommandError) {
    process.stderr.write(`weft: ${error.message}\n`);
    return EXIT.FAILED;
  }
  if (error instanceof WeftError) {
    process.stderr.write(`${remoteErrorLines(error)}\n`);
    return USAGE_CODES.has(error.code.toUpperCase()) ? EXIT.USAGE : EXIT.FAILED;
  }
  if (error instanceof AppError) {
    process.stderr.write(`${errorLines(error)}\n`);
    return USAGE_CODES.has(error.code) ? EXIT.USAGE : EXIT.FAILED;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    process.stderr.write("weft: the port is in use. Choose another with --port, or end the server that has it.\n");
    return EXIT.FAILED;
  }
  process.stderr.write(`weft: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.FAILED;
}
