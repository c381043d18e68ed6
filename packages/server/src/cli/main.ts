import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { inLanguage } from "./help.ts";
import { interventionCommands } from "./intervention-commands.ts";
import { collect, several } from "./inputs.ts";
import { chooseLanguage, setLanguage } from "./language.ts";
import { poolCommands } from "./pool-commands.ts";
import { remoteCommands } from "./remote-commands.ts";
import { scheduleCommands } from "./schedule-commands.ts";
import { secretCommands } from "./secret-commands.ts";
import { selfCommands } from "./self-commands.ts";
import { told } from "./told.ts";
import { triggerCommands } from "./trigger-commands.ts";
import { webhookCommands } from "./webhook-commands.ts";

/**
 * The command `weft`. A command is loaded when it is called, so that help and mistakes are answered at once. Texts stand
 * here in English; `help.ts` puts them into the chosen language.
 */
export function program(): Command {
  const weft = new Command("weft")
    .description("Runs AI workflows asynchronously.")
    .version(packageJson.version)
    .exitOverride()
    // `--version` behind a command is the version of a workflow.
    .enablePositionalOptions()
    .option("--lang <language>", "language of messages, en or zh (WEFT_LANG, LANG); may stand anywhere");
  weft
    .command("serve")
    .description("serve the API on this machine")
    .option("--host <address>", "loopback address to listen at (WEFT_HOST)")
    .option("--port <number>", "port, 0 for any that is free (WEFT_PORT, default 9338)")
    .option("--data <folder>", "data folder (WEFT_DATA, default ./.weft)")
    .option(
      "--no-work",
      "only answer the API: runs are advanced and steps done by other processes on the same database",
    )
    .action(async (options: object) => ended((await import("./serve.ts")).serveCommand(options)));
  weft
    .command("worker")
    .description("advance runs and do steps, without an API; for a store that processes share (WEFT_DATABASE_URL)")
    .option("--pools <names>", "only do the steps of these pools, as generation,code (WEFT_SERVES); advance no runs")
    .option("--concurrency <sizes>", "steps at once by pool, as generation=32,code=4 (WEFT_POOLS)")
    .option("--own", "advance runs too, beside the pools that are named (WEFT_OWN)")
    .option("--name <name>", "name of this worker in lists (default: name of the machine)")
    .option("--port <number>", "port for /livez, /readyz and /metrics on loopback (WEFT_METRICS_PORT)")
    .action(async (options: object) => ended((await import("./worker.ts")).workerCommand(options)));
  weft
    .command("run")
    .description("run a workflow file in this process and print its result")
    .argument("[file]", "workflow file")
    .option(
      "-i, --input <name=value>",
      "an input; name=@file takes the text of a file, name=@- standard input",
      collect,
      [],
    )
    .option("--data <folder>", "keep the run in this data folder; left out: in memory")
    .option("--json", "print the run as JSON")
    .option("-q, --quiet", "show no steps")
    .option("--root <node>", "node that the run of a Dify file begins at, where there are several triggers")
    .option("--nodes <file>", "module that exports nodes of your own")
    .option("--record <file>", "append the run as a test case to this file, such as NAME.test.yaml")
    .option("--from-export <file>", "let the run of an export happen again, with what models and others answered then")
    .option("--live <step>", "with --from-export: really do this step; may be given several times", several, [])
    .action(async (file: string | undefined, options: { input: string[] }) =>
      ended((await import("./run.ts")).runCommand(file, options)),
    );
  weft
    .command("chat")
    .description("talk to a chat app in the terminal; its answers are shown as they come")
    .argument("<file>", "Dify chatflow file")
    .option("-i, --input <name=value>", "a field of the app's form, for every message", collect, [])
    .option("--data <folder>", "keep the conversation in this data folder; left out: in memory")
    .option("--server <url>", "talk at this server")
    .option("--conversation <id>", "go on with an earlier conversation")
    .option("--user <name>", "who talks")
    .action(async (file: string, options: { input: string[] }) =>
      ended((await import("./chat.ts")).chatCommand(file, options)),
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
    .command("import")
    .description("say what a Dify file becomes here, node by node, and what it needs")
    .argument("<file>", "DSL file, as exported from Dify")
    .option("--json", "print the report as JSON")
    .option("--root <node>", "node that a run begins with, where there are several triggers")
    .option("--to-native <path>", "write it as a native workflow to this file, where every node can be expressed")
    .action(async (file: string, options: object) => ended((await import("./import.ts")).importCommand(file, options)));
  weft
    .command("test")
    .description("run the test cases beside workflows: NAME.test.yaml beside NAME.yaml")
    .argument("[paths...]", "case files, workflow files or folders (default: this folder)")
    .option("--filter <text>", "only cases whose name holds this text")
    .option("--json", "print the results as JSON")
    .option("--junit <file>", "write the results as JUnit XML")
    .option("--nodes <file>", "module that exports nodes of your own")
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
  secretCommands(weft, ended);
  triggerCommands(weft, ended);
  webhookCommands(weft, ended);
  interventionCommands(weft, ended);
  scheduleCommands(weft, ended);
  poolCommands(weft, ended);
  selfCommands(weft, ended);
  return weft;
}

async function ended(command: Promise<number>): Promise<void> {
  process.exitCode = await command;
}

/** Reads the arguments behind `weft`, does what they ask, and sets the exit code. Never throws. */
export async function main(given: readonly string[]): Promise<void> {
  try {
    const { language, args } = chooseLanguage(given, process.env);
    setLanguage(language);
    await inLanguage(program(), language).parseAsync([...args], { from: "user" });
  } catch (error) {
    process.exitCode = told(error);
  }
}
