import { WeftClient } from "@weftwork/sdk";
import { CommandError, EXIT, UsageError } from "./exit.ts";
import type { Work } from "./folder.ts";
import { languageTag, say } from "./language.ts";

/** What every command takes that talks to a server. */
export interface RemoteOptions {
  readonly server?: string;
  readonly json?: boolean;
  /** A data folder to be read in place of a server, by the commands that only read. */
  readonly data?: string;
}

const SERVER_DEFAULT = "http://127.0.0.1:9338";

/**
 * Does something with a running server, or with a data folder that nobody serves. A server that is not there is a
 * sentence.
 */
export async function remote(options: RemoteOptions, work: Work): Promise<number> {
  const { data, server } = options;
  if (data === undefined) return atServer(serverUrl(options), work);
  if (server !== undefined) throw new UsageError(say("data.and_server"));
  // Only this needs the engine, which takes its time to load.
  return (await import("./folder.ts")).inFolder(data, work, atServer);
}

async function atServer(url: string, work: Work): Promise<number> {
  try {
    return (await work(new WeftClient({ baseUrl: url, language: languageTag() }))) ?? EXIT.OK;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    throw new CommandError(say("server.silent", { url, code: codeOf(error)! }), { cause: error });
  }
}

/** The server that is meant: `--server`, `WEFT_SERVER`, or the one of this machine. */
export function serverUrl({ server }: Pick<RemoteOptions, "server">): string {
  const given = server ?? process.env["WEFT_SERVER"]?.trim() ?? "";
  if (given === "") return SERVER_DEFAULT;
  const name = /^https?:\/\//.test(given) ? given : `http://${given}`;
  if (URL.canParse(name)) return name;
  throw new UsageError(say("server.no_address", { given, example: SERVER_DEFAULT }));
}

/** `fetch` fails with a `TypeError` that names what the connection met. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError && codeOf(error) !== null;
}

function codeOf(error: unknown): string | null {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === "string" ? cause.code : null;
}

/** Prints a value for programs, or lines for a person. */
export function print(options: Pick<RemoteOptions, "json">, value: unknown, lines: () => string): void {
  process.stdout.write(`${options.json === true ? JSON.stringify(value, null, 2) : lines()}\n`);
}
