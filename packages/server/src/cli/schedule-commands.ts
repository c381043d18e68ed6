import type { Command } from "commander";
import { collect } from "./inputs.ts";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands for what begins runs by itself. Each is loaded when it is called. */
export function scheduleCommands(weft: Command, ended: Ended): void {
  const schedules = weft.command("schedules").description("when runs of a server begin by themselves");
  const load = () => import("./schedules.ts");
  readOptions(schedules.command("ls"))
    .description("list the schedules with their next times")
    .action(async (options: object) => ended((await load()).schedulesList(options)));
  serverOptions(schedules.command("add"))
    .description("begin runs of a published workflow at the times of a rule")
    .argument("<name>", "name of the schedule")
    .argument("<workflow>")
    .option("--cron <rule>", "five fields, six with seconds, or @daily; left out: as --root of a Dify file says")
    .option("--zone <zone>", "zone of the rule, such as Europe/Berlin (default UTC)")
    .option("--catch-up <rule>", "times that passed without a server: skip, last (default), or all up to ten")
    .option("--overlap <rule>", "while the run before is open: allow (default) or skip")
    .option("--jitter <duration>", "spread the starts over so long, such as 60s")
    .option("--starts <time>", "no time before this one, or before a duration has passed")
    .option("--ends <time>", "no time from this one on, or after a duration")
    .option(
      "-i, --input <name=value>",
      "an input; name=@file takes the text of a file, name=@- standard input",
      collect,
      [],
    )
    .option("--version <version>", "of this version of the workflow (default: the newest at the time)")
    .option("--root <node>", "trigger of a Dify file that its runs begin at")
    .option("--priority <class>", "interactive, normal, batch or background")
    .action(async (name: string, workflow: string, options: { input: string[] }) =>
      ended((await load()).schedulesAdd(name, workflow, options)),
    );
  readOptions(schedules.command("show"))
    .description("one schedule with its next times, and what became of the last ones")
    .argument("<schedule>", "its name or id")
    .action(async (schedule: string, options: object) => ended((await load()).schedulesShow(schedule, options)));
  for (const verb of ["pause", "resume"] as const) {
    serverOptions(schedules.command(verb))
      .description(
        verb === "pause"
          ? "begin no runs by it until it is resumed"
          : "go on with the next time; what passed meanwhile is not caught up",
      )
      .argument("<schedule>", "its name or id")
      .action(async (schedule: string, options: object) =>
        ended((await load()).schedulesSteer(schedule, verb, options)),
      );
  }
  serverOptions(schedules.command("remove"))
    .description("remove a schedule; its runs stay")
    .argument("<schedule>", "its name or id")
    .action(async (schedule: string, options: object) => ended((await load()).schedulesRemove(schedule, options)));
  serverOptions(schedules.command("trigger"))
    .description("begin a run of it now, also while it is paused")
    .argument("<schedule>", "its name or id")
    .option("-w, --watch", "follow it to its end; exits as weft run does")
    .action(async (schedule: string, options: object) => ended((await load()).schedulesTrigger(schedule, options)));
  serverOptions(schedules.command("next"))
    .description("the next times of a rule, without a schedule")
    .argument("<cron>", "the rule, in quotes")
    .option("--zone <zone>", "zone of the rule, such as Europe/Berlin (default UTC)")
    .option("--after <time>", "times behind this one (default: now)")
    .option("-n, --count <number>", "how many, 1 to 100 (default 5)")
    .action(async (cron: string, options: object) => ended((await load()).schedulesNext(cron, options)));
}

function serverOptions(command: Command): Command {
  return command
    .option("--server <url>", "the server (WEFT_SERVER, default http://127.0.0.1:9338)")
    .option("--json", "print the answer as JSON");
}

/** Of a command that only reads: it can do so without a server. */
function readOptions(command: Command): Command {
  return serverOptions(command).option(
    "--data <folder>",
    "read this data folder; where a server owns it, that server is asked",
  );
}
