import type { RunMessage } from "./run.ts";

/** Messages that may wait for their reader; a slower one is connected anew behind its place. */
const WAITING_MAX = 5000;
const END = 1000;
/** The connection ended without a close. */
const BROKEN = 1006;
/** The server closes with this and the HTTP status of a problem. */
const ERROR = 4000;
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** The server closed the connection and said why. `code` is 4000 and an HTTP status, or one of RFC 6455. */
export class SocketClosed extends Error {
  override readonly name = "SocketClosed";
  readonly code: number;
  /** The server's word for it: `run_not_found`, … */
  readonly reason: string;

  constructor(code: number, reason: string) {
    super(`the server closed the stream: ${reason === "" ? "without a reason" : reason} (${code})`);
    this.code = code;
    this.reason = reason;
  }

  /** Another connection may do better. */
  get mayPass(): boolean {
    return this.code < ERROR || PASSING.has(this.code - ERROR);
  }
}

/**
 * The messages of one connection, until the server says that the run has ended, or nothing came for `quietMs`: pings are
 * not shown to a program, so a dead connection cannot be told from a quiet one. Throws `SocketClosed`.
 */
export async function* socketMessages(
  url: string,
  quietMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunMessage, "ended" | "quiet"> {
  signal?.throwIfAborted();
  const socket = new WebSocket(url);
  let waiting: RunMessage[] = [];
  let closed: { readonly code: number; readonly reason: string } | null = null;
  let wake: (() => void) | null = null;
  const close = (): void => socket.close();
  /** Resolves with true when the time is over and nothing has changed. */
  const change = (): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), quietMs);
      wake = () => {
        clearTimeout(timer);
        wake = null;
        resolve(false);
      };
    });
  socket.addEventListener("message", ({ data }) => {
    waiting.push(JSON.parse(String(data)) as RunMessage);
    // A WebSocket cannot be told to wait.
    if (waiting.length >= WAITING_MAX) close();
    wake?.();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    closed = { code, reason };
    wake?.();
  });
  // A connection that never came about says no more than this.
  socket.addEventListener("error", () => {
    closed ??= { code: BROKEN, reason: "" };
    wake?.();
  });
  signal?.addEventListener("abort", close, { once: true });
  try {
    for (;;) {
      const batch = waiting;
      waiting = [];
      yield* batch;
      if (waiting.length > 0) continue;
      if (closed !== null) {
        signal?.throwIfAborted();
        const { code, reason } = closed as { readonly code: number; readonly reason: string };
        if (code === END && reason !== "") return "ended";
        throw new SocketClosed(code, reason);
      }
      if (await change()) return "quiet";
    }
  } finally {
    signal?.removeEventListener("abort", close);
    close();
  }
}
