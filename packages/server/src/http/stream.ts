import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { AppError } from "@weftwork/core";
import type { Run, RunMessage } from "@weftwork/sdk";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Surface } from "./surface.ts";

/** Open streams of one process. Each holds a connection and a place in the backlog of its run. */
const STREAMS_MAX = 2000;
/** Pieces of text are sent at most this often for a step. */
const DELTA_MS = 50;
const RETRY_MS = 2000;

/**
 * The events of a run as server-sent events: those that were, then those to come, and the end of the answer when the
 * run ends. `Last-Event-ID` or `?after=` resumes behind a position, without gap or repeat.
 *
 * A reader that is up to date with a run that has ended gets 204, which tells an `EventSource` not to come back.
 */
export async function streamRun(
  surface: Surface,
  request: FastifyRequest,
  reply: FastifyReply,
  run: Run,
): Promise<FastifyReply> {
  if (surface.streamCount >= STREAMS_MAX) {
    throw new AppError("OVERLOADED", { reason: `${STREAMS_MAX} open event streams`, retryAfter: 5 });
  }
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  const after = positionOf(request);
  const { signal } = stop;
  const messages = surface.engine.runs.events(run.id, { signal, ...(after === null ? {} : { after }) });
  const iterator = messages[Symbol.asyncIterator]();
  if (after !== null && run.finished_at !== null) {
    const first = await iterator.next();
    if (first.done === true) return reply.code(204).send();
    return follow(first.value);
  }
  return follow(null);

  async function follow(first: RunMessage | null): Promise<FastifyReply> {
    reply.hijack();
    const { raw } = reply;
    const forget = surface.onDrain(abort);
    surface.hold(raw);
    raw.once("close", abort);
    surface.streamCount++;
    const stream = new EventStream(raw, surface.heartbeatMs, reply.getHeaders());
    try {
      if (first !== null) await stream.send(first);
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        if (signal.aborted) break;
        await stream.send(next.value);
      }
    } catch {
      // The head is sent, so no status can tell it: the reader sees the cut, and comes back with its position.
    } finally {
      surface.streamCount--;
      forget();
      abort();
      stream.end();
    }
    return reply;
  }
}

/** The header wins: a browser that comes back sends it, and repeats the address it was given at first. */
function positionOf(request: FastifyRequest): string | null {
  const header = request.headers["last-event-id"];
  if (typeof header === "string" && header !== "") return header;
  const { after } = request.query as { readonly after?: unknown };
  return typeof after === "string" && after !== "" ? after : null;
}

/** One answer of server-sent events. Deltas of a step that come close together are sent as one. */
class EventStream {
  private readonly raw: ServerResponse;
  private readonly heartbeat: NodeJS.Timeout;
  /** Text that waits to be sent, by scope, step and attempt. */
  private readonly deltas = new Map<string, { message: RunMessage; text: string }>();
  private timer: NodeJS.Timeout | null = null;

  constructor(raw: ServerResponse, heartbeatMs: number, headers: Readonly<Record<string, unknown>>) {
    this.raw = raw;
    for (const [name, value] of Object.entries(headers)) raw.setHeader(name, String(value));
    raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    raw.write(`retry: ${RETRY_MS}\n\n`);
    this.heartbeat = setInterval(() => raw.write(":\n\n"), heartbeatMs);
  }

  /** Resolves when there is room for more. */
  async send(message: RunMessage): Promise<void> {
    const { text } = message.data;
    if (message.event === "text_delta" && message.id === null && typeof text === "string") {
      return this.hold(message, text);
    }
    this.flush();
    await this.write(message);
  }

  end(): void {
    this.flush();
    clearInterval(this.heartbeat);
    this.raw.end();
  }

  private hold(message: RunMessage, text: string): void {
    const { scope, node, attempt } = message.data;
    const key = JSON.stringify([scope ?? null, node ?? null, attempt ?? null]);
    const held = this.deltas.get(key);
    if (held) held.text += text;
    else this.deltas.set(key, { message, text });
    this.timer ??= setTimeout(() => this.flush(), DELTA_MS);
  }

  private flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const { message, text } of this.deltas.values()) {
      this.raw.write(encode({ ...message, data: { ...message.data, text } }));
    }
    this.deltas.clear();
  }

  private async write(message: RunMessage): Promise<void> {
    if (this.raw.destroyed || this.raw.write(encode(message))) return;
    const closed = new AbortController();
    const onClose = (): void => closed.abort();
    this.raw.once("close", onClose);
    await once(this.raw, "drain", { signal: closed.signal }).catch(() => undefined);
    this.raw.off("close", onClose);
  }
}

/** JSON has no line breaks of its own, so one `data` line holds it. */
function encode({ id, event, data }: RunMessage): string {
  return `${id === null ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
