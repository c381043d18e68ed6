import { labelFits, type Field } from "./field.ts";
import { dates, labelledLines, matches, numbers, properNames, type Found, type PatternName } from "./find.ts";
import { bm25, coverage, termIndex, type TermIndex } from "./rank.ts";
import type { Document } from "./segment.ts";
import { terms } from "./words.ts";

/** Only so much of a document is searched for values with a form of their own. */
const SEARCH_MAX = 200_000;
/** A value farther than this from the words of its field is not its value. */
const NEAR = 80;
const FOUND_MAX = 2000;

/** Finds the values of fields in one document. Indexes are made once, on first use. */
export class FieldReader {
  private readonly text: string;
  private readonly document: Document;
  private lines: [string, string][] | null = null;
  private index: TermIndex | null = null;

  constructor(text: string, document: Document) {
    this.text = text.slice(0, SEARCH_MAX);
    this.document = document;
  }

  /** The value of the line that bears the field's name, such as `Order No.: A-17`. */
  line(field: Field): string | null {
    this.lines ??= labelledLines(this.text);
    let [best, value] = [0.5, null as string | null];
    for (const [label, said] of this.lines) {
      const fit = labelFits(field, label);
      if (fit > best) [best, value] = [fit, said];
    }
    return value;
  }

  /** A text with a form: by the schema's `format`, or by what the field is about. */
  formatted(field: Field, format: string): string | null {
    const kind = formOf(field, format);
    if (kind === null) return null;
    const said = this.line(field);
    if (kind === "date") {
      const date = this.nearest(field, said === null ? [] : dates(said)) ?? this.nearest(field, dates(this.text));
      if (date === null) return null;
      return format === "date-time" ? `${date.value}T00:00:00Z` : format === "date" ? date.value : date.text;
    }
    const found =
      this.nearest(field, said === null ? [] : matches(said, kind)) ?? this.nearest(field, matches(this.text, kind));
    return found?.value ?? null;
  }

  /** All values with the form of the field, or null when it has none. */
  allFormatted(field: Field, format: string): string[] | null {
    const kind = formOf(field, format);
    if (kind === "date") return dates(this.text).map((date) => (format === "" ? date.text : date.value));
    if (kind !== null) return matches(this.text, kind).map((found) => found.value);
    const isName =
      field.role === "person" || field.role === "place" || field.role === "organization" || /entit/.test(field.name);
    if (!isName || this.line(field) !== null) return null;
    return properNames(this.text, field.role === "organization" ? "firm" : "any");
  }

  number(field: Field): number | null {
    const said = this.line(field);
    const there = said === null ? [] : numbers(said);
    if (there.length > 0)
      return (field.role === "money" ? (there.find((one) => one.money) ?? there[0]!) : there[0]!).value;
    const all = numbers(this.text);
    const alike = all.filter((one) => one.money === (field.role === "money"));
    const fitting = alike.length > 0 ? alike : all;
    const near = this.nearest(field, fitting, NEAR);
    if (near) return near.value;
    return field.role === "money" && fitting.length > 0 && fitting[0]!.money ? fitting[0]!.value : null;
  }

  numbers(field: Field): number[] {
    const all = numbers(this.text);
    const money = field.role === "money" ? all.filter((one) => one.money) : [];
    return (money.length > 0 ? money : all).map((one) => one.value);
  }

  /** The sentence that is most about the field; for fields of names, the name in it. */
  sentence(field: Field): string | null {
    const wanted = [...new Set(field.words.flatMap((word) => terms(word)))];
    const { sentences } = this.document;
    if (sentences.length === 0 || wanted.length === 0) return null;
    this.index ??= termIndex(sentences.map((sentence) => `${sentence.text} ${sentence.path.at(-1) ?? ""}`));
    const scores = bm25(this.index, wanted);
    const best = scores.reduce((most, score, at) => (score > scores[most]! ? at : most), 0);
    const isName = field.role === "person" || field.role === "organization" || field.role === "place";
    if (scores[best] === 0) return isName ? this.name(field, this.text) : null;
    if (coverage(this.index, wanted, best) < 0.05) return null;
    const text = sentences[best]!.text;
    return isName ? (this.name(field, text) ?? this.name(field, this.text)) : text;
  }

  /** The first name in a text that may be one of the field's kind; a single word is too little of a name. */
  private name(field: Field, text: string): string | null {
    if (field.role === "organization") return properNames(text, "firm")[0] ?? null;
    const names = properNames(text);
    return names.find((name) => field.role === "place" || name.includes(" ")) ?? null;
  }

  /** What a row begins with, up to the first mark: its name. */
  lead(): string | null {
    const found =
      /^\s*(?:\*\*|`)?([^,，:：;；(（|–—*`\s][^,，:：;；(（|–—\t*`]{0,79}?)(?:\*\*|`)?\s*(?:[,，:：;；(（|–—\t]| - |$)/.exec(
        this.text,
      )?.[1];
    return found?.trim() ?? null;
  }

  /** Whether the document says that the field holds; undefined when it does not speak of it. */
  affirms(field: Field): boolean | undefined {
    const name = field.name.replace(/^(?:is|has|needs?|was|should|can|wants?) /, "");
    const asked = terms(name);
    const sentence = this.document.sentences.find(({ text }) => {
      const there = new Set(terms(text));
      return asked.length > 0 && asked.every((term) => there.has(term));
    });
    if (!sentence) return undefined;
    return !/\b(?:not|no|never|without|isn't|doesn't|don't|won't|can't|cannot|nor|neither)\b|不|没|无/i.test(
      sentence.text,
    );
  }

  mentions(word: string): boolean {
    return this.text.toLowerCase().includes(word.toLowerCase());
  }

  /** The list items and table rows of the document, as lines. */
  rows(): string[] {
    const lines = this.text.split("\n");
    const items = lines.filter((line) => /^\s*(?:[-*+•]|\d{1,3}[.)、])\s*\S/.test(line));
    return items.map((line) => line.replace(/^\s*(?:[-*+•]|\d{1,3}[.)、])\s*/, ""));
  }

  /** Of the values found, the one that stands closest behind (or, at worse price, before) a word of the field. */
  private nearest<T extends Found<unknown>>(field: Field, found: readonly T[], most = Infinity): T | null {
    if (found.length === 0) return null;
    const lower = this.text.toLowerCase();
    let [best, least] = [most === Infinity ? found[0]! : null, most];
    for (const word of wordsNear(field)) {
      for (let at = lower.indexOf(word), tries = 0; at >= 0 && tries < 50; at = lower.indexOf(word, at + 1), tries++) {
        for (const one of found.slice(0, FOUND_MAX)) {
          const apart = one.at >= at ? one.at - at - word.length : before(at - one.at - one.text.length);
          if (apart < least) [best, least] = [one, apart];
        }
      }
    }
    return best;
  }
}

/** What it costs to stand before the word: nothing when next to it, as in `4 pcs`. */
function before(gap: number): number {
  return gap <= 1 ? Math.max(gap, 0) : gap * 2 + 4;
}

function wordsNear(field: Field): string[] {
  const words = field.words.flatMap((word) => [word.toLowerCase(), ...terms(word)]);
  return [...new Set(words)].filter((word) => word.length > 2 || /\p{Script=Han}{2}/u.test(word));
}

function formOf(field: Field, format: string): PatternName | "date" | null {
  if (format === "date" || format === "date-time") return "date";
  if (format === "email" || format === "uuid" || format === "ipv4" || format === "time") return format;
  if (format === "uri" || format === "url") return "url";
  if (format !== "") return null;
  const { role } = field;
  return role === "email" || role === "phone" || role === "url" || role === "date" || role === "time" ? role : null;
}
