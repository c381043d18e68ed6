import { decodeRow, payloadsOf, ResponseFollower, type DispatchTask, type ResponseChunk } from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import { NO_PLACE, type StreamPiece } from "../streamlog/streamlog.ts";
import { isPinned } from "./commit.ts";
import type { HotRun } from "./hot-run.ts";
import type { Payloads } from "./payloads.ts";
import type { StreamBuffer } from "./stream-buffer.ts";

export interface AnswerStreamsOptions {
  readonly journal: Journal;
  readonly buffer: StreamBuffer;
  readonly payloads: Payloads;
  /** Characters of one answer that are told. */
  readonly charsMax: number;
  readonly tell: (
    run: HotRun,
    piece: Pick<StreamPiece, "scope" | "node" | "attempt" | "type" | "data" | "row">,
  ) => void;
  readonly problem: (message: string, run: HotRun, error: unknown) => void;
}

interface AnswerStream {
  readonly run: HotRun;
  readonly follower: ResponseFollower;
  /** Characters of the answer so far. */
  length: number;
  cut: boolean;
}

/** Characters of one piece at most. */
const PIECE_CHARS_MAX = 65_536;
const PIECES_READ = 500;

/**
 * The text that runs of imported workflows give to their callers, piece by piece in the order of the graph, as
 * `answer_delta` in the stream of the run. The rule for its readers: cut the answer at `offset`, then add `text`. So a
 * text that an attempt said and that does not hold is taken back by the next piece, and a repeat does no harm.
 *
 * A1. What an event lets out stands before the row with that event.
 * A2. Whoever takes a run over goes on where the stream log ends: what was said is compared with what the recorded
 *     events let out, and what differs is said anew.
 */
export class AnswerStreams {
  private readonly options: AnswerStreamsOptions;
  private readonly streams = new Map<number, AnswerStream>();

  constructor(options: AnswerStreamsOptions) {
    this.options = options;
  }

  /** The open row of a run is about to be sent. */
  rowSending(run: HotRun): void {
    if (!isImported(run)) return;
    if (run.nextSeq === 1) this.streams.set(run.key, streamOf(run));
    this.follow(run, (follower) => follower.row(run.open.decisions));
  }

  /** A step says this while it runs. */
  said(run: HotRun, { scope, node }: DispatchTask, text: string): void {
    this.follow(run, (follower) => follower.delta(scope, node, text));
  }

  /** What a step said will not become its result. */
  superseded(run: HotRun, { scope, node }: DispatchTask): void {
    this.follow(run, (follower) => follower.forget(scope, node));
  }

  /** The run is no longer held here. */
  left(run: HotRun): void {
    if (this.streams.get(run.key)?.run === run) this.streams.delete(run.key);
  }

  /** Follows a run again from its beginning, before this process goes on with it. Never throws: a stream is no result. */
  async restore(run: HotRun): Promise<void> {
    if (!isImported(run)) return;
    this.streams.delete(run.key);
    try {
      const stream = streamOf(run);
      const chunks = await this.replayed(run, stream.follower);
      const text = put(chunks);
      const before = await toldAnswer(this.options.buffer, run.key);
      stream.length = text.length;
      this.streams.set(run.key, stream);
      const same = commonLength(text, before);
      if (same === text.length && same === before.length) return;
      const last = chunks.at(-1);
      const place = { scope: last?.scope ?? "root", node: last?.node ?? "" };
      // The row that is next has not been sent: `row` of a run that is taken over is the newest recorded one.
      stream.length = same;
      this.say(stream, { ...place, selector: null, text: text.slice(same), takesBack: 0 }, stream.follower.state.seq);
    } catch (error) {
      this.options.problem("the answer of the run cannot be streamed on", run, error);
    }
  }

  private async replayed({ key, tenant }: HotRun, follower: ResponseFollower): Promise<readonly ResponseChunk[]> {
    const { journal, payloads } = this.options;
    const chunks: ResponseChunk[] = [];
    const { rows } = await journal.read(key, { snapshot: false });
    for (const { body } of rows) {
      const decisions = decodeRow(body);
      const events = decisions.flatMap((decision) => decision.events);
      const read = events.filter((event) => isPinned(follower.state, event));
      await payloads.load(tenant, read.flatMap(payloadsOf), true);
      chunks.push(...follower.row(decisions));
    }
    return chunks;
  }

  /** Tells what a step of the follower lets out. A mistake of ours ends the stream, and never the run. */
  private follow(run: HotRun, step: (follower: ResponseFollower) => readonly ResponseChunk[]): void {
    const stream = this.streams.get(run.key);
    if (!stream) return;
    try {
      for (const chunk of step(stream.follower)) this.say(stream, chunk, run.nextSeq - 1);
    } catch (error) {
      this.streams.delete(run.key);
      this.options.problem("the answer of the run cannot be streamed on", run, error);
    }
  }

  private say(stream: AnswerStream, chunk: ResponseChunk, row: number): void {
    const { scope, node, selector, text } = chunk;
    const { charsMax, tell } = this.options;
    stream.length -= chunk.takesBack;
    if (stream.cut) return;
    const at = stream.follower.state.scopes.get(scope);
    const index = at?.body.byId.get(node)?.index;
    const attempt = index === undefined ? 1 : (at?.tasks[index]?.attempt ?? 1);
    const piece = { scope, node, attempt, row };
    if (stream.length + text.length > charsMax) {
      stream.cut = true;
      const data = { reason: "answer_limit", limit: charsMax, offset: stream.length };
      return tell(stream.run, { ...piece, type: "stream_truncated", data });
    }
    for (let from = 0; from === 0 || from < text.length; from += PIECE_CHARS_MAX) {
      const part = text.slice(from, from + PIECE_CHARS_MAX);
      tell(stream.run, { ...piece, type: "answer_delta", data: { offset: stream.length, text: part, selector } });
      stream.length += part.length;
    }
  }
}

function isImported(run: HotRun): boolean {
  return run.state.plan.workflow.dify !== undefined;
}

function streamOf(run: HotRun): AnswerStream {
  const { plan, nested } = run.state;
  return { run, follower: new ResponseFollower(plan, nested), length: 0, cut: false };
}

/** The answer of a run as the stream log has it. */
export async function toldAnswer(buffer: StreamBuffer, runKey: number): Promise<string> {
  let text = "";
  let behind = NO_PLACE;
  for (;;) {
    const pieces = await buffer.read(runKey, { behind, type: "answer_delta", limit: PIECES_READ });
    for (const { data } of pieces) text = text.slice(0, Number(data["offset"])) + String(data["text"]);
    if (pieces.length < PIECES_READ) return text;
    behind = pieces.at(-1)!;
  }
}

/** Chunks as the text that they make. */
export function put(chunks: readonly Pick<ResponseChunk, "text" | "takesBack">[]): string {
  let text = "";
  for (const { text: added, takesBack } of chunks) text = text.slice(0, text.length - takesBack) + added;
  return text;
}

function commonLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}
