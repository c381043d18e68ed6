import {
  AppError,
  decodeRow,
  encodeEvent,
  payloadsOf,
  type Decision,
  type Json,
  type JsonObject,
  type RunEvent,
} from "@weftwork/core";
import type { RunMessage } from "@weftwork/sdk";
import type { Journal, RunHead } from "../journal/journal.ts";
import type { StreamPiece, StreamPlace } from "../streamlog/streamlog.ts";
import type { Clock } from "./clock.ts";
import type { Payloads } from "./payloads.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import {
  comparePositions,
  eventPosition,
  piecePosition,
  positionText,
  rowPosition,
  type Position,
} from "./stream-position.ts";

/** Values in stream messages; larger ones are named by hash and size, and read from the run. */
const MESSAGE_BYTES_MAX = 1_000_000;
const ROWS_MAX = 200;
const PIECES_MAX = 500;
/** Bytes of messages that are read at once, about. */
const READ_BYTES_MAX = 1_000_000;
/** What a message takes beside its values, about. */
const MESSAGE_BYTES = 200;
/** Another process writes its pieces within this time after their rows. */
const LATE_MS = 200;
const YOUNG_MS = 1000;

export interface StreamOptions {
  readonly journal: Journal;
  readonly buffer: StreamBuffer;
  readonly payloads: Payloads;
  readonly clock: Clock;
  /** The run is held by this process, so all that it says is told or can be read here. */
  readonly isHeld: (runKey: number) => boolean;
}

/** A message of a run's stream, made once for all who read it. */
export interface StreamMessage {
  readonly position: Position;
  readonly message: RunMessage;
  /** About how many bytes it takes. */
  readonly bytes: number;
  /** The run has ended with it. */
  readonly isLast: boolean;
}

export interface StreamBatch {
  readonly messages: readonly StreamMessage[];
  /** Everything up to here was read. */
  readonly position: Position;
  /** There is more to be read at once. */
  readonly more: boolean;
  /** Nothing comes behind it. */
  readonly ended: boolean;
  /** The last piece that was read; null: none was. */
  readonly heard: StreamPlace | null;
}

export interface ReadLimits {
  /** The last row that is read. */
  readonly until?: number;
  /**
   * Whether pieces before that row may still be on their way from another process: `settled` where they are known to be
   * read already, `late` where some are known to be missing. Left out, it is judged by the age of the rows.
   */
  readonly pieces?: "settled" | "late";
}

/** What is recorded of a run's stream behind a position: its events, and the pieces between them. */
export async function readBehind(
  options: StreamOptions,
  head: RunHead,
  after: Position,
  limits: ReadLimits = {},
): Promise<StreamBatch> {
  const { journal, buffer } = options;
  const afterSeq = Math.max(0, after.row - 1);
  const rowsMax = Math.min(ROWS_MAX, (limits.until ?? Infinity) - afterSeq);
  const { rows } = await journal.read(head.runKey, { snapshot: false, afterSeq, limit: rowsMax });
  const lastRow = rows.at(-1)?.seq ?? after.row;
  const decisions = rows.map((row) => decodeRow(row.body));
  if (
    limits.pieces === undefined
      ? isForeign(options, head, decisions.at(-1), lastRow > Math.max(1, after.row))
      : limits.pieces === "late"
  )
    await new Promise<void>((resolve) => void options.clock.after(LATE_MS, resolve));
  // Behind the rows: what was said before a row has its place when that row is there.
  const behind = { row: after.row, epoch: after.epoch, number: after.number };
  const pieces = await buffer.read(head.runKey, { behind, limit: PIECES_MAX });
  // Where not all pieces were read, the rows behind the last of them are for the next time.
  const until = pieces.length === PIECES_MAX ? pieces.at(-1)!.row : lastRow;
  const messages: StreamMessage[] = [];
  let heard: StreamPlace | null = null;
  let [next, bytes] = [0, 0];
  const takePieces = (row: number, epoch: number): void => {
    for (; next < pieces.length && pieces[next]!.row <= row; next++) {
      heard = pieces[next]!;
      // Said by an owner that another one had replaced already: of a row that was never recorded.
      if (pieces[next]!.row === row && pieces[next]!.epoch < epoch) continue;
      messages.push(pieceMessage(pieces[next]!));
    }
  };
  for (const [at, { seq, epoch }] of rows.entries()) {
    if (seq > until) break;
    takePieces(seq - 1, 0);
    const told = messages.length;
    messages.push(...(await rowMessages(options, head.tenant, seq, decisions[at]!, after)));
    takePieces(seq, epoch);
    for (const message of messages.slice(told)) bytes += message.bytes;
    const last = messages.at(-1);
    const position = last && last.position.row === seq ? last.position : later(rowPosition(seq), after);
    if (hasLast(decisions[at]!)) return { messages: untilLast(messages), position, more: false, ended: true, heard };
    if (bytes > READ_BYTES_MAX && at < rows.length - 1) return { messages, position, more: true, ended: false, heard };
  }
  const last = messages.at(-1)?.position;
  const position = later(last && last.row >= until ? last : rowPosition(until), after);
  const more = rows.length === ROWS_MAX || pieces.length === PIECES_MAX;
  // Nothing behind a position that lies past the end of an ended run, or of one that is gone: it has no more to tell.
  const ended = rows.length === 0 && (await journal.head(head.tenant, head.id))?.finishedAt !== null;
  if (rows.length === 0 && !ended && after.row > 0)
    throw new AppError("INVALID_REQUEST", {
      reason: `the run ${head.id} has not come to the position ${positionText(after)}; send the id of a message of its stream`,
    });
  return { messages, position, more, ended, heard };
}

/** The messages of a row behind a position. */
export async function rowMessages(
  options: Pick<StreamOptions, "payloads">,
  tenant: string,
  seq: number,
  decisions: readonly Decision[],
  after: Position,
): Promise<readonly StreamMessage[]> {
  const messages: StreamMessage[] = [];
  let index = 0;
  for (const { at, events } of decisions) {
    for (const event of events) {
      index += 1;
      const position = eventPosition(seq, index);
      if (comparePositions(position, after) <= 0) continue;
      const data = await eventData(options.payloads, tenant, event, at);
      const size = payloadsOf(event).reduce((sum, payload) => sum + Math.min(payload.size, MESSAGE_BYTES_MAX), 0);
      messages.push({
        position,
        message: { id: positionText(position), event: event.type, data },
        bytes: MESSAGE_BYTES + size,
        isLast: LAST.has(event.type),
      });
    }
  }
  return messages;
}

export function pieceMessage(piece: StreamPiece): StreamMessage {
  const { scope, node, attempt, type, at, data } = piece;
  const position = piecePosition(piece);
  const { text, message } = data;
  const size = typeof text === "string" ? text.length : typeof message === "string" ? message.length : 0;
  return {
    position,
    message: {
      id: positionText(position),
      event: type,
      data: { at: new Date(at).toISOString(), scope, node, attempt, ...data },
    },
    bytes: MESSAGE_BYTES + size,
    isLast: false,
  };
}

const LAST: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);

function hasLast(decisions: readonly Decision[]): boolean {
  return decisions.some(({ events }) => events.some((event) => LAST.has(event.type)));
}

/** What an attempt that was aborted said behind the end of the run belongs to nothing. */
function untilLast(messages: readonly StreamMessage[]): readonly StreamMessage[] {
  const at = messages.findIndex(({ isLast }) => isLast);
  return at < 0 ? [] : messages.slice(0, at + 1);
}

function later(a: Position, b: Position): Position {
  return comparePositions(a, b) > 0 ? a : b;
}

/** Another process may have pieces on their way that stand before the rows which were read. */
function isForeign(
  options: StreamOptions,
  head: RunHead,
  last: readonly Decision[] | undefined,
  isNew: boolean,
): boolean {
  // Nothing stands before the first row; and where no row is new, the log has all that was said before. A run that has
  // ended is no exception: its owner writes what was said last a moment after its last row.
  if (!isNew || !options.buffer.shared || !last || options.isHeld(head.runKey)) return false;
  return (last.at(-1)?.at ?? 0) > options.clock.now() - YOUNG_MS;
}

async function eventData(payloads: Payloads, tenant: string, event: RunEvent, at: number): Promise<JsonObject> {
  const small = payloadsOf(event).filter((payload) => payload.size <= MESSAGE_BYTES_MAX);
  await payloads.load(tenant, small);
  const { type: _, ...members } = JSON.parse(encodeEvent(event)) as { type: string } & JsonObject;
  const data: Record<string, Json> = { at: new Date(at).toISOString(), ...members };
  for (const [name, value] of Object.entries(event)) {
    if (typeof value !== "object" || value === null || !("encode" in value)) continue;
    data[name] = value.size <= MESSAGE_BYTES_MAX && value.loaded ? value.value : { truncated: true, size: value.size };
  }
  return data;
}
