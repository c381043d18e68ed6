import { openWeft } from "weftwork";
import { NODES } from "../engine/workload.ts";
import { uneven } from "./balance.ts";
import { transportOf } from "./setup.ts";

/**
 * A process that does tasks. Arguments: the database, the transport, and whether it advances runs as well (`own`). Says
 * `ready` when it works; ends in order at SIGTERM, or when whoever started it is gone.
 */
const [store, transport, role] = process.argv.slice(2) as [string, string, string];
const weft = await openWeft({
  store,
  nodes: [...NODES, uneven],
  own: role === "own",
  name: `worker-${process.pid}`,
  ...transportOf(transport),
});
let ending: Promise<void> | null = null;
// The channel to the parent would keep the process alive.
const leave = (): void => void (process.connected && process.disconnect?.());
const end = (): void => void (ending ??= weft.close({ graceMs: 2000 }).finally(leave));
process.once("SIGTERM", end);
process.once("disconnect", end);
process.send?.("ready");
