import { AppError, isSecretName, SECRET_NAME_RULE } from "@weftwork/core";
import type { SecretListing } from "@weftwork/sdk";
import { randomBytes } from "node:crypto";
import type { EnvironmentSecrets } from "./environment.ts";
import type { MasterKeys } from "./master-key.ts";
import { KEY_BYTES, seal, unseal } from "./sealing.ts";
import type { BoundSecret, SecretSource } from "./secrets.ts";
import type { DataKeyRow, SecretRow, SecretTables } from "./store.ts";
import { secretHosts, secretValue } from "./value.ts";

/** Setting the same secret from several places at once is rare; more than this is none of that. */
const ATTEMPTS_MAX = 10;

export interface KeeperOptions {
  readonly environment: EnvironmentSecrets;
  readonly tables: SecretTables;
  readonly keys: MasterKeys;
  readonly now: () => number;
}

/**
 * The secrets of a process: those of its environment, then those of the encrypted store.
 *
 * A stored secret is sealed with the data key of its tenant, and that key with the master key. Tenant, name, version
 * and hosts are bound to the seal: a row that was copied to another place, or whose hosts were widened, does not open.
 */
export class SecretKeeper implements SecretSource {
  private readonly options: KeeperOptions;
  /** Opened data keys by their wrapping. */
  private readonly opened = new Map<string, Buffer>();

  constructor(options: KeeperOptions) {
    this.options = options;
  }

  /** Throws `MASTER_KEY_WRONG` when the operator's key does not open what is stored. */
  async check(): Promise<void> {
    if (!this.options.keys.isGiven) return;
    await this.usedKeys();
  }

  async load(tenant: string, names: readonly string[]): Promise<ReadonlyMap<string, BoundSecret | AppError>> {
    const found = new Map<string, BoundSecret | AppError>();
    const stored: string[] = [];
    for (const name of names) {
      const secret = caught(() => this.options.environment.find(name));
      if (secret === null) stored.push(name);
      else found.set(name, secret);
    }
    if (stored.length === 0) return found;
    const rows = await this.options.tables.find(tenant, stored);
    const row = rows.length === 0 ? null : await this.options.tables.dataKey(tenant);
    for (const one of rows)
      found.set(
        one.name,
        caught(() => this.unsealed(one, row)),
      );
    return found;
  }

  /** The names of all of them. */
  async names(tenant: string): Promise<ReadonlySet<string>> {
    return new Set((await this.list(tenant)).map(({ name }) => name));
  }

  /** All of them by name, without their values. One of the environment hides a stored one of the same name. */
  async list(tenant: string): Promise<readonly SecretListing[]> {
    const here = this.options.environment.list();
    const names = new Set(here.map(({ name }) => name));
    const stored = await this.options.tables.list(tenant);
    return [
      ...here.map(({ name, place, hosts }) => ({ name, source: place, hosts, updated_at: null, hidden: false })),
      ...stored.map(({ name, hosts, updatedAt }) => ({
        name,
        source: "store" as const,
        hosts,
        updated_at: new Date(updatedAt).toISOString(),
        hidden: names.has(name),
      })),
    ].toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** Stores a secret, or a new value of it. Throws `SECRET_INVALID`. */
  async set(
    tenant: string,
    name: string,
    given: { readonly value: string; readonly hosts?: readonly string[] },
  ): Promise<SecretListing> {
    checkName(name);
    const value = secretValue(name, given.value);
    const key = await this.dataKey(tenant);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const [before] = await this.options.tables.find(tenant, [name]);
      const hosts = secretHosts(name, given.hosts ?? before?.hosts ?? []).map(({ text }) => text);
      const version = (before?.version ?? 0) + 1;
      const now = this.options.now();
      const sealed = seal(key, Buffer.from(value.reveal(), "utf8"), boundTo({ tenant, name, version, hosts }));
      const row = { tenant, name, version, hosts, sealed, createdAt: before?.createdAt ?? now, updatedAt: now };
      if (await this.options.tables.put(row)) {
        const hidden = this.options.environment.list().some((one) => one.name === name);
        return { name, source: "store", hosts, updated_at: new Date(now).toISOString(), hidden };
      }
    }
    throw new AppError("STORE_UNAVAILABLE", { reason: "others keep setting the same secret" });
  }

  /** Throws `SECRET_NOT_FOUND`. */
  async remove(tenant: string, name: string): Promise<void> {
    checkName(name);
    if (!(await this.options.tables.remove(tenant, name))) throw new AppError("SECRET_NOT_FOUND", { secret: name });
  }

  /** Seals a text of another table with the data key of the tenant; it opens only for the same place. */
  async seal(tenant: string, text: string, place: readonly (string | number)[]): Promise<string> {
    return seal(await this.dataKey(tenant), Buffer.from(text, "utf8"), sealedAt(tenant, place));
  }

  /** The reverse. Throws `SECRET_UNREADABLE` and `MASTER_KEY_WRONG`. */
  async unseal(tenant: string, sealed: string, place: readonly (string | number)[]): Promise<string> {
    const row = await this.options.tables.dataKey(tenant);
    const plain = row && unseal(this.open(row), sealed, sealedAt(tenant, place));
    if (plain) return plain.toString("utf8");
    const reason = "what is stored was changed, moved, or sealed with another key";
    throw new AppError("SECRET_UNREADABLE", { secret: place.join(" "), reason });
  }

  /**
   * Wraps every data key with the current master key, after making a new one where it is kept in the data folder.
   * Secrets stay readable all the time; one that cannot be opened ends it with `MASTER_KEY_WRONG`, and nothing is lost.
   */
  async rotate(): Promise<{ readonly rewrapped: number }> {
    const { tables, keys } = this.options;
    const rows = await this.usedKeys();
    if (rows.length > 0) keys.renew();
    let rewrapped = 0;
    for (const row of rows) {
      const current = keys.create();
      if (unseal(current, row.wrapped, keyBoundTo(row.tenant)) !== null) continue;
      const wrapped = seal(current, this.open(row), keyBoundTo(row.tenant));
      if (await tables.rewrap(row.tenant, row.wrapped, wrapped)) rewrapped += 1;
    }
    keys.forgetOld();
    return { rewrapped };
  }

  /** The data keys that something is sealed with, all of which open. Throws `MASTER_KEY_WRONG`. */
  private async usedKeys(): Promise<readonly DataKeyRow[]> {
    const { tables } = this.options;
    const used: DataKeyRow[] = [];
    for (const row of await tables.dataKeys()) {
      if (caught(() => this.open(row)) instanceof AppError && !(await tables.seals(row.tenant))) continue;
      this.open(row);
      used.push(row);
    }
    return used;
  }

  private unsealed(row: SecretRow, key: DataKeyRow | null): BoundSecret {
    const { name, sealed, hosts } = row;
    const reason = "what is stored was changed, moved, or sealed with another key";
    const plain = key === null ? null : unseal(this.open(key), sealed, boundTo(row));
    if (plain === null) throw new AppError("SECRET_UNREADABLE", { secret: name, reason });
    return { name, value: secretValue(name, plain.toString("utf8")), hosts: secretHosts(name, hosts), place: "store" };
  }

  private async dataKey(tenant: string): Promise<Buffer> {
    const { tables, keys } = this.options;
    const row = await tables.dataKey(tenant);
    if (row !== null) {
      const key = caught(() => this.open(row));
      if (!(key instanceof AppError)) return key;
      // A data key that nothing is sealed with: a master key that was lost stands in the way of nothing.
      if (await tables.seals(tenant)) throw key;
      await tables.dropDataKey(row);
    }
    const wrapped = seal(keys.create(), randomBytes(KEY_BYTES), keyBoundTo(tenant));
    return this.open(await tables.addDataKey({ tenant, wrapped }));
  }

  private open({ tenant, wrapped }: DataKeyRow): Buffer {
    const known = this.opened.get(wrapped);
    if (known) return known;
    const { keys } = this.options;
    for (const master of [keys.current(), ...keys.old()]) {
      const key = master && unseal(master, wrapped, keyBoundTo(tenant));
      if (!key) continue;
      this.opened.set(wrapped, key);
      return key;
    }
    throw new AppError("MASTER_KEY_WRONG");
  }
}

function boundTo({
  tenant,
  name,
  version,
  hosts,
}: Pick<SecretRow, "tenant" | "name" | "version" | "hosts">): (string | number)[] {
  return ["weftwork secret", tenant, name, version, ...hosts];
}

function sealedAt(tenant: string, place: readonly (string | number)[]): (string | number)[] {
  return ["weftwork sealed", tenant, ...place];
}

function keyBoundTo(tenant: string): string[] {
  return ["weftwork data key", tenant];
}

function checkName(name: string): void {
  if (isSecretName(name)) return;
  const reason = `its name must be ${SECRET_NAME_RULE}`;
  throw new AppError("SECRET_INVALID", { secret: name.slice(0, 100), reason });
}

/** What a failing secret has in its place: it fails the step that sends it, and no other. */
function caught<T>(read: () => T): T | AppError {
  try {
    return read();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
