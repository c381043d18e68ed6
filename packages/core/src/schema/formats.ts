import { compilePattern } from "./pattern.ts";

/** Longer texts are no address, date or name of any kind. */
const LENGTH_MAX = 8192;

/**
 * The values of `format` that are checked; every other one is a note for readers. No pattern below has a repeat inside
 * a repeat that could take the same characters, so each takes time with the length of the text.
 */
const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ["date", isDate],
  ["time", isTime],
  ["date-time", isDateTime],
  ["duration", isDuration],
  ["email", isEmail],
  ["hostname", isHostname],
  ["ipv4", isIpv4],
  ["ipv6", isIpv6],
  ["uri", (text: string) => /^[a-z][a-z\d+.-]*:/i.test(text) && isUriText(text)],
  ["uri-reference", isUriText],
  ["uuid", (text: string) => /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i.test(text)],
  ["json-pointer", (text: string) => /^(?:$|\/)/.test(text) && !/~(?![01])/.test(text)],
  ["regex", (text: string) => typeof compilePattern(text) !== "string"],
]);

/** The check of a format by its name; undefined when it is only a note. */
export function formatCheck(name: string): ((text: string) => boolean) | undefined {
  const check = FORMATS.get(name);
  return check && ((text) => text.length <= LENGTH_MAX && check(text));
}

function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return day !== undefined && Number(day) >= 1 && Number(day) <= daysOf(Number(year), Number(month));
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

function isTime(text: string): boolean {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-](\d\d):(\d\d))$/i.exec(text);
  if (!match) return false;
  const [hour, minute, second, offHour, offMinute] = match.slice(1).map((part) => Number(part ?? 0));
  // A leap second is allowed without asking a table whether there was one.
  return hour! < 24 && minute! < 60 && second! <= 60 && offHour! < 24 && offMinute! < 60;
}

function isDateTime(text: string): boolean {
  return /^.{10}[Tt]/.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11));
}

/** ISO 8601, as RFC 3339 appendix A reads it: weeks alone, or the parts in their order. */
function isDuration(text: string): boolean {
  if (/^P\d+W$/.test(text)) return true;
  const time = /T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?$/;
  const days = text.replace(time, "");
  return /^P(?:\d+Y)?(?:\d+M)?(?:\d+D)?$/.test(days) && text !== "P";
}

function isEmail(text: string): boolean {
  const at = text.lastIndexOf("@");
  const [local, host] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (!/^[\w!#$%&'*+/=?^`{|}~.-]{1,64}$/.test(local) || /^\.|\.$|\.\./.test(local)) return false;
  return isHostname(host);
}

function isHostname(text: string): boolean {
  if (text.length > 253) return false;
  return text.split(".").every((label) => /^[a-z\d-]{1,63}$/i.test(label) && !/^-|-$/.test(label));
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const last = text.slice(text.lastIndexOf(":") + 1);
  const isMixed = last.includes(".");
  if (isMixed && !isIpv4(last)) return false;
  // The four octets at the end stand in the place of two groups.
  const groups = isMixed ? `${text.slice(0, -last.length)}0:0` : text;
  const halves = groups.split("::");
  if (halves.length > 2) return false;
  const parts = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!parts.every((part) => /^[\da-f]{1,4}$/i.test(part))) return false;
  return halves.length === 2 ? parts.length < 8 : parts.length === 8;
}

/** Characters that RFC 3986 lets a reference have, and whole percent signs. */
function isUriText(text: string): boolean {
  return /^[\w\-.~:/?#[\]@!$&'()*+,;=%]*$/.test(text) && !/%(?![\da-f]{2})/i.test(text);
}
