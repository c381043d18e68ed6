import { resolve } from "node:path";
import { AppError } from "@weftwork/core";
import type { SecretListing, SecretUpdate } from "@weftwork/sdk";
import { readConfig } from "../config.ts";
import { openWeft } from "../weft.ts";
import { servedAt } from "./address.ts";
import { UsageError, EXIT } from "./exit.ts";
import { hiddenInput } from "./hidden-input.ts";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";

/** What a server and a data folder can both do. */
interface Secrets {
  list(): Promise<readonly SecretListing[]>;
  set(name: string, secret: SecretUpdate): Promise<SecretListing>;
  remove(name: string): Promise<void>;
  rotateKey(): Promise<{ readonly rewrapped: number }>;
}

/** `weft secrets ls`: names and where they are, never a value. */
export function secretsList(options: RemoteOptions): Promise<number> {
  return withSecrets(options, async (secrets) => {
    const data = await secrets.list();
    print(options, { data, next_cursor: null }, () => (data.length === 0 ? say("secrets.none") : listing(data)));
  });
}

export interface SetOptions extends RemoteOptions {
  readonly host?: readonly string[];
}

/** `weft secrets set NAME`: the value comes from standard input, or is asked for without being shown. */
export async function secretsSet(name: string, options: SetOptions): Promise<number> {
  const value = await hiddenInput(say("secrets.ask", { name }));
  if (value.trim() === "") throw new UsageError(say("secrets.no_value", { name }));
  return withSecrets(options, async (secrets) => {
    const stored = await secrets.set(name, { value, ...(options.host === undefined ? {} : { hosts: options.host }) });
    print(options, stored, () => say("secrets.stored", { name, hosts: hostsOf(stored) }));
    if (stored.hidden) process.stderr.write(`${say("secrets.hidden", { name })}\n`);
  });
}

/** `weft secrets rm NAME` */
export function secretsRemove(name: string, options: RemoteOptions): Promise<number> {
  return withSecrets(options, async (secrets) => {
    await secrets.remove(name);
    print(options, { name, removed: true }, () => say("secrets.removed", { name }));
  });
}

/** `weft secrets rotate-key` */
export function secretsRotate(options: RemoteOptions): Promise<number> {
  return withSecrets(options, async (secrets) => {
    const rotated = await secrets.rotateKey();
    print(options, rotated, () => say("secrets.rotated", { count: rotated.rewrapped }));
  });
}

/** Where a server owns the folder that server is asked; a folder that nobody serves is opened here, and nothing runs. */
async function withSecrets(options: RemoteOptions, work: (secrets: Secrets) => Promise<void>): Promise<number> {
  const { data, server } = options;
  const named = server ?? process.env["WEFT_SERVER"]?.trim() ?? "";
  if (data === undefined && named !== "") return atServer(named, work);
  if (server !== undefined) throw new UsageError(say("data.and_server"));
  const config = readConfig({ ...process.env, ...(data === undefined ? {} : { WEFT_DATA: data }) });
  const folder = resolve(config.data);
  let weft;
  try {
    weft = await openWeft({ store: (data === undefined ? config.databaseUrl : null) ?? folder, reading: true });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "STORE_IN_USE") throw error;
    const url = servedAt(folder, String(error.details["pid"]));
    if (url === null) throw error;
    return atServer(url, work);
  }
  try {
    await work(weft.secrets);
    return EXIT.OK;
  } finally {
    await weft.close({ graceMs: 0 });
  }
}

function atServer(server: string, work: (secrets: Secrets) => Promise<void>): Promise<number> {
  return remote({ server }, async (client) =>
    work({
      list: () => client.secrets(),
      set: (name, secret) => client.setSecret(name, secret),
      remove: (name) => client.removeSecret(name),
      rotateKey: () => client.rotateSecretKey(),
    }),
  );
}

function listing(data: readonly SecretListing[]): string {
  const titles = ["name", "source", "hosts", "updated"] as const;
  return table(
    titles.map((title) => say(`column.${title}`)),
    data.map((one) => [
      one.name,
      one.hidden ? say("secrets.unused", { source: one.source }) : one.source,
      hostsOf(one),
      one.updated_at ?? "",
    ]),
  );
}

function hostsOf({ hosts }: SecretListing): string {
  return hosts.length === 0 ? say("secrets.written_hosts") : hosts.join(", ");
}
