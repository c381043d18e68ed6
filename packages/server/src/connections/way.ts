import { hash } from "node:crypto";
import pg from "pg";
import { isPooled } from "./pooled.ts";

export interface WayOptions {
  readonly url: string;
  /** Leads to the same database without a pooler, for the connections that listen. Left out: `url`. */
  readonly listenUrl?: string | undefined;
  readonly problem?: (message: string, error: unknown) => void;
}

/** Settings of a connection, by name; the values as they stand in `set`. */
export type Settings = Readonly<Record<string, string | number>>;

export interface Statement {
  /** Named statements are parsed once a connection. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** The server does not know a prepared statement of this name; it knows one that we did not prepare. */
const REFUSED = new Set(["26000", "42P05"]);
const WAIT_MS = 5000;

/**
 * What lies between this process and its PostgreSQL server. Behind a pooler a connection of the server may belong to
 * another client after every transaction (F30), so nothing of a session can be relied on:
 *
 * W1. Settings go with each transaction, not with the connection; many poolers refuse them there anyway.
 * W2. Prepared statements have names until the server says once that it does not know one, or knew it already. Such an
 *     answer comes before anything was executed. A name stands for one text, whichever version of Weftwork prepared it.
 * W3. What listens finds out by itself whether it is heard: see `PostgresListener`.
 */
export class Way {
  /** Where those connect that listen. */
  readonly listenUrl: string;
  private readonly url: string;
  private readonly problem: NonNullable<WayOptions["problem"]>;
  private pooled: boolean | null = null;
  private looking: Promise<void> | null = null;
  private keepsNames = true;
  private toldDeaf = false;

  constructor({ url, listenUrl = url, problem = () => undefined }: WayOptions) {
    this.url = url;
    this.listenUrl = listenUrl;
    this.problem = problem;
  }

  /** A session may be shared with other clients. Known after `look`. */
  get isPooled(): boolean {
    return this.pooled === true;
  }

  /** Finds out, once, on a connection of its own. Rejects with what that connection met, and looks again next time. */
  async look(): Promise<void> {
    if (this.pooled !== null) return;
    this.looking ??= this.measure().finally(() => {
      this.looking = null;
    });
    await this.looking;
  }

  /** How a transaction begins: with its settings, where the connection cannot keep them. */
  opening(settings: Settings): string {
    if (!this.isPooled) return "begin";
    return ["begin", ...Object.entries(settings).map(([name, value]) => `set local ${name} = ${value}`)].join("; ");
  }

  /** The statement as the client takes it. */
  prepared(statement: Statement): pg.QueryConfig<unknown[]> {
    return prepared(statement, this.keepsNames);
  }

  /**
   * Whether the statement met a prepared statement that was not its own: nothing was executed, and it may be done again.
   * From then on nothing has a name.
   */
  isRefusal(error: unknown): boolean {
    if (!isRefusal(error)) return false;
    if (this.keepsNames)
      this.problem(
        "the pooler before the database does not keep prepared statements: they are sent without names from now on, " +
          "which costs the database time. PgBouncer 1.21 or newer keeps them, with max_prepared_statements",
        error,
      );
    this.keepsNames = false;
    this.pooled = true;
    return true;
  }

  /** One of those who listen is not heard. */
  deaf(): void {
    if (this.toldDeaf) return;
    this.toldDeaf = true;
    this.problem(
      "notifications of the database do not come through the pooler before it: this process looks for its work instead, " +
        "every two seconds. Set WEFT_DATABASE_LISTEN_URL to the server itself, or to a pooler in session mode",
      null,
    );
  }

  private async measure(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url,
      application_name: "weft",
      connectionTimeoutMillis: WAIT_MS,
      query_timeout: WAIT_MS,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      this.pooled = await isPooled(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** The statement as the client takes it; where the way is not known, with its name. */
export function prepared({ name, text, values = [] }: Statement, isNamed = true): pg.QueryConfig<unknown[]> {
  const query = { text, values: [...values] };
  return name !== undefined && isNamed ? { ...query, name: nameOf(name, text) } : query;
}

function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && REFUSED.has(code);
}

/** Settings as the `options` of a connection. */
export function startOptions(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(" ", String.raw`\ `)}`)
    .join(" ");
}

const names = new Map<string, string>();

/** A name that no other text has: sessions of the server may be shared with another version, or another schema. */
function nameOf(name: string, text: string): string {
  let full = names.get(text);
  if (full === undefined) names.set(text, (full = `${name}_${hash("sha256", text).slice(0, 12)}`));
  return full;
}
