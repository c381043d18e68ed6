import { AppError } from "@weftwork/core";
import type { HttpGuard } from "../nodes/http-guard.ts";

/** Characters of an address. */
const URL_MAX = 2000;

/** Where a message goes, and how that is written where everybody can read it. */
export interface Address {
  readonly url: string;
  /** Without what may be a token. */
  readonly shown: string;
  readonly origin: string;
}

/**
 * Reads an address and refuses what can be refused without asking the network. What its name leads to is looked at when
 * something is sent, each time. Throws `INVALID_REQUEST` and `REQUEST_BLOCKED`.
 */
export function addressOf(text: string, guard: Pick<HttpGuard, "check">, member: string): Address {
  const url = text.length > URL_MAX ? null : URL.parse(text);
  if (url === null) {
    const reason = `${member} must be an absolute URL such as https://host/path, of at most ${URL_MAX} characters`;
    throw new AppError("INVALID_REQUEST", { reason });
  }
  guard.check(url);
  url.hash = "";
  return { url: url.href, shown: shownAddress(url), origin: url.origin };
}

/** An address as lists and logs may have it: its query may hold a token. */
function shownAddress({ origin, pathname, search }: URL): string {
  return origin + pathname + (search === "" ? "" : "?***");
}

/** What of an address must not be seen, should a receiver send it back. */
export function tokensOf(text: string): readonly string[] {
  const url = URL.parse(text);
  if (url === null || url.search === "") return [];
  return [url.search.slice(1), ...[...url.searchParams.values()].filter((value) => value.length >= 6)];
}
