import type { RunHead } from "../journal/journal.ts";
import type { Live } from "../live/live.ts";
import { NO_PLACE, type StreamPiece, type StreamPlace } from "../streamlog/streamlog.ts";
import type { RunNotice } from "./owner.ts";
import { pieceMessage, readBehind, rowMessages } from "./stream.ts";
import type { ReadLimits, StreamBatch, StreamMessage, StreamOptions } from "./stream.ts";
import { comparePositions, positionText, rowPosition, START, type Position } from "./stream-position.ts";

/** Messages of a run that are kept for all its readers together (O15). */
const RING_MESSAGES_MAX = 1000;
const RING_BYTES_MAX = 256 * 1024;
/** Notices that may wait while a row's values are read; beyond, the feed goes on from the journal. */
const NOTICES_MAX = 1000;
/** Readers that are woken in one turn: under a millisecond of writing to their connections. */
const WAKE_MAX = 32;
/**
 * Pause between two looks into the journal: for a run of another process, the first of them, where that process is heard,
 * and as a guard for a run of this process.
 */
const POLL_MS = 500;
const POLL_FIRST_MS = 100;
const POLL_HEARD_MS = 2000;
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
  /** The last piece that came, and everything that its owner told before it. */
  private heard: StreamPlace = NO_PLACE;
  private pollMs = POLL_FIRST_MS;
  private readonly unsubscribe: () => void;

  constructor(options: FeedOptions, head: RunHead) {
    this.options = options;
    this.head = head;
    this.unsubscribe = options.live.subscribe(
      String(head.runKey),
      (notice) => this.noticed(notice),
      () => this.missed(),
    );
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
   * feed was made: what happened before is recorded, and what happened since was noticed. `heard`: the last piece that
   * the reader has read.
   */
  start(position: Position, heard: StreamPlace): void {
    if (this.isStarted) return;
    this.isStarted = true;
    this.heard = heard;
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

  /** Notices of other processes may have been lost. */
  private missed(): void {
    this.pollMs = POLL_FIRST_MS;
    this.overflowed = true;
    this.wakeLoop?.();
  }

  private async follow(): Promise<void> {
    while (!this.closed && !this.ended) {
      const notice = await this.nextNotice();
      if (this.closed) return;
      switch (notice?.type) {
        case "piece":
          await this.hear(notice.piece, notice.after);
          break;
        case "recorded":
        case "written":
          await this.rowNoticed(notice);
          break;
        default:
          // The next owner's rows come first; what this one said behind a row that it did not record is void.
          if (notice) this.early = [];
          await this.catchUp();
      }
    }
  }

  private async hear(piece: StreamPiece, after: number): Promise<void> {
    // Where one before it did not come, the log has them all in a moment.
    if (!this.hasHeard(piece.epoch, after)) await this.catchUp({ pieces: "late" });
    if (comparePieces(piece, this.heard) > 0) this.heard = piece;
    this.addPiece(pieceMessage(piece));
  }

  private async rowNoticed(notice: Extract<RunNotice, { type: "recorded" | "written" }>): Promise<void> {
    const { seq, epoch, said } = notice;
    if (notice.type === "recorded" && seq <= this.position.row + 1 && !this.earlyLost) {
      const { payloads } = this.options;
      this.add(await rowMessages({ payloads }, this.head.tenant, seq, notice.decisions, this.position));
      this.reached(rowPosition(seq));
      return;
    }
    if (notice.type === "recorded") await this.catchUp();
    else {
      this.pollMs = POLL_HEARD_MS;
      if (seq <= this.position.row) return;
      // Where all that was said before the row is here, the row follows at once.
      const settled = seq === this.position.row + 1 && !this.earlyLost && this.hasHeard(epoch, said);
      await this.catchUp({ until: seq, pieces: settled ? "settled" : "late" });
      const last = { row: seq, epoch, number: said };
      if (said > 0 && comparePieces(last, this.heard) > 0) this.heard = last;
    }
    this.earlyLost = false;
  }

  /** Whether the piece of this number, and so everything that its owner told before, has come. 0: there was none. */
  private hasHeard(epoch: number, number: number): boolean {
    return number === 0 || (this.heard.epoch === epoch && this.heard.number >= number);
  }

  /** Null: the journal should be looked into. */
  private async nextNotice(): Promise<RunNotice | null> {
    if (this.notices.length === 0 && !this.overflowed) {
      const { clock, isHeld } = this.options;
      const pause = isHeld(this.head.runKey) ? POLL_HELD_MS : this.pollMs;
      this.pollMs = Math.max(this.pollMs, POLL_MS);
      await new Promise<void>((resolve) => {
        const cancel = clock.after(pause, resolve);
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

  private async catchUp(limits: ReadLimits = {}): Promise<void> {
    for (let more = true; more && !this.closed;) {
      const batch = await readBehind(this.options, this.head, this.position, limits);
      if (batch.heard && comparePieces(batch.heard, this.heard) > 0) this.heard = batch.heard;
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

/** By who told them and when, wherever they stand. */
function comparePieces(a: StreamPlace, b: StreamPlace): number {
  return a.epoch - b.epoch || a.number - b.number;
}
