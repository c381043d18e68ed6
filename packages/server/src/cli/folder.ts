import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "@weftwork/core";
import { WeftClient } from "@weftwork/sdk";
import { createApp, type HttpApp } from "../http/app.ts";
import { openWeft } from "../weft.ts";
import { servedAt } from "./address.ts";
import { EXIT, UsageError } from "./exit.ts";
import { languageTag, say } from "./language.ts";

/** What a command does with a server, whichever it is. */
export type Work = (client: WeftClient) => Promise<number | void>;

/**
 * Does something with the runs of a data folder. Nothing in it moves: open runs stay as they are. Where a server owns the
 * folder that server is asked; where another process does, `STORE_IN_USE` names it.
 */
export async function inFolder(
  given: string,
  work: Work,
  atServer: (url: string, work: Work) => Promise<number>,
): Promise<number> {
  const folder = resolve(given);
  if (!existsSync(join(folder, "journal.db"))) throw new UsageError(say("data.none", { folder }));
  let weft;
  try {
    weft = await openWeft({ store: folder, reading: true });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "STORE_IN_USE") throw error;
    const pid = String(error.details["pid"]);
    const url = servedAt(folder, pid);
    if (url === null) throw error;
    process.stderr.write(`${say("data.owned", { folder, pid, url })}\n`);
    return atServer(url, work);
  }
  const quiet = (): void => undefined;
  const app = createApp({
    weft,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 1024 },
    logger: {
      info: quiet,
      warn: quiet,
      error: (fields, message) => void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
    },
  });
  try {
    const client = new WeftClient({ baseUrl: "http://localhost", fetch: within(app), language: languageTag() });
    return (await work(client)) ?? EXIT.OK;
  } finally {
    await app.close();
    await weft.close({ graceMs: 0 });
  }
}

/** The server's routes without a socket. */
function within(app: HttpApp): typeof globalThis.fetch {
  return async (input, init) => {
    const { pathname, search } = new URL(String(input));
    const answer = await app.fastify.inject({
      method: (init?.method ?? "GET") as "GET",
      url: `${pathname}${search}`,
      headers: Object.fromEntries(new Headers(init?.headers)),
    });
    const headers = new Headers();
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined) headers.set(name, String(value));
    return new Response(new Uint8Array(answer.rawPayload), { status: answer.statusCode, headers });
  };
}
