import type { ErrorCode, JsonObject, Priority } from "@weftwork/core";
import { AppError, PRIORITIES } from "@weftwork/core";
import type { Append, OfferedInput, RunHead, RunPage, RunStatus, Verdict } from "./journal.ts";

/**
 * What every driver judges alike, so that a run means the same wherever it is stored: what can never be stored, how a
 * page continues, how long after a lease a takeover waits, and the two inputs that the journal itself writes.
 */

/** A takeover waits this long after a lease has ended, so that clocks and statements under way can differ a little. */
export const TAKEOVER_GRACE_MS = 1000;
/** A member stops this long before its lease ends: no flush is sent and no effect starts after its deadline. */
export const DEADLINE_MARGIN_MS = 2000;
/** Payloads that nothing names are kept this long: one may be named again by a run that was read before. */
export const ORPHAN_MS = 24 * 60 * 60 * 1000;
/** The most bytes that the body or the snapshot of one row may have, unless the driver is told another number. */
export const ROW_BYTES_MAX = 64 * 1024 * 1024;
/** Largest page of `find`. */
export const PAGE_MAX = 200;

/** Offered to a run that now has the slot of its concurrency key. */
export const SLOT_GRANTED = { inputId: "slot_granted", body: '1{"type":"slot_granted"}' } as const;
/** Offered to a run that must make room for a newer one of its key (`cancel_running`). */
export const SLOT_CANCEL = {
  inputId: "slot_cancel",
  body: '1{"type":"cancel_requested","reason":"a newer run took its place"}',
} as const;

type Refusal = Extract<Verdict, { type: "refused" }>;

export function refused(code: ErrorCode, details: JsonObject = {}): Refusal {
  return { type: "refused", code, details };
}

export function committed(slot: "granted" | "queued" | null = null): Extract<Verdict, { type: "committed" }> {
  return { type: "committed", slot, granted: [], cancel: [] };
}

export const FENCED: Verdict = { type: "fenced" };

/** Why a row can never be stored, judged before any store sees it. Null when nothing is wrong with it. */
export function refusalOf(append: Append, rowBytesMax: number): Refusal | null {
  if ((append.seq === 1) !== (append.create !== null)) {
    return refused("INTERNAL", { reason: "the first row of a run, and no other, brings its creation" });
  }
  if (!append.body.isWellFormed() || !(append.snapshot?.isWellFormed() ?? true)) {
    return refused("INVALID_JSON", { reason: "a lone surrogate is not text; escape it", pointer: "#" });
  }
  if (append.create && !namesAreText(append)) {
    return refused("INVALID_REQUEST", { reason: "a name of the run holds NUL or a lone surrogate" });
  }
  // A text has at most three bytes a unit: most rows are known to fit without being counted.
  for (const text of [append.body, append.snapshot]) {
    if (text === null || text.length * 3 <= rowBytesMax) continue;
    const size = Buffer.byteLength(text);
    if (size > rowBytesMax) {
      const { code, details } = tooLarge("The row", size, rowBytesMax);
      return refused(code, details);
    }
  }
  return null;
}

/** Names are columns, and a database's text has neither NUL nor half a character. */
export function isText(name: string): boolean {
  return name.isWellFormed() && !name.includes("\u0000");
}

function namesAreText({ tenant, create }: Append): boolean {
  const { id, workflow, version, versionHash, fingerprint, idempotency, slot } = create!;
  const names = [tenant, id, workflow, version, versionHash, fingerprint, idempotency?.key, slot?.key];
  return names.every((name) => name === undefined || isText(name));
}

/** Throws for inputs that no store can take. One of a run that cannot be named at all is simply not found. */
export function checkInputs(inputs: readonly OfferedInput[], rowBytesMax: number): void {
  for (const { inputId, body } of inputs) {
    if (!isText(inputId) || !isText(body)) {
      throw new AppError("INVALID_REQUEST", { reason: "an input holds NUL or a lone surrogate" });
    }
    const size = Buffer.byteLength(body);
    if (size > rowBytesMax) throw tooLarge("The input", size, rowBytesMax);
  }
}

function tooLarge(what: string, size: number, limit: number): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", { what, size, limit, setting: "journal.row_bytes_max" });
}

/** 0 for the most urgent class. Stored, so that a claim is an ordered read. */
export function rankOf(priority: Priority): number {
  return PRIORITIES.indexOf(priority);
}

export function priorityOf(rank: number): Priority {
  return PRIORITIES[rank] ?? "normal";
}

export function isFinal(status: RunStatus): status is "succeeded" | "failed" | "cancelled" {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

/** Runs that are listed through one index: all of them, those that are open, those that ended badly, the others. */
export interface StatusGroup {
  readonly kind: "any" | "open" | "bad" | "good";
  readonly statuses: readonly RunStatus[];
}

const GROUP_OF: Readonly<Record<RunStatus, "open" | "bad" | "good">> = {
  pending: "open",
  running: "open",
  waiting: "open",
  failed: "bad",
  cancelled: "bad",
  succeeded: "good",
};

/** What a list asks for, by index: few runs are open or end badly, and they are not looked for among all others. */
export function statusGroups(status: readonly RunStatus[] | undefined): readonly StatusGroup[] {
  if (!status) return [{ kind: "any", statuses: [] }];
  return (["open", "bad", "good"] as const)
    .map((kind) => ({ kind, statuses: [...new Set(status)].filter((each) => GROUP_OF[each] === kind) }))
    .filter(({ statuses }) => statuses.length > 0);
}

/** One page of the runs that each group found, newest first. Each group was asked for one more than the page holds. */
export function mergePages(found: readonly (readonly RunHead[])[], size: number): RunPage {
  const all = found.flat().toSorted((a, b) => b.createdAt - a.createdAt || b.runKey - a.runKey);
  const runs = all.slice(0, size);
  return { runs, nextCursor: all.length > size ? encodeCursor(runs.at(-1)!) : null };
}

/** Where a page ended: runs are listed by (creation time, key), both descending. */
export interface Place {
  readonly createdAt: number;
  readonly runKey: number;
}

export function encodeCursor(place: Place): string {
  return Buffer.from(`${place.createdAt}.${place.runKey}`).toString("base64url");
}

/** Throws `INVALID_REQUEST` for a text that is no cursor. */
export function decodeCursor(cursor: string): Place {
  const match = /^(-?\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  if (!match) throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave" });
  return { createdAt: Number(match[1]), runKey: Number(match[2]) };
}

export function pageSize(limit: number): number {
  return Math.min(PAGE_MAX, Math.max(1, Math.trunc(limit)));
}
