import type { Command } from "commander";

type Ended = (command: Promise<number>) => Promise<void>;

/** The commands for webhooks that a running server sends. */
export function webhookCommands(weft: Command, ended: Ended): void {
  const webhooks = weft.command("webhooks").description("who is told, by signed webhooks, of what becomes of runs");
  const load = () => import("./webhooks.ts");
  serverOptions(webhooks.command("ls"))
    .description("list the receivers")
    .action(async (options: object) => ended((await load()).webhooksList(options)));
  serverOptions(webhooks.command("add"))
    .description("make a receiver and print its secret this one time")
    .argument("<url>", "address that messages are sent to")
    .option("--event <event>", "an event such as run.failed, run.* or *; can be repeated (default run.*)", collected)
    .option("--workflow <name>", "only of runs of this workflow")
    .option("--description <text>", "what it is for")
    .action(async (url: string, options: object) => ended((await load()).webhooksAdd(url, options)));
  serverOptions(webhooks.command("show"))
    .description("one receiver, or one delivery with every attempt")
    .argument("<id>", "id of a receiver (whe_…) or of a delivery (msg_…)")
    .action(async (id: string, options: object) => ended((await load()).webhooksShow(id, options)));
  serverOptions(webhooks.command("remove"))
    .description("remove a receiver with what waits for it")
    .argument("<id>")
    .action(async (id: string, options: object) => ended((await load()).webhooksRemove(id, options)));
  serverOptions(webhooks.command("rotate"))
    .description("make a new secret and print it this one time; the one before signs beside it for a while")
    .argument("<id>", "id of a receiver, or callback for the addresses that runs are submitted with")
    .option("--overlap <duration>", "for how long both sign, such as 1h (default 24h)")
    .action(async (id: string, options: object) => ended((await load()).webhooksRotate(id, options)));
  serverOptions(webhooks.command("test"))
    .description("send a test message now; exits 1 where the receiver does not take it")
    .argument("<id>")
    .action(async (id: string, options: object) => ended((await load()).webhooksTest(id, options)));
  serverOptions(webhooks.command("deliveries"))
    .description("what was sent to a receiver, the newest first")
    .argument("<id>", "id of a receiver, or callback")
    .option("--status <status>", "only these: pending, delivered or dead")
    .option("--run <run>", "only of this run")
    .option("-n, --limit <number>", "how many, 1 to 200 (default 50)")
    .option("--cursor <cursor>", "go on where the last page ended")
    .action(async (id: string, options: object) => ended((await load()).webhooksDeliveries(id, options)));
  serverOptions(webhooks.command("redeliver"))
    .description("make a delivery again, or all dead ones of a receiver; ids and bodies stay the same")
    .argument("<id>", "id of a delivery (msg_…), or of a receiver")
    .option("--status <status>", "of a receiver: dead (the default) or delivered")
    .option("--run <run>", "of a receiver: only of this run")
    .option("--after <time>", "of a receiver: made from this time on, or within a duration such as 2h")
    .option("--before <time>", "of a receiver: made before this time")
    .action(async (id: string, options: object) => ended((await load()).webhooksRedeliver(id, options)));
}

function serverOptions(command: Command): Command {
  return command
    .option("--server <url>", "the server (WEFT_SERVER, default http://127.0.0.1:9338)")
    .option("--json", "print the answer as JSON");
}

function collected(event: string, before: readonly string[] = []): readonly string[] {
  return [...before, event];
}
