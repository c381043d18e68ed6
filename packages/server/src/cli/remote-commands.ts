import type { Command } from "commander";
import { collect, several } from "./inputs.ts";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands that talk to a running server. Each is loaded when it is called. */
export function remoteCommands(weft: Command, ended: Ended): void {
  runCommands(weft, ended);
  workflowCommands(weft, ended);
}

function runCommands(weft: Command, ended: Ended): void {
  const runs = weft.command("runs").description("look at the runs of a running server, and steer them");
  const load = () => import("./runs.ts");
  remoteOptions(runs.command("start"))
    .description("submit a run of a published workflow, and print its id")
    .argument("<workflow>")
    .option(
      "-i, --input <name=value>",
      "an input; name=@file takes the text of a file, name=@- standard input",
      collect,
      [],
    )
    .option("--version <version>", "of this version of the workflow (default: the newest)")
    .option("--id <id>", "an id of your own; the same again is the same run")
    .option("--root <node>", "node that the run of a Dify file begins at, where there are several triggers")
    .option("--priority <class>", "interactive, normal, batch or background")
    .option("--at <time>", "start at a time, or after a duration such as 2h")
    .option("-w, --watch", "follow it to its end; exits as weft run does")
    .action(async (workflow: string, options: { input: string[] }) =>
      ended((await import("./start.ts")).runsStart(workflow, options)),
    );
  readOptions(runs.command("list"))
    .description("the newest runs")
    .option("--status <list>", "only these: pending,running,waiting,succeeded,failed,cancelled")
    .option("--workflow <name>", "only runs of this workflow")
    .option("--since <time>", "submitted after a time, or within a duration such as 2h")
    .option("--search <words>", "with these words in their inputs or error")
    .option("--until <time>", "submitted before a time, or longer ago than a duration")
    .option("--error-code <code>", "only those that failed with this code")
    .option("--metadata <name=value>", "only those with this member in their metadata", several, [])
    .option("-n, --limit <number>", "how many, 1 to 200 (default 50)")
    .option("--cursor <cursor>", "go on where the last page ended")
    .action(async (options: object) => ended((await load()).runsList(options)));
  readOptions(runs.command("show"))
    .description("one run with its steps")
    .argument("<run>")
    .action(async (run: string, options: object) => ended((await load()).runsShow(run, options)));
  remoteOptions(runs.command("watch"))
    .description("follow the steps of a run to its end, and print its result; exits as weft run does")
    .argument("<run>")
    .action(async (run: string, options: object) => ended((await load()).runsWatch(run, options)));
  readOptions(runs.command("logs"))
    .description("the lines that steps wrote while they worked")
    .argument("<run>")
    .option("--node <step>", "only of this step")
    .option("-f, --follow", "wait for more until the run has ended")
    .action(async (run: string, options: object) => ended((await import("./logs.ts")).runsLogs(run, options)));
  readOptions(runs.command("export"), null)
    .description("the run as one JSON document, with its plan, values and model answers")
    .argument("<run>")
    .option("-o, --output <file>", "write it to this file and not to standard output")
    .action(async (run: string, options: object) => ended((await import("./export.ts")).runsExport(run, options)));
  remoteOptions(runs.command("cancel"))
    .description("end a run where it stands")
    .argument("<run>")
    .option("--reason <text>", "recorded with the run")
    .action(async (run: string, options: object) => ended((await load()).runsCancel(run, options)));
  remoteOptions(runs.command("rerun"))
    .description("begin a new run at a step of an earlier one; what lies before is taken over")
    .argument("<run>")
    .argument("<step>")
    .option("--scope <scope>", "scope of the step, such as each-doc[3] (default root)")
    .option("-i, --input <name=value>", "a changed input; name=@file takes the text of a file", collect, [])
    .option("--version <version>", "with another version of the workflow")
    .option("-w, --watch", "follow it to its end")
    .action(async (run: string, step: string, options: object) => ended((await load()).runsRerun(run, step, options)));
  remoteOptions(runs.command("retry"))
    .description("the same at the step that failed the run")
    .argument("<run>")
    .option("-w, --watch", "follow it to its end")
    .action(async (run: string, options: object) => ended((await load()).runsRetry(run, options)));
  remoteOptions(runs.command("signal"))
    .description("give a run a signal that a step waits for")
    .argument("<run>")
    .argument("<name>")
    .option("--payload <json>", "value of the signal")
    .option("--id <id>", "makes a repeat harmless")
    .action(async (run: string, name: string, options: object) => ended((await load()).runsSignal(run, name, options)));
  for (const verb of ["approve", "reject"] as const) {
    remoteOptions(runs.command(verb))
      .description(`${verb} a step that waits for a person`)
      .argument("<run>")
      .argument("<step>")
      .option("--scope <scope>", "scope of the step (default root)")
      .option("--by <name>", "who decided")
      .option("--form <json>", "the form, filled in")
      .option("--action <id>", "the button, where the step has more than two")
      .action(async (run: string, step: string, options: object) =>
        ended((await load()).runsDecide(run, step, verb === "approve", options)),
      );
  }
}

function workflowCommands(weft: Command, ended: Ended): void {
  const workflows = weft.command("workflows").description("the workflows of a running server");
  const load = () => import("./workflows.ts");
  readOptions(workflows.command("list"))
    .description("what is published, each with its newest version")
    .action(async (options: object) => ended((await load()).workflowsList(options)));
  readOptions(workflows.command("show"))
    .description("steps, inputs and versions of a workflow")
    .argument("<name>")
    .option("--version <version>", "another version than the newest")
    .option("--source", "only its text, as it was published")
    .action(async (name: string, options: object) => ended((await load()).workflowsShow(name, options)));
  remoteOptions(workflows.command("publish"))
    .description("check workflow files and publish them, with the code that stands beside them")
    .argument("<files...>")
    .action(async (files: string[], options: object) => ended((await load()).workflowsPublish(files, options)));
  readOptions(workflows.command("versions"))
    .description("all versions of a workflow, the newest published first")
    .argument("<name>")
    .action(async (name: string, options: object) => ended((await load()).workflowsVersions(name, options)));
  readOptions(workflows.command("diff"))
    .description(
      "what differs, step by step, between two versions or a version and a file; exits 0 same, 1 not, 2 unknown",
    )
    .argument("<name>")
    .argument("[a]", "a version or a workflow file; left out: the version before the newest")
    .argument("[b]", "the other one; left out: the newest version")
    .action(async (name: string, a: string | undefined, b: string | undefined, options: object) =>
      ended((await import("./diff/command.ts")).workflowsDiff(name, a, b, options)),
    );
}

function remoteOptions(command: Command): Command {
  return serverOption(command).option("--json", "print the answer as JSON");
}

function serverOption(command: Command): Command {
  return command.option("--server <url>", "the server (WEFT_SERVER, default http://127.0.0.1:9338)");
}

/** Of a command that only reads: it can do so without a server. `json` null: its answer is JSON anyhow. */
function readOptions(command: Command, json: "json" | null = "json"): Command {
  const own = json === null ? serverOption(command) : remoteOptions(command);
  return own.option("--data <folder>", "read this data folder; where a server owns it, that server is asked");
}
