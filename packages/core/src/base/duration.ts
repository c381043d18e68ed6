const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y;

/** Longest duration that a timer may have: ten years. Longer ones are mistakes of the author. */
export const DURATION_MS_MAX = 10 * 366 * 86_400_000;

/**
 * A duration as authors write it: a number of seconds, or text such as `"500ms"`, `"5m"`, `"1h30m"`.
 * Returns milliseconds, or null when it is no such thing, negative, or longer than `DURATION_MS_MAX`.
 */
export function parseDuration(value: unknown): number | null {
  if (typeof value === "number") return inRange(value * 1000);
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return inRange(Number(text) * 1000);
  let total = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const match = PART.exec(text);
    if (!match) return null;
    total += Number(match[1]) * UNITS[match[2]!]!;
  }
  return text === "" ? null : inRange(total);
}

function inRange(ms: number): number | null {
  return Number.isFinite(ms) && ms >= 0 && ms <= DURATION_MS_MAX ? Math.round(ms) : null;
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * A moment as authors write it: Unix seconds, or ISO 8601 text; without a zone it is UTC, wherever the process runs.
 * Returns milliseconds since 1970, or null when it is no such thing.
 */
export function parseTime(value: unknown): number | null {
  if (typeof value === "number") return asTime(value * 1000);
  const match = typeof value === "string" ? TIME.exec(value.trim()) : null;
  if (!match) return null;
  const [, year, month, day, time, zone = "Z"] = match;
  // `Date.parse` takes the 30th of February for the 2nd of March.
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return null;
  const text = time === undefined ? `${year}-${month}-${day}` : `${year}-${month}-${day}T${time.replace(",", ".")}`;
  const offset = /\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  return asTime(Date.parse(time === undefined ? text : text + offset));
}

/** Within what a `Date` can hold. */
function asTime(ms: number): number | null {
  return Math.abs(ms) <= 8.64e15 ? Math.round(ms) : null;
}

/** Milliseconds in words short enough for a line of a terminal: `850 ms`, `12.3 s`, `4m 10s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return h > 0 ? `${h}h ${m}m` : `${m}m ${s}s`;
}
