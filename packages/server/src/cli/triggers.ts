import type { Trigger } from "@weftwork/sdk";
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

function listing(data: readonly Trigger[]): string {
  return table(
    [
      say("column.workflow"),
      say("column.version"),
      say("column.trigger"),
      say("column.type"),
      say("column.method"),
      say("column.address"),
      say("column.secret"),
    ],
    data.map((one) => [
      one.workflow,
      one.version,
      one.node,
      one.type,
      one.method ?? "",
      one.type === "webhook" ? (one.created_at ?? say("triggers.no_address")) : say("triggers.by_hand"),
      one.secret ?? "",
    ]),
  );
}
