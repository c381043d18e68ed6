import type { RunHead } from "../journal/journal.ts";
import { Feed, type FeedOptions } from "./feed.ts";
import type { StreamMessage } from "./stream.ts";
import { comparePlaces, NO_PLACE, type StreamPlace } from "../streamlog/streamlog.ts";
import { comparePositions, rowPosition, type Position } from "./stream-position.ts";

/** The feeds of the runs that are watched in this process, one a run. */
export class Feeds {
  private readonly options: FeedOptions;
  private readonly feeds = new Map<number, Feed>();

  constructor(options: FeedOptions) {
    this.options = options;
  }

  /**
   * The stream of a run behind a position, as batches of what is there, until the run has ended. No gap and no repeat,
   * however slow the reader is: between two batches it holds nothing here but its place.
   */
  async *batches(
    head: RunHead,
    after: Position,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly StreamMessage[]> {
    let position = after;
    let heard: StreamPlace = NO_PLACE;
    const feed = this.open(head);
    try {
      for (;;) {
        const place = feed.placeBehind(position);
        if (place !== null) {
          const left = yield* follow(feed, place, position, signal);
          if (left === null) return;
          position = left;
          continue;
        }
        const { floor } = feed;
        const batch = await feed.read(position);
        position = batch.position;
        heard = batch.heard ?? heard;
        if (batch.messages.length > 0) yield batch.messages;
        // What the ring has let go of and the log could not keep is not waited for.
        else if (feed.isStarted && comparePositions(floor, position) > 0) position = floor;
        if (batch.ended || signal?.aborted) return;
        if (!batch.more && !feed.isStarted) feed.start(await this.recorded(head, position), heard);
      }
    } finally {
      this.close(feed);
    }
  }

  /** Bytes that are kept for readers, of all runs. */
  get bytes(): number {
    let sum = 0;
    for (const feed of this.feeds.values()) sum += feed.bytes;
    return sum;
  }

  /**
   * The position, if it is that of something recorded; otherwise the one behind its row. A reader may send any text, and
   * must not make others miss what it claims to have seen.
   */
  private async recorded(head: RunHead, position: Position): Promise<Position> {
    if (position.number === 0) return rowPosition(position.row);
    const before = { ...position, number: position.number - 1 };
    const [piece] = await this.options.buffer.read(head.runKey, { behind: before, limit: 1 });
    return piece && comparePlaces(piece, position) === 0 ? position : rowPosition(position.row);
  }

  private open(head: RunHead): Feed {
    let feed = this.feeds.get(head.runKey);
    // One that failed is left to its readers; those who come now try again.
    if (!feed || feed.failure !== null) this.feeds.set(head.runKey, (feed = new Feed(this.options, head)));
    feed.readers += 1;
    return feed;
  }

  private close(feed: Feed): void {
    feed.readers -= 1;
    if (feed.readers > 0) return;
    if (this.feeds.get(feed.head.runKey) === feed) this.feeds.delete(feed.head.runKey);
    feed.close();
  }
}

/**
 * What the ring holds from a place on, and what comes. Returns null at the end, and the position of a reader that was
 * slower than the ring.
 */
async function* follow(
  feed: Feed,
  from: number,
  after: Position,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly StreamMessage[], Position | null> {
  let [place, position] = [from, after];
  for (;;) {
    const messages = feed.from(place);
    if (messages === null) return position;
    if (messages.length === 0) {
      if (feed.failure !== null) throw feed.failure;
      if (feed.ended || signal?.aborted) return null;
      await more(feed, signal);
      continue;
    }
    place += messages.length;
    const fresh = messagesBehind(messages, position);
    const last = fresh.at(-1);
    if (!last) continue;
    position = last.position;
    yield fresh;
    if (last.isLast || signal?.aborted) return null;
  }
}

/** A reader may have read further in the journal than the feed has by then. */
function messagesBehind(messages: readonly StreamMessage[], position: Position): readonly StreamMessage[] {
  if (comparePositions(messages[0]!.position, position) > 0) return messages;
  return messages.filter((one) => comparePositions(one.position, position) > 0);
}

function more(feed: Feed, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      forget();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const forget = feed.onMore(done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
