import type { RunHead } from "../journal/journal.ts";
import type { Live } from "../live/live.ts";
import type { RunNotice } from "./owner.ts";
import { pieceMessage, readBehind, rowMessages } from "./stream.ts";
import type { StreamBatch, StreamMessage, StreamOptions } from "./stream.ts";
import { comparePositions, positionText, rowPosition, START, type Position } from "./stream-position.ts";

/** Messages of a run that are kept for all its readers together (O15). */
const RING_MESSAGES_MAX = 1000;
const RING_BYTES_MAX = 256 * 1024;
/** Notices that may wait while a row's values are read; beyond, the feed goes on from the journal. */
const NOTICES_MAX = 1000;
/** Readers that are woken in one turn: under a millisecond of writing to their connections. */
const WAKE_MAX = 32;
/** Pause between two looks into the journal: for a run of another process, and as a guard for one of this. */
const POLL_MS = 500;
const POLL_HELD_MS = 5000;

export interface FeedOptions extends StreamOptions {
  readonly live: Live<RunNotice>;
}

/**
 * What happens in one run now, read once for everybody who watches it: a ring of the last messages. A reader that is
 * slower than the ring loses nothing but the ring: it reads on from the journal and the stream log, by itself.
 *
 * Owns: the ring. Does not own: readers, who have their own places, and whose slowness it never learns of.
 */
export class Feed {
  readonly head: RunHead;
  readers = 0;
  isStarted = false;
  /** The run has ended, or reading it failed: nothing is added any more. */
  ended = false;
  failure: unknown = null;
  /** Everything behind this and up to `position` is in the ring. */
  floor: Position = START;
  private readonly options: FeedOptions;
  private readonly ring: StreamMessage[] = [];
  private ringBytes = 0;
  /** Place in the ring's whole history of what it holds first. */
  private first = 0;
  private position: Position = START;
  private closed = false;
  private readonly waiters = new Set<() => void>();
  private readonly toWake: (() => void)[] = [];
  private isWaking = false;
  private readonly reads = new Map<string, Promise<StreamBatch>>();
  private notices: RunNotice[] = [];
  private overflowed = false;
  private wakeLoop: (() => void) | null = null;
  /** Pieces that stand behind a row that is not recorded yet. */
  private early: StreamMessage[] = [];
  /** There were too many of them: when the row comes they are read from the log. */
  private earlyLost = false;
  private readonly unsubscribe: () => void;

  constructor(options: FeedOptions, head: RunHead) {
    this.options = options;
    this.head = head;
    this.unsubscribe = options.live.subscribe(String(head.runKey), (notice) => this.noticed(notice));
  }

  /** What is recorded behind a position. Readers that come at the same time with the same one read once. */
  read(after: Position): Promise<StreamBatch> {
    const key = positionText(after);
    let reading = this.reads.get(key);
    if (!reading) {
      reading = readBehind(this.options, this.head, after).finally(() => this.reads.delete(key));
      this.reads.set(key, reading);
    }
    return reading;
  }

  /**
   * Begins behind a position up to which a reader has read everything. Only for readers who began to read after this
   * feed was made: what happened before is recorded, and what happened since was noticed.
   */
  start(position: Position): void {
    if (this.isStarted) return;
    this.isStarted = true;
    this.floor = position;
    this.position = position;
    this.follow().catch((error: unknown) => {
      this.failure = error;
      this.ended = true;
      this.wakeReaders();
    });
  }

  /** Place in the ring of the first message behind a position; null when the ring does not reach back so far. */
  placeBehind(position: Position): number | null {
    if (!this.isStarted || comparePositions(this.floor, position) > 0) return null;
    let [low, high] = [0, this.ring.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePositions(this.ring[middle]!.position, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.first + low;
  }

  /** Messages from a place on; null when the ring has let go of them. */
  from(place: number): readonly StreamMessage[] | null {
    return place < this.first ? null : this.ring.slice(place - this.first);
  }

  /** Calls back once when there is more. */
  onMore(listener: () => void): () => void {
    this.waiters.add(listener);
    return () => void this.waiters.delete(listener);
  }

  /** About how many bytes are kept for readers. */
  get bytes(): number {
    return this.ringBytes;
  }

  close(): void {
    this.closed = true;
    this.unsubscribe();
    this.wakeLoop?.();
  }

  private noticed(notice: RunNotice): void {
    if (this.notices.length >= NOTICES_MAX) {
      this.notices = [];
      this.overflowed = true;
      this.earlyLost = true;
    }
    this.notices.push(notice);
    this.wakeLoop?.();
  }

  private async follow(): Promise<void> {
    while (!this.closed && !this.ended) {
      const notice = await this.nextNotice();
      if (this.closed) return;
      if (notice?.type === "piece") this.addPiece(pieceMessage(notice.piece));
      else if (notice?.type === "recorded" && notice.seq <= this.position.row + 1 && !this.earlyLost) {
        const { payloads } = this.options;
        const { seq, decisions } = notice;
        this.add(await rowMessages({ payloads }, this.head.tenant, seq, decisions, this.position));
        this.reached(rowPosition(seq));
      } else {
        // The next owner's rows come first; what this one said behind a row that it did not record is void.
        if (notice?.type === "left") this.early = [];
        await this.catchUp();
        if (notice?.type === "recorded") this.earlyLost = false;
      }
    }
  }

  /** Null: the journal should be looked into. */
  private async nextNotice(): Promise<RunNotice | null> {
    if (this.notices.length === 0 && !this.overflowed) {
      const { clock, isHeld } = this.options;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(isHeld(this.head.runKey) ? POLL_HELD_MS : POLL_MS, resolve);
        this.wakeLoop = () => {
          cancel();
          resolve();
        };
      });
      this.wakeLoop = null;
    }
    if (this.overflowed) {
      this.overflowed = false;
      return null;
    }
    return this.notices.shift() ?? null;
  }

  private async catchUp(): Promise<void> {
    for (let more = true; more && !this.closed;) {
      const batch = await readBehind(this.options, this.head, this.position);
      this.add(batch.messages);
      this.reached(batch.position);
      more = batch.more;
      if (batch.ended) this.end();
    }
  }

  private addPiece(message: StreamMessage): void {
    if (message.position.row > this.position.row) {
      this.early.push(message);
      if (this.early.length <= NOTICES_MAX) return;
      this.early = [];
      this.earlyLost = true;
    } else this.add([message]);
  }

  /** Takes what is behind the position, in order. */
  private add(messages: readonly StreamMessage[]): void {
    for (const message of messages) {
      if (this.ended || comparePositions(message.position, this.position) <= 0) continue;
      this.position = message.position;
      this.ring.push(message);
      this.ringBytes += message.bytes;
      while (this.ring.length > RING_MESSAGES_MAX || (this.ringBytes > RING_BYTES_MAX && this.ring.length > 1)) {
        const gone = this.ring.shift()!;
        this.first += 1;
        this.ringBytes -= gone.bytes;
        this.floor = gone.position;
      }
      if (message.isLast) this.end();
    }
    if (messages.length > 0) this.wakeReaders();
  }

  private reached(position: Position): void {
    if (comparePositions(position, this.position) > 0) this.position = position;
    if (this.early.length === 0) return;
    const ready = this.early.filter((one) => one.position.row <= this.position.row);
    this.early = this.early.filter((one) => one.position.row > this.position.row);
    this.add(ready);
  }

  private end(): void {
    this.ended = true;
    this.wakeReaders();
  }

  /** Some at a time: a thousand readers must not hold up the run that they watch. */
  private wakeReaders(): void {
    for (const wake of this.waiters) this.toWake.push(wake);
    this.waiters.clear();
    if (!this.isWaking) this.wakeSome();
  }

  private wakeSome(): void {
    for (const wake of this.toWake.splice(0, WAKE_MAX)) wake();
    this.isWaking = this.toWake.length > 0;
    if (this.isWaking) this.options.clock.soon(() => this.wakeSome());
  }
}
