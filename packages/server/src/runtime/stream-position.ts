import { AppError } from "@weftwork/core";
import type { StreamPlace } from "../streamlog/streamlog.ts";

/**
 * Where a reader stands in the stream of a run: everything up to here was seen.
 *
 * The stream is one order over two logs: the events of row 1, the pieces that stand behind row 1, the events of row 2,
 * and so on. Text: `12.3` is the third event of row 12; `12~1.458` is piece 458 of epoch 1 behind row 12.
 */
export interface Position extends StreamPlace {
  /** Events of the row that were seen; infinite where all of them were. */
  readonly index: number;
}

export const START: Position = { row: 0, index: 0, epoch: 0, number: 0 };

export function eventPosition(row: number, index: number): Position {
  return { row, index, epoch: 0, number: 0 };
}

/** Behind a piece; the events of its row come before it. */
export function piecePosition({ row, epoch, number }: StreamPlace): Position {
  return { row, index: Infinity, epoch, number };
}

/** Behind all events of a row and before its pieces. */
export function rowPosition(row: number): Position {
  return { row, index: Infinity, epoch: 0, number: 0 };
}

export function comparePositions(a: Position, b: Position): number {
  if (a.row !== b.row) return a.row - b.row;
  if (a.index !== b.index) return a.index < b.index ? -1 : 1;
  return a.epoch - b.epoch || a.number - b.number;
}

export function positionText({ row, index, epoch, number }: Position): string {
  return index === Infinity ? `${row}~${epoch}.${number}` : `${row}.${index}`;
}

/** Reads what `positionText` wrote; without a text it is the start. Throws `INVALID_REQUEST`. */
export function readPosition(text: string | undefined): Position {
  if (text === undefined) return START;
  const event = /^(\d{1,12})\.(\d{1,9})$/.exec(text);
  if (event) return eventPosition(Number(event[1]), Number(event[2]));
  const piece = /^(\d{1,12})~(\d{1,9})\.(\d{1,15})$/.exec(text);
  if (piece) return piecePosition({ row: Number(piece[1]), epoch: Number(piece[2]), number: Number(piece[3]) });
  throw new AppError("INVALID_REQUEST", {
    reason: `${JSON.stringify(text.slice(0, 60))} is no position in the stream of a run; send the id of a message, such as 12.3`,
  });
}
