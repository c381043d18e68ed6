import type { Page, RunLog } from "@weftwork/sdk";
import type { RunHead } from "../journal/journal.ts";
import type { StreamPiece } from "../streamlog/streamlog.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import { piecePosition, positionText, readPosition } from "./stream-position.ts";

export interface LogQuery {
  readonly node?: string;
  /** The position of the line before. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A page of the log lines of a run, in the order in which they came. Throws `INVALID_REQUEST` for a broken cursor. */
export async function runLogs(buffer: StreamBuffer, head: RunHead, query: LogQuery): Promise<Page<RunLog>> {
  const { row, epoch, number } = readPosition(query.cursor);
  const pieces = await buffer.read(head.runKey, {
    behind: { row, epoch, number },
    limit: query.limit + 1,
    type: "log",
    ...(query.node === undefined ? {} : { node: query.node }),
  });
  const page = pieces.slice(0, query.limit);
  const next = pieces.length > query.limit ? positionText(piecePosition(page.at(-1)!)) : null;
  return { data: page.map(lineOf), next_cursor: next };
}

function lineOf({ at, scope, node, attempt, data }: StreamPiece): RunLog {
  const level = data["level"] as RunLog["level"];
  return { at: new Date(at).toISOString(), scope, node, attempt, level, message: String(data["message"]) };
}
