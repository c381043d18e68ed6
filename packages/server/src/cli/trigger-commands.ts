import type { Command } from "commander";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands that give webhooks of a running server their addresses, and schedules of Dify files their times. */
export function triggerCommands(weft: Command, ended: Ended): void {
  const triggers = weft
    .command("triggers")
    .description("what begins runs: the webhooks and schedules of published files");
  const load = () => import("./triggers.ts");
  serverOptions(triggers.command("ls"))
    .description("list the triggers of published workflows; addresses are never shown again")
    .action(async (options: object) => ended((await load()).triggersList(options)));
  serverOptions(triggers.command("rotate"))
    .description("make an address for a webhook and print it this one time; an earlier one is void")
    .argument("<workflow>")
    .argument("<node>", "id of the webhook, as weft triggers ls shows it")
    .option("--secret <name>", "calls must be signed with this secret (Standard Webhooks)")
    .option("--no-secret", "calls need no signature")
    .action(async (workflow: string, node: string, options: object) =>
      ended((await load()).triggersRotate(workflow, node, options)),
    );
  serverOptions(triggers.command("rm"))
    .description("take its address from a webhook")
    .argument("<workflow>")
    .argument("<node>")
    .action(async (workflow: string, node: string, options: object) =>
      ended((await load()).triggersRemove(workflow, node, options)),
    );
  serverOptions(triggers.command("enable"))
    .description("begin runs at the times of a schedule trigger, as the newest version says them")
    .argument("<workflow>")
    .argument("<node>", "id of the schedule trigger, as weft triggers ls shows it")
    .option("--name <name>", "name of its schedule (default <workflow>.<node>)")
    .action(async (workflow: string, node: string, options: object) =>
      ended((await load()).triggersEnable(workflow, node, options)),
    );
  serverOptions(triggers.command("disable"))
    .description("begin no runs by themselves: remove the schedule of the trigger")
    .argument("<workflow>")
    .argument("<node>")
    .action(async (workflow: string, node: string, options: object) =>
      ended((await load()).triggersDisable(workflow, node, options)),
    );
}

function serverOptions(command: Command): Command {
  return command
    .option("--server <url>", "the server (WEFT_SERVER, default http://127.0.0.1:9338)")
    .option("--json", "print the answer as JSON");
}
