const DAY_MS = 86_400_000;
/** The days that Excel counts from: its 29 February 1900 never was, so day 60 and later are one too many. */
const START_1900 = Date.UTC(1899, 11, 30);
const START_1904 = Date.UTC(1904, 0, 1);

/** Whether numbers in a format (by its number, and its pattern where the book gives one) are dates or times. */
export function isDateFormat(id: number, pattern: string | undefined): boolean {
  if (pattern === undefined) {
    return (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);
  }
  const bare = pattern.replaceAll(/"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]/gi, "");
  return /[ymdhs]/i.test(bare);
}

/** `2024-01-05`, `2024-01-05 13:30:00`, or `13:30:00` for a time without a day. */
export function serialDate(serial: number, since1904: boolean): string {
  const date = new Date((since1904 ? START_1904 : START_1900) + Math.round(serial * 86_400) * 1000);
  if (Number.isNaN(date.getTime()) || serial < 0) return String(serial);
  const [day, time] = [date.toISOString().slice(0, 10), date.toISOString().slice(11, 19)];
  if (serial < 1 && !since1904) return time;
  return date.getTime() % DAY_MS === 0 ? day : `${day} ${time}`;
}
