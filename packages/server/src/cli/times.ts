import { parseDuration } from "@weftwork/core";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";

/** A time, or how long ago: `2026-11-21T10:00:00Z`, `2h`. Throws `UsageError`. */
export function timeAgo(text: string, now: number): string {
  return timeOf(text, (duration) => now - duration);
}

/** A time, or how far ahead. Throws `UsageError`. */
export function timeAhead(text: string, now: number): string {
  return timeOf(text, (duration) => now + duration);
}

function timeOf(text: string, at: (duration: number) => number): string {
  const duration = parseDuration(text);
  const time = duration === null ? Date.parse(text) : at(duration);
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) throw new UsageError(say("option.no_time", { text }));
  return date.toISOString();
}
