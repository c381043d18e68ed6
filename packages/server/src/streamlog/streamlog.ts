import type { JsonObject } from "@weftwork/core";

/**
 * What steps say while they work: pieces of text, log lines, and what became of them. Nothing that a run depends on: a
 * piece may be missing after a crash, and the journal never is.
 *
 * G1. Pieces of a run are ordered by place: the journal row behind which they stand, then epoch, then number.
 * G2. A place is written once. Appending the same pieces again changes nothing.
 * G3. One append is seen whole or not at all, and never before an earlier one of the same process.
 */
export interface StreamLog {
  /** Other processes write to the same log. */
  readonly shared: boolean;
  append(pieces: readonly StreamPiece[]): Promise<void>;
  /** Pieces of a run behind a place, in order. */
  read(runKey: number, query: PieceQuery): Promise<readonly StreamPiece[]>;
  /** The attempts of these runs whose text was not superseded, for whoever takes the runs over. */
  standing(runKeys: readonly number[]): Promise<readonly StandingText[]>;
  /** Keys behind `afterKey`, in order, of runs whose last piece is older than a time. */
  quietRuns(before: number, afterKey: number, limit: number): Promise<readonly number[]>;
  /** Deletes the pieces of runs. */
  remove(runKeys: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

export interface StreamPlace {
  /** The journal row behind which it stands. */
  readonly row: number;
  /** Epoch of the owner that wrote it. */
  readonly epoch: number;
  /** Grows from piece to piece of one epoch; not without holes. */
  readonly number: number;
}

export interface StreamPiece extends StreamPlace {
  readonly runKey: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  readonly type: PieceType;
  /** What else the message says. */
  readonly data: JsonObject;
}

export type PieceType =
  | "text_delta"
  | "reasoning_delta"
  | "answer_delta"
  | "log"
  | "attempt_superseded"
  | "stream_truncated";

export interface PieceQuery {
  readonly behind: StreamPlace;
  readonly limit: number;
  readonly type?: PieceType;
  readonly node?: string;
}

export interface StandingText {
  readonly runKey: number;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
}

/** Before everything. */
export const NO_PLACE: StreamPlace = { row: 0, epoch: 0, number: 0 };

/** Negative where `a` stands before `b`. */
export function comparePlaces(a: StreamPlace, b: StreamPlace): number {
  return a.row - b.row || a.epoch - b.epoch || a.number - b.number;
}
