import type { Command } from "commander";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands that show and stop kinds of work. */
export function poolCommands(weft: Command, ended: Ended): void {
  const pools = weft.command("pools").description("kinds of work: who does them, what waits, and stopping them");
  const load = () => import("./pools.ts");
  serverOptions(pools.command("ls"))
    .description("list the pools of all processes: slots, what is done, what waits and since when")
    .action(async (options: object) => ended((await load()).poolsList(options)));
  serverOptions(pools.command("pause"))
    .description("begin nothing more of a pool, in any process; what is under way goes on")
    .argument("<pool>")
    .option("--reason <text>", "shown to whoever looks")
    .action(async (pool: string, options: object) => ended((await load()).poolsPause(pool, options)));
  serverOptions(pools.command("drain"))
    .description("pause a pool and wait until nothing of it is under way")
    .argument("<pool>")
    .option("--reason <text>", "shown to whoever looks")
    .action(async (pool: string, options: object) => ended((await load()).poolsDrain(pool, options)));
  serverOptions(pools.command("resume"))
    .description("let a pool go on")
    .argument("<pool>")
    .action(async (pool: string, options: object) => ended((await load()).poolsResume(pool, options)));
}

function serverOptions(command: Command): Command {
  return command
    .option("--server <url>", "the server (WEFT_SERVER, default http://127.0.0.1:9338)")
    .option("--json", "print the answer as JSON");
}
