import { WeftClient } from "@weftwork/sdk";
import { EXIT } from "./exit.ts";
import { serverUrl } from "./remote.ts";

/** A shell waits for this. What does not come in time is not completed. */
const WAIT_MS = 1500;
const RUNS = 50;

/** Asks for what can stand in a place, by the kind of the place. */
const KINDS: Readonly<Record<string, (client: WeftClient, signal: AbortSignal) => Promise<readonly string[]>>> = {
  runs: async (client, signal) => (await client.list({ limit: RUNS }, { signal })).data.map(({ id }) => id),
  workflows: async (client, signal) => (await client.workflows({ signal })).map(({ name }) => name),
  models: async () => {
    const [{ openWeft }, { configFromFolder }] = await Promise.all([
      import("../weft.ts"),
      import("./config-folder.ts"),
    ]);
    const weft = await openWeft({ ...configFromFolder(process.env), discoverModels: true, reading: true });
    const names = weft.models.listings.map(({ name }) => name);
    await weft.close({ graceMs: 0 });
    return names;
  },
};

/** `weft __complete KIND`: one word a line. A shell in the middle of a line is told nothing of what went wrong. */
export async function completeCommand(kind: string, options: { readonly server?: string }): Promise<number> {
  const signal = AbortSignal.timeout(WAIT_MS);
  const late = new Promise<readonly string[]>((resolve) => signal.addEventListener("abort", () => resolve([])));
  try {
    const client = new WeftClient({ baseUrl: serverUrl(options) });
    const words = await Promise.race([KINDS[kind]?.(client, signal) ?? [], late]);
    if (words.length > 0) process.stdout.write(`${words.join("\n")}\n`);
  } catch {
    // No server, or one that refuses: nothing to complete.
  }
  return EXIT.OK;
}
