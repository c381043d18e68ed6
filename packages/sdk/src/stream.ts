import type { JsonObject } from "@weftwork/core";
import { WeftError } from "./problem.ts";
import type { RunMessage, RunMessages } from "./run.ts";
import { readEvents } from "./sse.ts";
import { SocketClosed, socketMessages } from "./web-socket.ts";

export type StreamTransport = "sse" | "websocket" | "poll";

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Begins behind the message with this id. */
  readonly after?: string;
  /** How the messages come. A WebSocket carries no key, so it is for servers that need none. Default: `sse`. */
  readonly transport?: StreamTransport;
}

/** How a run is reached. */
export interface StreamLink {
  /** A GET below the run's path; throws `WeftError` for a problem. */
  send(
    path: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal },
  ): Promise<Response>;
  readonly socketUrl: string;
  /** Requests carry a key. */
  readonly hasKey: boolean;
}

/** One connection: messages behind a position until it ends. Returns true when the run has ended. */
type Connection = AsyncGenerator<RunMessage, boolean>;
type Connect = (link: StreamLink, position: Position, signal: AbortSignal | undefined) => Connection;

/** What one connection leaves to the next. */
interface Position {
  after: string | undefined;
  /** Milliseconds after which the server wants a reader to come back. */
  retryMs: number;
}

const RECONNECT_MS = 2000;
const RECONNECTS_MAX = 10;
const POLL_SECONDS = 30;
/** A WebSocket over which nothing came for so long is opened anew: sooner at first, for one that never worked. */
const QUIET_MS = 2000;
const QUIET_MS_MAX = 60_000;

const CONNECT: Readonly<Record<StreamTransport, Connect>> = { sse: bySse, websocket: bySocket, poll: byPolls };

/** The messages of a run over as many connections as it takes, until the run has ended. */
export async function* resumed(
  link: StreamLink,
  options: StreamOptions & { readonly reconnectMs: number | null },
): AsyncGenerator<RunMessage> {
  const { signal, transport = "sse", reconnectMs } = options;
  if (transport === "websocket" && link.hasKey)
    throw new TypeError("A WebSocket carries no key; follow the run with the transport sse or poll.");
  const position: Position = { after: options.after, retryMs: RECONNECT_MS };
  for (let failures = 0; ;) {
    const before = position.after;
    try {
      if (yield* noted(CONNECT[transport](link, position, signal), position)) return;
    } catch (error) {
      if (signal?.aborted === true || !mayPass(error)) throw error;
      if (position.after === before && failures >= RECONNECTS_MAX) throw error;
    }
    const hasProgress = position.after !== before;
    // What brought something is asked again at once; what did not (a server that goes down lets streams go) has its
    // pause.
    failures = hasProgress ? 0 : failures + 1;
    if (!hasProgress) await pause((reconnectMs ?? position.retryMs) * Math.min(failures, 5), signal);
    signal?.throwIfAborted();
  }
}

/** Keeps the position of each message that its reader was given. */
async function* noted(connection: Connection, position: Position): Connection {
  try {
    for (;;) {
      const next = await connection.next();
      if (next.done === true) return next.value;
      position.after = next.value.id;
      yield next.value;
    }
  } finally {
    await connection.return(false);
  }
}

async function* bySse(link: StreamLink, position: Position, signal: AbortSignal | undefined): Connection {
  const { after } = position;
  const response = await link.send("/events", {
    headers: { accept: "text/event-stream", ...(after === undefined ? {} : { "last-event-id": after }) },
    ...(signal ? { signal } : {}),
  });
  // An ended run whose last message was read.
  if (response.status === 204 || !response.body) return true;
  for await (const { id, event, data, retryMs } of readEvents(response.body)) {
    position.retryMs = retryMs ?? position.retryMs;
    if (data === "" || id === null) continue;
    const message = { id, event, data: JSON.parse(data) as JsonObject };
    yield message;
    if (LAST.has(event)) return true;
  }
  return false;
}

async function* bySocket(link: StreamLink, position: Position, signal: AbortSignal | undefined): Connection {
  for (let quietMs = QUIET_MS; ; quietMs = Math.min(quietMs * 2, QUIET_MS_MAX)) {
    const before = position.after;
    const query = before === undefined ? "" : `?after=${encodeURIComponent(before)}`;
    if ((yield* socketMessages(link.socketUrl + query, quietMs, signal)) === "ended") return true;
    if (position.after !== before) quietMs = QUIET_MS;
  }
}

async function* byPolls(link: StreamLink, position: Position, signal: AbortSignal | undefined): Connection {
  for (;;) {
    const after = position.after === undefined ? "" : `&after=${encodeURIComponent(position.after)}`;
    const asked = performance.now();
    const response = await link.send(`/events?wait=${POLL_SECONDS}${after}`, {
      headers: { accept: "application/json" },
      ...(signal ? { signal } : {}),
    });
    const { data, done } = (await response.json()) as RunMessages;
    yield* data;
    if (done) return true;
    // Nothing, and at once: a server that goes down answers so.
    if (data.length === 0 && performance.now() - asked < POLL_SECONDS * 500) return false;
  }
}

const LAST: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);

/** A connection that broke, and an answer that says so, may be better the next time; a mistake of ours will not. */
function mayPass(error: unknown): boolean {
  if (error instanceof SocketClosed) return error.mayPass;
  return error instanceof WeftError ? error.problem.retryable : !(error instanceof SyntaxError);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
