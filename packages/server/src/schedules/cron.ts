import { Cron } from "croner";

/** Times by a cron expression, read in a zone of the IANA database. */
export interface CronRule {
  readonly cron: string;
  readonly zone: string;
}

/** Longer ones are no expressions; each part is looked at for every time that is asked for. */
const CRON_CHARACTERS_MAX = 200;
const SECOND_MS = 1000;

/**
 * What is wrong with a rule, null when nothing is. Taken are five fields, six with seconds in front, seven with a year
 * behind, and `@hourly @daily @weekly @monthly @yearly`.
 */
export function cronProblem({ cron, zone }: CronRule): string | null {
  // Only names: a fixed offset knows no daylight saving time, which is what a zone is asked for here.
  if (!/^[A-Za-z]/.test(zone) || !isZone(zone))
    return `zone ${JSON.stringify(zone.slice(0, 100))} is no zone of the IANA database; write one such as Europe/Berlin`;
  if (cron.length > CRON_CHARACTERS_MAX) return `cron has more than ${CRON_CHARACTERS_MAX} characters`;
  // A time in place of fields would be taken as well, and come once.
  if (!/^\s*(?:@[a-z]+|\S+(?:\s+\S+){4,6})\s*$/i.test(cron))
    return `cron ${JSON.stringify(cron)} has not 5, 6 or 7 fields`;
  try {
    return opened({ cron, zone }).getPattern() === undefined ? `cron ${JSON.stringify(cron)} is no expression` : null;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
    return `cron ${JSON.stringify(cron)} is not understood: ${reason.replace(/\.$/, "")}`;
  }
}

/**
 * The first time behind `after`, in milliseconds since 1970; null when none comes any more. A pure function: it depends on
 * the rule, on `after` and on the rules of the zone alone, and it grows with `after`.
 *
 * Where the clock of the zone is put forward, a rule with one hour, minute and second a day comes at the first moment
 * behind the gap; any other passes over the times that do not exist. Where it is put back, the former comes once, the
 * first time; any other comes in both hours, as time goes on in both. This is croner's rule, and that of Vixie cron.
 */
export function nextTime(rule: CronRule, after: number): number | null {
  return opened(rule).nextRun(new Date(after))?.getTime() ?? null;
}

/** The first `count` times behind `after`. */
export function nextTimes(rule: CronRule, after: number, count: number): readonly number[] {
  const times: number[] = [];
  for (let at = nextTime(rule, after); at !== null && times.length < count; at = nextTime(rule, at)) times.push(at);
  return times;
}

/**
 * The last time behind `after` and not behind `upTo`; null when there is none. Found by halving, so that its cost does not
 * grow with the number of times between: about 30 questions for a year.
 */
export function lastTime(rule: CronRule, after: number, upTo: number): number | null {
  let last = nextTime(rule, after);
  if (last === null || last > upTo) return null;
  // Nothing lies behind `end` and not behind `upTo`.
  let end = upTo;
  while (end - last >= SECOND_MS) {
    const middle: number = Math.floor((last + end) / 2);
    const found = nextTime(rule, middle);
    if (found !== null && found <= upTo) last = found;
    else end = middle;
  }
  return last;
}

function opened({ cron, zone }: CronRule): Cron {
  return new Cron(cron.trim(), { timezone: zone, paused: true });
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).format(0) !== "";
  } catch {
    return false;
  }
}
