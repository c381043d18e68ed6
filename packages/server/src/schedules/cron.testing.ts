/**
 * Cron as the page of its manual has it, minute by minute: slow, and written without the library. Fields are `*`, numbers,
 * ranges, lists and steps; of both kinds of days one is enough, unless one of them is `*`.
 */
export function naiveTimes(cron: string, zone: string, after: number, upTo: number): readonly number[] {
  const [minutes, hours, days, months, weekdays] = cron.split(" ").map((field, at) => valuesOf(field, ...RANGES[at]!));
  const [, , dayField, , weekdayField] = cron.split(" ");
  const isDay = ({ day, month, weekday }: Local): boolean => {
    const byDay = days!.has(day);
    const byWeekday = weekdays!.has(weekday) || (weekday === 0 && weekdays!.has(7));
    const either = dayField === "*" || weekdayField === "*" ? byDay && byWeekday : byDay || byWeekday;
    return either && months!.has(month);
  };
  const isFixed = minutes!.size === 1 && hours!.size === 1 && /^\d+ \d+ /.test(cron);
  const local = localOf(zone);
  const times: number[] = [];
  const first = Math.floor(after / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  for (let at = first; at <= upTo; at += MINUTE_MS) {
    const now = local(at);
    const matches = isDay(now) && hours!.has(now.hour) && minutes!.has(now.minute);
    if (!isFixed) {
      if (matches) times.push(at);
      continue;
    }
    const before = local(at - MINUTE_MS);
    const gone = gapBefore(before, now);
    // The second time of an hour that comes twice, up to an hour of difference.
    const isRepeat = matches && [30, 60].some((back) => sameMinute(local(at - back * MINUTE_MS), now));
    const [minute, hour] = [[...minutes!][0]!, [...hours!][0]!];
    const inGap = gone !== null && isDay(now) && hour * 60 + minute >= gone.from && hour * 60 + minute < gone.to;
    if ((matches && !isRepeat) || (inGap && !matches)) times.push(at);
  }
  return times;
}

interface Local {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

const MINUTE_MS = 60_000;
const RANGES: readonly (readonly [number, number])[] = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function valuesOf(field: string, low: number, high: number): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const [range, step = "1"] = part.split("/");
    const [from, to = from!] = range === "*" ? [String(low), String(high)] : range!.split("-");
    for (let value = Number(from); value <= Number(to); value += Number(step)) values.add(value);
  }
  return values;
}

/** The minutes of the day that a change of the clock has left out. */
function gapBefore(before: Local, now: Local): { readonly from: number; readonly to: number } | null {
  const [from, to] = [before.hour * 60 + before.minute + 1, now.hour * 60 + now.minute];
  if (before.day === now.day) return to > from ? { from, to } : null;
  // At midnight: the day begins later.
  return to > 0 ? { from: 0, to } : null;
}

function sameMinute(a: Local, b: Local): boolean {
  return a.minute === b.minute && a.hour === b.hour && a.day === b.day;
}

function localOf(zone: string): (at: number) => Local {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    minute: "numeric",
    hour: "numeric",
    day: "numeric",
    month: "numeric",
    weekday: "short",
  });
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const number = (name: string): number => Number(parts[name]);
    return {
      minute: number("minute"),
      hour: number("hour"),
      day: number("day"),
      month: number("month"),
      weekday: WEEKDAYS.indexOf(parts["weekday"]!),
    };
  };
}
