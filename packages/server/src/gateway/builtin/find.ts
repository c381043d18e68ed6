import { isStopWord } from "./words.ts";

/** Values with a form of their own, found in a text by their pattern: numbers, amounts, dates, addresses of all kinds. */
export interface Found<T> {
  readonly value: T;
  /** As it stands in the text. */
  readonly text: string;
  readonly at: number;
}

const CURRENCY = "[$€£¥￥]|USD|EUR|GBP|CNY|RMB|人民币";
const AMOUNT = new RegExp(
  `(?<![\\w.-])(-?)(${CURRENCY})?\\s?(\\d{1,3}(?:,\\d{3})+(?:\\.\\d{1,20})?|\\d{1,20}(?:\\.\\d{1,20})?)(?!\\d)(?!\\.\\d)\\s?(%|[kKmM]\\b|万|亿)?(?:\\s?(dollars?|euros?|pounds?|yuan|USD|EUR|GBP|CNY|RMB|元|美元|欧元|块))?`,
  "g",
);
const SCALE: Readonly<Record<string, number>> = { k: 1e3, K: 1e3, m: 1e6, M: 1e6, 万: 1e4, 亿: 1e8 };

/** The numbers of a text, in order; `money` when a currency stands beside one. */
export function numbers(text: string): (Found<number> & { readonly money: boolean; readonly percent: boolean })[] {
  return [...text.matchAll(AMOUNT)].map((match) => {
    const scale = SCALE[match[4] ?? ""] ?? 1;
    const value = Number(match[3]!.replaceAll(",", "")) * scale * (match[1] === "-" ? -1 : 1);
    const money = match[2] !== undefined || match[5] !== undefined;
    return {
      value: Math.round(value * 1e9) / 1e9,
      text: match[0].trim(),
      at: match.index,
      money,
      percent: match[4] === "%",
    };
  });
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH =
  "(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";
const DATES: readonly (readonly [pattern: RegExp, order: "ymd" | "dmy" | "mdy"])[] = [
  [/(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)/g, "ymd"],
  [/(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?[日号]/g, "ymd"],
  [new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${MONTH}\\.?,? (\\d{4})\\b`, "gi"), "dmy"],
  [new RegExp(`\\b${MONTH}\\.? (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})\\b`, "gi"), "mdy"],
  [/(?<![\d/])(\d{1,2})\/(\d{1,2})\/(\d{4})(?!\d)/g, "mdy"],
];

/** The full dates of a text in order, each as `YYYY-MM-DD`. `3/4/2025` is read as month, day, year where it can be. */
export function dates(text: string): Found<string>[] {
  const found: Found<string>[] = [];
  for (const [pattern, order] of DATES) {
    for (const match of text.matchAll(pattern)) {
      const value = isoDate([match[1]!, match[2]!, match[3]!], order);
      if (value !== null) found.push({ value, text: match[0], at: match.index });
    }
  }
  return found.toSorted((a, b) => a.at - b.at);
}

function isoDate(parts: readonly [string, string, string], order: "ymd" | "dmy" | "mdy"): string | null {
  const [first, second, third] = parts.map(dateNumber) as [number, number, number];
  if (order === "ymd") return isoDay(first, second, third);
  if (order === "dmy" || first > 12) return isoDay(third, second, first);
  return isoDay(third, first, second);
}

function dateNumber(part: string): number {
  return /^\d/.test(part) ? Number(part) : MONTHS.indexOf(part.slice(0, 3).toLowerCase()) + 1;
}

function isoDay(year: number, month: number, day: number): string | null {
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= 31;
  return isDay ? `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}` : null;
}

const PATTERNS = {
  email: /[\w.+-]{1,64}@[A-Za-z\d-]{1,63}(?:\.[A-Za-z\d-]{1,63}){1,6}/g,
  url: /https?:\/\/[^\s<>"'）)，。；]{1,2000}/g,
  phone:
    /(?<![\d.-])(?:\+\d{1,3}[ -]?)?(?:\(\d{2,4}\)[ -]?|\d{2,4}[ -])\d{3,4}[ -]?\d{3,4}(?![\d-])|(?<!\d)1[3-9]\d{9}(?!\d)/g,
  uuid: /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi,
  ipv4: /\b(?:\d{1,3}\.){3}\d{1,3}\b/g,
  time: /(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])/g,
} as const;

export type PatternName = keyof typeof PATTERNS;

/** The e-mail addresses, links, telephone numbers … of a text, in order, each once. */
export function matches(text: string, name: PatternName): Found<string>[] {
  const known = new Set<string>();
  const found: Found<string>[] = [];
  for (const match of text.matchAll(PATTERNS[name])) {
    const value = match[0].replace(/[.,;:]+$/, "");
    if (!known.has(value)) found.push({ value, text: value, at: match.index });
    known.add(value);
  }
  return found;
}

const TITLED = /\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Lady|Captain)\.? \p{Lu}\p{L}+(?: \p{Lu}\p{L}+)?/gu;
const RUN =
  /(?<![\p{L}\p{N}-])\p{Lu}\p{Ll}[\p{L}'’]*(?:(?: (?:of|de|van|von))? (?:\p{Lu}\.|\p{Lu}[\p{L}'’]+))*(?![\p{L}\p{N}-])/gu;
const FIRM =
  /(?<![\p{L}])(?:\p{Lu}[\p{L}&.'’]{0,40} ){1,4}(?:Ltd|Inc|Corp|LLC|GmbH|Co|PLC|Group|University|Bank|Institute|Company)\b\.?|[\p{Script=Han}]{2,12}?(?:有限公司|公司|集团|银行|大学|医院|学院|研究院|委员会)/gu;

/**
 * Names, about: English runs of capitalised words that do not merely open a sentence, each once; firms by their
 * endings, in Chinese too. Chinese names of people cannot be told from words this way and are not found.
 */
export function properNames(text: string, of: "any" | "firm" = "any"): string[] {
  const known = new Set([...text.matchAll(FIRM)].map((match) => match[0].trim()));
  if (of === "firm") return [...known];
  for (const match of text.matchAll(TITLED)) known.add(match[0]);
  for (const match of text.matchAll(RUN)) {
    const opens = /(?:^|[.!?:。！？]|["“”\n*#>-])\s*$/.test(text.slice(Math.max(0, match.index - 6), match.index));
    const bare = match[0].replace(/['’]s?$/, "");
    if ((!opens || bare.includes(" ")) && !isStopWord(bare.split(" ")[0]!)) known.add(bare);
  }
  return [...known].filter((one) => ![...known].some((other) => other !== one && other.includes(one)));
}

const LINE =
  /^[ \t>*+-]{0,20}(?:\d{1,4}[.)][ \t]*)?(?:\*\*|__)?([^\s:：|][^\n:：|]{0,39}?)(?:\*\*|__)?(?:[ \t]*[:：|]|\t)(?:\*\*|__)?[ \t]*([^\n]{1,500})$/gmu;

/** The lines of a text that are `name: value`, as pairs. */
export function labelledLines(text: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const match of text.replaceAll(/[；;](?=[^\n；;:：]{1,12}[:：])/g, "\n").matchAll(LINE)) {
    const name = match[1]!.replace(/^\|\s*/, "").trim();
    if (/\p{L}/u.test(name) && !/^https?$/i.test(name)) pairs.push([name, match[2]!.replace(/[\s|]+$/, "")]);
    if (pairs.length >= 2000) break;
  }
  return pairs;
}
