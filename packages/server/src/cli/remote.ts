import { WeftClient } from "@weftwork/sdk";
import { CommandError, EXIT, UsageError } from "./exit.ts";

/** What every command takes that talks to a server. */
export interface RemoteOptions {
  readonly server?: string;
  readonly json?: boolean;
}

const SERVER_DEFAULT = "http://127.0.0.1:9338";

/** Does something with a running server. One that is not there is a sentence. */
export async function remote(
  options: RemoteOptions,
  work: (client: WeftClient) => Promise<number | void>,
): Promise<number> {
  const url = serverUrl(options);
  try {
    return (await work(new WeftClient({ baseUrl: url }))) ?? EXIT.OK;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    throw new CommandError(
      `no server answers at ${url} (${codeOf(error)}). Start one with weft serve, or name another with --server.`,
      { cause: error },
    );
  }
}

function serverUrl({ server }: RemoteOptions): string {
  const given = server ?? process.env["WEFT_SERVER"]?.trim() ?? "";
  if (given === "") return SERVER_DEFAULT;
  const name = /^https?:\/\//.test(given) ? given : `http://${given}`;
  if (URL.canParse(name)) return name;
  throw new UsageError(`${given} is no address of a server. Write it as ${SERVER_DEFAULT}.`);
}

/** `fetch` fails with a `TypeError` that names what the connection met. */
function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError && codeOf(error) !== null;
}

function codeOf(error: unknown): string | null {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === "string" ? cause.code : null;
}

/** Prints a value for programs, or lines for a person. */
export function print(options: RemoteOptions, value: unknown, lines: () => string): void {
  process.stdout.write(`${options.json === true ? JSON.stringify(value, null, 2) : lines()}\n`);
}
