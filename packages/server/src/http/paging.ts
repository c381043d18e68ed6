import { AppError } from "@weftwork/core";
import { text, type MemberCheck } from "./members.ts";

/** Entries of one page of a list at most; this many when nothing is said. */
export const PAGE_MAX = 200;

export const limit: MemberCheck = (value) =>
  /^\d{1,4}$/.test(String(value)) && Number(value) >= 1 && Number(value) <= PAGE_MAX
    ? null
    : `must be a number from 1 to ${PAGE_MAX}`;

/** The parameters of a list that is short enough to be known whole. */
export const PAGING = { limit: { check: limit }, cursor: { check: text(500) } };

/**
 * A page of such a list. The cursor names the last entry of the page before; where that is no longer there the list has
 * to be read again, and the answer says so.
 */
export function pageOf<Item>(
  all: readonly Item[],
  asked: { readonly limit?: string; readonly cursor?: string },
  nameOf: (item: Item) => string,
): { readonly data: readonly Item[]; readonly next_cursor: string | null } {
  const size = asked.limit === undefined ? PAGE_MAX : Number(asked.limit);
  const after = asked.cursor === undefined ? null : Buffer.from(asked.cursor, "base64url").toString("utf8");
  const from = after === null ? 0 : all.findIndex((item) => nameOf(item) === after) + 1;
  if (after !== null && from === 0) {
    throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave; begin without one" });
  }
  const data = all.slice(from, from + size);
  const hasMore = from + size < all.length;
  return { data, next_cursor: hasMore ? Buffer.from(nameOf(data.at(-1)!)).toString("base64url") : null };
}
