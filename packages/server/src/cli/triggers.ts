import type { Trigger, WeftClient } from "@weftwork/sdk";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { print, remote, serverUrl, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";

export interface RotateOptions extends RemoteOptions {
  /** Name of a secret; false: none. Left out: as it is. */
  readonly secret?: string | boolean;
}

/** `weft triggers ls` */
export function triggersList(options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const data = await client.triggers();
    print(options, { data, next_cursor: null }, () => (data.length === 0 ? say("triggers.none") : listing(data)));
  });
}

/** `weft triggers rotate WORKFLOW NODE`: standard output gets the address alone, which nobody can show again. */
export function triggersRotate(workflow: string, node: string, options: RotateOptions): Promise<number> {
  const { secret } = options;
  return remote(options, async (client) => {
    const made = await client.rotateTrigger({
      workflow,
      node,
      ...(typeof secret === "string" ? { secret } : secret === false ? { secret: null } : {}),
    });
    const url = serverUrl(options).replace(/\/+$/, "") + made.path;
    print(options, { ...made, url }, () => url);
    process.stderr.write(`${say("triggers.once", { method: made.method ?? "" })}\n`);
  });
}

/** `weft triggers rm WORKFLOW NODE` */
export function triggersRemove(workflow: string, node: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    await client.removeTrigger(workflow, node);
    print(options, { workflow, node, removed: true }, () => say("triggers.removed", { workflow, node }));
  });
}

/**
 * `weft triggers enable WORKFLOW NODE`: a schedule with the times of the node. Where there is one already it takes the
 * times of the newest version.
 */
export function triggersEnable(
  workflow: string,
  node: string,
  options: RemoteOptions & { readonly name?: string },
): Promise<number> {
  return remote(options, async (client) => {
    const trigger = await scheduleTrigger(client, workflow, node);
    const name = trigger.schedule ?? options.name ?? `${workflow}.${node}`;
    const { cron, zone } = trigger;
    const enabled =
      trigger.schedule === null
        ? await client.schedules.create({ name, workflow, root: node })
        : await client.schedules.update(name, cron === null || zone === null ? {} : { cron, zone });
    const time = enabled.next_at ?? enabled.status;
    print(options, enabled, () => say("triggers.enabled", { workflow, node, name, time }));
  });
}

/** `weft triggers disable WORKFLOW NODE` */
export function triggersDisable(workflow: string, node: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const { schedule } = await scheduleTrigger(client, workflow, node);
    if (schedule === null)
      throw new UsageError(say("triggers.no_schedule", { workflow, node, state: say("triggers.state_enabled") }));
    await client.schedules.remove(schedule);
    print(options, { workflow, node, enabled: false }, () => say("triggers.disabled", { workflow, node }));
  });
}

async function scheduleTrigger(client: WeftClient, workflow: string, node: string): Promise<Trigger> {
  const known = (await client.triggers()).find((one) => one.workflow === workflow && one.node === node);
  if (known?.type === "schedule") return known;
  throw new UsageError(say("triggers.no_schedule", { workflow, node, state: say("triggers.state_known") }));
}

function listing(data: readonly Trigger[]): string {
  return table(
    [
      say("column.workflow"),
      say("column.version"),
      say("column.trigger"),
      say("column.type"),
      say("column.method"),
      say("column.address"),
      say("column.cron"),
      say("column.secret"),
    ],
    data.map((one) => [
      one.workflow,
      one.version,
      one.node,
      one.type,
      one.method ?? "",
      one.type === "webhook"
        ? (one.created_at ?? say("triggers.no_address"))
        : (one.schedule ?? say("triggers.by_hand")),
      one.cron === null ? "" : `${one.cron} (${one.zone})`,
      one.secret ?? "",
    ]),
  );
}
