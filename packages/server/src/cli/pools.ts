import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "@weftwork/sdk";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";

export interface PauseOptions extends RemoteOptions {
  readonly reason?: string;
}

/** Between two looks whether a pool has become empty. */
const LOOK_MS = 500;

/** `weft pools ls` */
export function poolsList(options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const data = await client.pools.list();
    print(options, { data, next_cursor: null }, () => listing(data));
  });
}

/** `weft pools pause POOL` */
export function poolsPause(pool: string, options: PauseOptions): Promise<number> {
  return remote(options, async (client) => {
    const paused = await client.pools.pause(pool, reasonOf(options));
    print(options, paused, () => say("pools.paused", { pool, active: paused.active }));
  });
}

/** `weft pools drain POOL`: ends when nothing of it is under way any more. */
export function poolsDrain(pool: string, options: PauseOptions): Promise<number> {
  return remote(options, async (client) => {
    let seen = await client.pools.pause(pool, reasonOf(options));
    while (seen.status === "draining") {
      await sleep(LOOK_MS);
      seen = await client.pools.get(pool);
    }
    print(options, seen, () => say(seen.status === "paused" ? "pools.drained" : "pools.resumed", { pool }));
  });
}

/** `weft pools resume POOL` */
export function poolsResume(pool: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    print(options, await client.pools.resume(pool), () => say("pools.resumed", { pool }));
  });
}

function reasonOf({ reason }: PauseOptions): { readonly reason?: string } {
  return reason === undefined ? {} : { reason };
}

function listing(data: readonly Pool[]): string {
  return table(
    [
      say("column.pool"),
      say("column.status"),
      say("column.slots"),
      say("column.active"),
      say("column.waiting"),
      say("column.since"),
      say("column.workers"),
    ],
    data.map((one) => [
      one.name,
      one.status,
      String(one.slots),
      String(one.active),
      String(one.waiting),
      one.waiting_since ?? "",
      one.workers.map(({ name }) => name).join(", "),
    ]),
  );
}
