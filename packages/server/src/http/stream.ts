import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Run, RunMessage } from "@weftwork/sdk";
import type { FastifyReply, FastifyRequest } from "fastify";
import { encodedOnce } from "./encoded-once.ts";
import { openStream, type OpenStream } from "./open-stream.ts";
import type { Surface } from "./surface.ts";

const RETRY_MS = 2000;
/**
 * A reader whose connection took nothing for so long is let go; it comes back with its position. A slow network that
 * takes a kilobyte a second may take it in pieces of a hundred.
 */
const STALL_MS = 300_000;

/**
 * The stream of a run as server-sent events: those that were, then those to come, and the end of the answer when the
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
  const after = positionOf(request);
  const stream = openStream(surface, run.id, after);
  // The first batch before the head: what is wrong with the position is then an answer with a status.
  const first = after === undefined ? undefined : await stream.first(run.finished_at !== null);
  if (first === null) return reply.code(204).send();
  reply.hijack();
  await follow(surface, reply, stream, first ?? []);
  return reply;
}

/** The header wins: a browser that comes back sends it, and repeats the address it was given at first. */
export function positionOf(request: FastifyRequest): string | undefined {
  const header = request.headers["last-event-id"];
  if (typeof header === "string" && header !== "") return header;
  const { after } = request.query as { readonly after?: unknown };
  return typeof after === "string" && after !== "" ? after : undefined;
}

async function follow(
  surface: Surface,
  reply: FastifyReply,
  stream: OpenStream,
  first: readonly RunMessage[],
): Promise<void> {
  const { raw } = reply;
  surface.hold(raw);
  raw.once("close", stream.stop);
  for (const [name, value] of Object.entries(reply.getHeaders())) raw.setHeader(name, String(value));
  // Ended by the end of the connection: a frame around each message would be made anew for each of many readers.
  raw.removeHeader("transfer-encoding");
  raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  raw.write(`retry: ${RETRY_MS}\n\n`);
  const heartbeat = setInterval(() => {
    if (!raw.writableNeedDrain) raw.write(":\n\n");
  }, surface.heartbeatMs);
  try {
    await send(raw, first);
    for await (const batch of stream.batches) await send(raw, batch);
  } catch {
    // The head is sent, so no status can tell it: the reader sees the cut, and comes back with its position.
    raw.destroy();
  } finally {
    clearInterval(heartbeat);
    stream.stop();
    raw.end();
  }
}

/** Resolves when the connection takes more: what is not taken stays where it was read from, and fills no memory here. */
async function send(raw: ServerResponse, batch: readonly RunMessage[]): Promise<void> {
  for (let at = 0; at < batch.length && !raw.destroyed;) {
    raw.cork();
    let takes = true;
    while (takes && at < batch.length) takes = raw.write(encoded(batch[at++]!));
    raw.uncork();
    if (!takes) await drained(raw);
  }
}

async function drained(raw: ServerResponse): Promise<void> {
  if (!raw.writableNeedDrain || raw.destroyed) return;
  const given = new AbortController();
  const giveUp = (): void => given.abort();
  const timer = setTimeout(() => raw.destroy(), STALL_MS);
  raw.once("close", giveUp);
  await once(raw, "drain", { signal: given.signal }).catch(() => undefined);
  clearTimeout(timer);
  raw.off("close", giveUp);
}

/** JSON has no line breaks of its own, so one `data` line holds it. */
const encoded = encodedOnce(({ id, event, data }) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
