import type { Run, RunMessage, RunMessages } from "@weftwork/sdk";
import type { FastifyReply } from "fastify";
import { openStream } from "./open-stream.ts";
import type { Surface } from "./surface.ts";

/** Position before the first message. */
const START = "0.0";
/** Messages of one answer; a poll must come whole to be of use. */
const MESSAGES_MAX = 200;

/**
 * What lies behind a position, at once; where nothing does, what comes within the time. Empty when nothing came, and
 * when the server drains: the position is then the one that was asked for.
 */
export async function pollRun(
  surface: Surface,
  reply: FastifyReply,
  run: Run,
  after: string | undefined,
  waitMs: number,
): Promise<RunMessages> {
  const stream = openStream(surface, run.id, after);
  surface.hold(reply.raw);
  reply.raw.once("close", stream.stop);
  let timer: NodeJS.Timeout | undefined;
  try {
    const iterator = stream.batches[Symbol.asyncIterator]();
    const first = iterator.next();
    // The first look is for what is there, and is not cut short.
    timer = setTimeout(stream.stop, waitMs);
    const { value, done } = await first;
    if (done !== true) return pageOf(value);
    return { data: [], next: after ?? START, done: !stream.signal.aborted };
  } finally {
    clearTimeout(timer);
    reply.raw.off("close", stream.stop);
    stream.stop();
  }
}

function pageOf(messages: readonly RunMessage[]): RunMessages {
  const data = messages.slice(0, MESSAGES_MAX);
  const last = data.at(-1)!;
  return { data, next: last.id, done: LAST.has(last.event) };
}

const LAST: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);
