import type { JsonObject } from "../base/json.ts";
import type { ScheduleSpec } from "../workflow/dify-steps.ts";
import { listAt, mapAt, member, numberAt, textAt, textOf } from "./read.ts";

const WEEKDAYS: readonly string[] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const TIME = /^\s*(\d{1,2}):(\d{2})\s*(AM|PM)\s*$/i;

/**
 * When a `trigger-schedule` node begins runs, as a cron expression: the one that it holds, or the same as its form says
 * it. Null where it says no time. The expression itself is not checked here. Some files nest the members under `config`;
 * the outer ones win.
 */
export function scheduleSpec(data: JsonObject): ScheduleSpec | null {
  const config = mapAt(data, "config");
  const outer = (key: string): string | null => textOf(member(data, key)) || textOf(member(config, key)) || null;
  const zone = outer("timezone") ?? "UTC";
  const cron =
    (outer("mode") ?? "visual") === "cron"
      ? outer("cron_expression")
      : visualCron(outer("frequency") ?? "", { ...mapAt(config, "visual_config"), ...mapAt(data, "visual_config") });
  return cron === null ? null : { cron: cron.trim(), zone };
}

function visualCron(frequency: string, form: JsonObject): string | null {
  if (frequency === "hourly") {
    const minute = numberAt(form, "on_minute") ?? 0;
    return Number.isInteger(minute) && minute >= 0 && minute < 60 ? `${minute} * * * *` : null;
  }
  const time = timeOfDay(textAt(form, "time", "12:00 AM"));
  if (time === null) return null;
  if (frequency === "daily") return `${time} * * *`;
  if (frequency === "weekly") {
    const days = listAt(form, "weekdays").map((day) => WEEKDAYS.indexOf(String(day).slice(0, 3).toLowerCase()));
    return listed(days, (day) => day >= 0, `${time} * * `, "");
  }
  if (frequency !== "monthly") return null;
  const days = listAt(form, "monthly_days").map((day) => (day === "last" ? 32 : Number(day)));
  return listed(days, (day) => Number.isInteger(day) && day >= 1 && day <= 32, `${time} `, " * *");
}

/** A list of days between the other fields. One day that is none makes all of it doubtful. */
function listed(
  days: readonly number[],
  isDay: (day: number) => boolean,
  before: string,
  after: string,
): string | null {
  if (days.length === 0 || !days.every(isDay)) return null;
  const sorted = [...new Set(days)].toSorted((a, b) => a - b);
  return `${before}${sorted.map((day) => (day === 32 ? "L" : String(day))).join(",")}${after}`;
}

/** `2:30 PM` as `30 14`. */
function timeOfDay(text: string): string | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [hour, minute] = [Number(match[1]), Number(match[2])];
  if (hour < 1 || hour > 12 || minute > 59) return null;
  return `${minute} ${(hour % 12) + (match[3]!.toUpperCase() === "PM" ? 12 : 0)}`;
}
