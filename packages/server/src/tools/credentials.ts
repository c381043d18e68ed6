import type { JsonObject } from "@weftwork/core";
import { NO_SECRETS, type SecretTexts } from "../nodes/node.ts";
import { Mask } from "../secrets/mask.ts";
import type { SecretSource } from "../secrets/secrets.ts";
import { TaskSecrets } from "../secrets/task-secrets.ts";

/** `{{ secrets.NAME }}` in a text of the configuration. */
const SECRET = /\{\{\s*secrets\.([A-Z][A-Z0-9_]*)\s*\}\}/g;

export interface CredentialsOptions {
  /** Texts in which `{{ secrets.NAME }}` may stand. */
  readonly headers: Readonly<Record<string, string>>;
  /** The `auth` field of an http step; null: none. */
  readonly auth: JsonObject | null;
  /** Texts that came from variables of the environment: they are hidden like secrets. */
  readonly hidden: readonly string[];
  /** Where the set's server is. A secret bound to no hosts goes there and nowhere else. */
  readonly url: string;
  /** Null where nothing leaves the process: there a secret reads as its name. */
  readonly secrets: SecretSource | null;
}

/** Credentials for one request: marks in their places, and how the marks become secrets. */
export interface OpenCredentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: JsonObject | null;
  readonly secrets: SecretTexts;
  readonly mask: Mask;
}

/** What a tool set sends along to sign in. Looked up for each request, so a secret that was changed is so at once. */
export class Credentials {
  private readonly options: CredentialsOptions;
  private readonly names: readonly string[];

  constructor(options: CredentialsOptions) {
    this.options = options;
    this.names = [...new Set(textsOf([options.headers, options.auth]).flatMap(secretNames))];
  }

  async open(tenant: string): Promise<OpenCredentials> {
    const { headers, auth, hidden, url, secrets } = this.options;
    if (secrets === null || this.names.length === 0) {
      const mask = new Mask();
      for (const text of hidden) mask.add(text);
      const named = <T>(value: T): T => replaced(value, (name) => name);
      return { headers: named(headers), auth: named(auth), secrets: NO_SECRETS, mask };
    }
    const own = new TaskSecrets({ names: this.names, origin: new URL(url).origin });
    for (const text of hidden) own.mask.add(text);
    own.take(await secrets.load(tenant, this.names));
    const marked = <T>(value: T): T => replaced(value, (name) => own.markOf(name));
    return { headers: marked(headers), auth: marked(auth), secrets: own, mask: own.mask };
  }
}

/** The secrets that a text of the configuration names. */
export function secretNames(text: string): readonly string[] {
  return [...text.matchAll(SECRET)].map(([, name]) => name!);
}

/** What is left of a text without its secrets: nothing else of a template may stand in it. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(SECRET, "");
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function replaced<T>(value: T, by: (name: string) => string): T {
  if (typeof value === "string") return value.replaceAll(SECRET, (_, name: string) => by(name)) as T & string;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replaced(member as unknown, by)])) as T;
}
