import pg from "pg";
import { hearsOthers } from "./pooled.ts";

export interface PostgresListenerOptions {
  /** How the connection is made: its address, what it calls itself, its settings and its time limits. */
  readonly connection: pg.ClientConfig;
  /** Names as they are, not quoted; 63 bytes at most. */
  readonly channels: readonly string[];
  /** Every notification of any of the channels, in the order in which the server sends them. Empty: it had no payload. */
  readonly onNotification: (payload: string) => void;
  /** All channels are heard from now on. Called again after each `onDown`: what was said meanwhile nobody has heard. */
  readonly onUp?: () => void;
  /** The connection has broken after it was up; another one is on its way. Not called for `close`. */
  readonly onDown?: () => void;
  /** There is a pooler that lets nothing through. Called at every try, and `onUp` is not. */
  readonly onDeaf?: () => void;
}

const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;
/** Poolers are set up otherwise once in months. */
const DEAF_MS = 60_000;
/** What poolers answer to settings that they do not pass on. */
const PROTOCOL_VIOLATION = "08P01";

/**
 * LISTEN on a connection of its own, which is made anew whenever it breaks, for as long as that takes. A notification is
 * a hint: those of the time in which the connection was down are lost, so whoever listens looks as well (F30).
 *
 * A pooler that shares sessions between transactions takes LISTEN, and lets nothing be heard. That is tried first, on a
 * channel that nobody uses: what listens through such a pooler is never up, and tries again every minute.
 */
export class PostgresListener {
  private readonly options: PostgresListenerOptions;
  /** The present try, from its beginning until it breaks. */
  private client: pg.Client | null = null;
  /** The same once all channels are heard. */
  private listening: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  /** Without its settings, once a pooler has refused them. */
  private config: pg.ClientConfig;
  /** Tries in a row that did not come to listen. */
  private failures = 0;
  private closed = false;

  constructor(options: PostgresListenerOptions) {
    this.options = options;
    this.config = options.connection;
  }

  /** The connection while it listens. Null while it is down. */
  get connection(): pg.Client | null {
    return this.listening;
  }

  /**
   * Asks something else on the connection. Throws while it is down, and what the server or the time limit says; one that
   * gives no answer in time is replaced, for what is asked next would wait behind it.
   */
  async ask(query: pg.QueryConfig): Promise<void> {
    const client = this.listening;
    if (!client) throw new Error("the connection that listens is down");
    try {
      await client.query(query);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) this.reconnect(client);
      throw error;
    }
  }

  /** Begins to connect, once; does not wait for the server. Nothing after `close`. */
  start(): void {
    if (!this.client && !this.retry && !this.closed) void this.connect();
  }

  /** Nothing is called any more. Resolves when the connection has ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.retry) clearTimeout(this.retry);
    const { client } = this;
    this.client = null;
    this.listening = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const { channels, onNotification, onUp } = this.options;
    const client = new pg.Client(this.config);
    this.client = client;
    client.on("notification", ({ channel, payload }) => {
      if (this.client === client && channels.includes(channel)) onNotification(payload ?? "");
    });
    client.on("error", () => this.reconnect(client));
    client.on("end", () => this.reconnect(client));
    try {
      await client.connect();
      if (!(await hearsOthers(client, this.config))) return this.giveUp(client);
      for (const channel of channels) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      if ((error as { code?: unknown }).code === PROTOCOL_VIOLATION) {
        const { options: _refused, ...rest } = this.config;
        this.config = rest;
      }
      this.reconnect(client);
      return;
    }
    if (this.client !== client) return;
    this.listening = client;
    this.failures = 0;
    onUp?.();
  }

  /** Nothing will be heard on this connection, nor on the next one for some time. */
  private giveUp(client: pg.Client): void {
    if (this.client !== client) return;
    this.options.onDeaf?.();
    this.again(client, DEAF_MS * (0.8 + Math.random() * 0.4));
  }

  private reconnect(client: pg.Client): void {
    // It was given up before: by its other event, or by `close`.
    if (this.client !== client) return;
    const wasUp = this.listening !== null;
    // Full jitter: the processes that lost the same server do not come back in one moment.
    this.again(client, Math.random() * Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.failures));
    this.failures += 1;
    if (wasUp) this.options.onDown?.();
  }

  /** Lets the connection go, and makes another one after the pause. */
  private again(client: pg.Client, pauseMs: number): void {
    this.client = null;
    this.listening = null;
    client.end().catch(() => undefined);
    this.retry = setTimeout(() => {
      this.retry = null;
      void this.connect();
    }, pauseMs).unref();
  }
}
