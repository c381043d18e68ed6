import { AppError } from "@weftwork/core";
import type { Journal, RunHead, RunQuery } from "../journal/journal.ts";

/** Which runs are wanted, beyond what the journal has an index for. */
export interface RunSelection extends RunQuery {
  /** Code of the error that ended it, in any case. */
  readonly errorCode?: string;
  /** Members of the metadata; a value that is no text is compared as JSON. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What else is asked of the runs of a page of the journal; those that it returns are kept. */
  readonly keep?: (heads: readonly RunHead[]) => Promise<readonly RunHead[]>;
}

export interface SelectedRuns {
  readonly runs: readonly RunHead[];
  /** Null: there are no more. Set, there may be more although the page is not full, or empty. */
  readonly nextCursor: string | null;
}

const PAGE = 200;
/** Rows that are looked at for one page: a condition that fits nearly nothing costs no more than this. */
const SCAN_MAX = 5000;

/**
 * A page of runs, newest first, by conditions that no index knows. Reads the journal's own pages and drops what does not
 * fit, within bounds.
 */
export async function selectRuns(journal: Pick<Journal, "find">, query: RunSelection): Promise<SelectedRuns> {
  const { tenant, status, workflow, createdAfter, createdBefore, keep, cursor, limit } = query;
  const plain = {
    tenant,
    ...(status === undefined ? {} : { status }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(createdAfter === undefined ? {} : { createdAfter }),
    ...(createdBefore === undefined ? {} : { createdBefore }),
  };
  const after = cursor === undefined ? null : readPlace(cursor);
  let start = after?.start ?? null;
  const found: RunHead[] = [];
  for (let scanned = 0; scanned < SCAN_MAX; scanned += PAGE) {
    const page = await journal.find({ ...plain, limit: PAGE, ...(start === null ? {} : { cursor: start }) });
    const heads = page.runs.filter((head) => (after === null || isBehind(head, after)) && fits(head, query));
    const kept = keep && heads.length > 0 ? await keep(heads) : heads;
    const room = limit - found.length;
    found.push(...kept.slice(0, room));
    if (kept.length > room) return { runs: found, nextCursor: placeText(start, found.at(-1)!) };
    start = page.nextCursor;
    if (start === null) return { runs: found, nextCursor: null };
    if (found.length === limit) break;
  }
  return { runs: found, nextCursor: placeText(start, null) };
}

/** Whether conditions are given that only `selectRuns` knows. */
export function isSelective({ errorCode, metadata }: Pick<RunSelection, "errorCode" | "metadata">): boolean {
  return errorCode !== undefined || metadata !== undefined;
}

function fits(head: RunHead, { errorCode, metadata }: RunSelection): boolean {
  if (errorCode !== undefined && head.errorCode?.toUpperCase() !== errorCode.toUpperCase()) return false;
  return Object.entries(metadata ?? {}).every(([name, wanted]) => {
    const value = Object.hasOwn(head.metadata, name) ? head.metadata[name] : undefined;
    return value !== undefined && (typeof value === "string" ? value : JSON.stringify(value)) === wanted;
  });
}

/** A page of the journal, and the run in it behind which the next one of ours begins. */
interface Place {
  readonly start: string | null;
  readonly createdAt: number;
  readonly runKey: number;
}

function isBehind(head: RunHead, place: Place): boolean {
  return head.createdAt < place.createdAt || (head.createdAt === place.createdAt && head.runKey < place.runKey);
}

function placeText(start: string | null, last: RunHead | null): string {
  const place = last === null ? [start ?? ""] : [start ?? "", last.createdAt, last.runKey];
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function readPlace(cursor: string): Place {
  try {
    const [start, createdAt = Infinity, runKey = Infinity] = JSON.parse(
      Buffer.from(cursor, "base64url").toString("utf8"),
    ) as readonly [unknown, unknown?, unknown?];
    if (typeof start === "string" && typeof createdAt === "number" && typeof runKey === "number")
      return { start: start === "" ? null : start, createdAt, runKey };
  } catch {
    // Told below.
  }
  throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page of this list gave" });
}
