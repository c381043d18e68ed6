import type { Command } from "commander";
import { collect, several } from "./inputs.ts";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands by which an operator steps in: dead letters, and what is done to many runs at once. */
export function interventionCommands(weft: Command, ended: Ended): void {
  deadLetterCommands(weft, ended);
  operationCommands(weft, ended);
}

function deadLetterCommands(weft: Command, ended: Ended): void {
  const letters = weft.command("dead-letters").description("runs that failed, until somebody has settled them");
  const load = () => import("./dead-letters.ts");
  readOptions(letters.command("ls"))
    .description("list them, newest first")
    .option("--workflow <name>", "only runs of this workflow")
    .option("--error-code <code>", "only those that failed with this code")
    .option("--quarantined", "only those that were set aside after crashes")
    .option("--since <time>", "submitted after a time, or within a duration such as 2h")
    .option("--until <time>", "submitted before a time, or longer ago than a duration")
    .option("-n, --limit <number>", "how many, 1 to 200 (default 50)")
    .option("--cursor <cursor>", "go on where the last page ended")
    .action(async (options: object) => ended((await load()).deadLettersList(options)));
  readOptions(letters.command("show"))
    .description("one with its inputs, its error, the step that failed and the tries of that")
    .argument("<run>")
    .action(async (run: string, options: object) => ended((await load()).deadLettersShow(run, options)));
  serverOptions(letters.command("retry"))
    .description("begin a run that takes over, at the step that failed")
    .argument("<run>")
    .option("-i, --input <name=value>", "a changed input; name=@file takes the text of a file", collect, [])
    .option("--step <step>", "begin at this step")
    .option("--scope <scope>", "scope of the step, such as each-doc[3] (default root)")
    .option("--version <version>", "with another version of the workflow")
    .option("-w, --watch", "follow it to its end")
    .action(async (run: string, options: object) => ended((await load()).deadLettersRetry(run, options)));
  serverOptions(letters.command("discard"))
    .description("take it from the list for good; the run itself stays")
    .argument("<run>")
    .option("--reason <text>", "kept with it")
    .action(async (run: string, options: object) => ended((await load()).deadLettersDiscard(run, options)));
  serverOption(letters.command("export"))
    .description("the run as one JSON document, which weft run --from-export replays")
    .argument("<run>")
    .option("-o, --output <file>", "write it to this file and not to standard output")
    .option("--data <folder>", "read this data folder; where a server owns it, that server is asked")
    .action(async (run: string, options: object) => ended((await import("./export.ts")).runsExport(run, options)));
}

function operationCommands(weft: Command, ended: Ended): void {
  const operations = weft.command("operations").description("what is done to many runs at once, in the background");
  const load = () => import("./operations.ts");
  serverOptions(operations.command("start"))
    .description("begin one: for the runs of a filter, or for those named with --run")
    .argument("<action>", "cancel, retry, rerun or discard; retry and discard are for dead letters")
    .option("--dry-run", "only count")
    .option("--all", "without a filter: every run that the action is for")
    .option("--run <id>", "this run; may be given several times", several, [])
    .option("--status <list>", "only these: pending,running,waiting,succeeded,failed,cancelled")
    .option("--workflow <name>", "only runs of this workflow")
    .option("--error-code <code>", "only those that failed with this code")
    .option("--quarantined", "only those that were set aside after crashes")
    .option("--metadata <name=value>", "only those with this member in their metadata", several, [])
    .option("--since <time>", "submitted after a time, or within a duration such as 2h")
    .option("--until <time>", "submitted before a time, or longer ago than a duration")
    .option("--reason <text>", "for cancel and discard: kept with each run")
    .option("--step <step>", "for rerun: begin at this step")
    .option("--scope <scope>", "scope of the step, such as each-doc[3] (default root)")
    .option("--inputs <json>", "for retry and rerun: inputs to be replaced in each of them")
    .option("--version <version>", "for retry and rerun: with another version of the workflow")
    .option("--rate <number>", "runs a second at most (default 50)")
    .option("-w, --watch", "follow it to its end")
    .action(async (action: string, options: object) => ended((await load()).operationsStart(action, options)));
  readOptions(operations.command("ls"))
    .description("list them, newest first")
    .option("-n, --limit <number>", "how many, 1 to 200 (default 50)")
    .option("--cursor <cursor>", "go on where the last page ended")
    .action(async (options: object) => ended((await load()).operationsList(options)));
  readOptions(operations.command("show"))
    .description("one with its progress and its errors")
    .argument("<operation>")
    .option("-w, --watch", "follow it to its end")
    .action(async (id: string, options: object) => ended((await load()).operationsShow(id, options)));
  serverOptions(operations.command("abort"))
    .description("stop it; what it has done stays done")
    .argument("<operation>")
    .action(async (id: string, options: object) => ended((await load()).operationsAbort(id, options)));
}

function serverOption(command: Command): Command {
  return command.option("--server <url>", "the server (WEFT_SERVER, default http://127.0.0.1:9338)");
}

function serverOptions(command: Command): Command {
  return serverOption(command).option("--json", "print the answer as JSON");
}

/** Of a command that only reads: it can do so without a server. */
function readOptions(command: Command): Command {
  return serverOptions(command).option(
    "--data <folder>",
    "read this data folder; where a server owns it, that server is asked",
  );
}
