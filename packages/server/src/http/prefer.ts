/** What a caller would like (RFC 7240), as far as we honour it. */
export interface Preference {
  /** Milliseconds to wait for the end of the run; 0 answers at once. */
  readonly waitMs: number;
  /** The value of `Preference-Applied`; null when nothing was asked. */
  readonly applied: string | null;
}

/** Longest wait that is honoured. Proxies cut idle requests long before. */
export const WAIT_SECONDS_MAX = 600;
const NONE: Preference = { waitMs: 0, applied: null };

/** Reads `Prefer: wait=30`, `Prefer: respond-async`, or both. What cannot be read is passed over, as the RFC asks. */
export function readPrefer(header: string | readonly string[] | undefined): Preference {
  if (header === undefined) return NONE;
  const text = typeof header === "string" ? header : header.join(",");
  let seconds: number | null = null;
  let isAsync = false;
  for (const part of text.split(",")) {
    const [, name, value] = /^([\w-]+)(?:="?([^";]*))?/.exec(part.replaceAll(/\s/g, "")) ?? [];
    if (name?.toLowerCase() === "respond-async") isAsync = true;
    // The first of several counts (RFC 7240, 2).
    else if (name?.toLowerCase() === "wait" && seconds === null && /^\d{1,9}$/.test(value ?? "")) {
      seconds = Math.min(Number(value), WAIT_SECONDS_MAX);
    }
  }
  const applied = [...(isAsync ? ["respond-async"] : []), ...(seconds === null ? [] : [`wait=${seconds}`])];
  if (applied.length === 0) return NONE;
  return { waitMs: (seconds ?? 0) * 1000, applied: applied.join(", ") };
}
