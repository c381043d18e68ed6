import { blocks, join } from "./markdown.ts";
import { countCjk, isMainlyCjk } from "../tokens.ts";

/**
 * Cuts a text into sentences and words. `Intl.Segmenter` does the cutting, in the language of the text; here is added
 * what it does not know: abbreviations, speech that goes on behind its closing quote, and Markdown.
 *
 * The work is bounded. A text longer than `TEXT_MAX` is read in pieces: its first half of the budget as it stands, the
 * rest as evenly spaced windows, cut at line ends. At most `SENTENCES_MAX` sentences are kept, thinned out evenly
 * behind the first half. So a very long text is sampled, and a sentence between the windows cannot be found.
 */
export const TEXT_MAX = 1_000_000;
export const SENTENCES_MAX = 2000;
const WINDOWS = 24;
/** Longer ones are cut. */
const SENTENCE_MAX = 1200;

export interface Sentence {
  readonly text: string;
  /** The place in the document, from 0, counted over what was read. */
  readonly index: number;
  /** Which block it stands in, from 0, and which sentence of that block it is. */
  readonly block: number;
  readonly inBlock: number;
  readonly item: boolean;
  /** The nearest heading first is last: the path from the title down. */
  readonly path: readonly string[];
}

export interface Document {
  readonly sentences: readonly Sentence[];
  /** The first heading, or nothing. */
  readonly title: string;
  readonly headings: readonly string[];
  readonly cjk: boolean;
  /** Whether the text was too long to be read whole. */
  readonly sampled: boolean;
}

/** Reads a document, within the bounds above. */
export function readDocument(source: string): Document {
  const text = source.length > TEXT_MAX ? sample(source) : source;
  const cjk = isMainlyCjk(text);
  const found: Sentence[] = [];
  const headings: string[] = [];
  let block = 0;
  for (const { kind, text: content, path } of blocks(text)) {
    if (kind === "heading") {
      headings.push(content);
      continue;
    }
    const parts = sentencesOf(content, cjk);
    // A list item often opens with its name: "Search. A query finds …".
    if (kind === "item" && parts.length > 1 && wordCount(parts[0]!) <= 3)
      parts.splice(0, 2, join(parts[0]!, parts[1]!));
    for (const [inBlock, sentence] of parts.entries()) {
      found.push({ text: sentence, index: found.length, block, inBlock, item: kind === "item", path });
    }
    block++;
  }
  const sentences = found.length > SENTENCES_MAX ? thin(found) : found;
  const title = headings[0] ?? "";
  return { sentences, title, headings, cjk, sampled: text !== source || sentences !== found };
}

function sample(source: string): string {
  const head = source.slice(0, TEXT_MAX / 2);
  const size = Math.floor(TEXT_MAX / 2 / WINDOWS);
  const step = Math.floor((source.length - head.length - size) / Math.max(1, WINDOWS - 1));
  const pieces = [head];
  for (let i = 0; i < WINDOWS; i++) {
    const at = head.length + i * step;
    const window = source.slice(at, at + size);
    pieces.push(window.slice(window.indexOf("\n") + 1));
  }
  return pieces.join("\n\n");
}

function thin(all: readonly Sentence[]): Sentence[] {
  const half = SENTENCES_MAX / 2;
  const step = (all.length - half) / half;
  return [...all.slice(0, half), ...Array.from({ length: half }, (_, i) => all[Math.floor(half + i * step)]!)];
}

const ENGLISH = new Intl.Segmenter("en", { granularity: "sentence" });
const CHINESE = new Intl.Segmenter("zh", { granularity: "sentence" });
const ABBREVIATION =
  /(?:^|[\s("“(])(?:Mr|Mrs|Ms|Mme|Dr|Prof|St|Jr|Sr|Rev|Hon|Gen|Col|Capt|Lt|Sgt|vs|cf|ca|al|Fig|Figs|No|Nos|Vol|pp?|Eq|Ch|Sec|Inc|Ltd|Co|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|e\.g|i\.e|U\.S|U\.K|[A-Z])\.\s*$/;
/** What goes on with the sentence before it: a small letter, or `he said` behind Chinese speech. */
const GOES_ON = /^(?:[\p{Ll}]|[^，。！？“”]{0,6}(?:说|道|问|答|叫|喊|想)[，。：]?[^“]{0,6}$)/u;

/** The sentences of one block of prose. */
export function sentencesOf(text: string, cjk: boolean): string[] {
  const sentences: string[] = [];
  let open = "";
  for (const { segment } of (cjk ? CHINESE : ENGLISH).segment(text)) {
    if (open === "") open = segment;
    else if (joins(open, segment)) open += segment;
    else {
      push(sentences, open);
      open = segment;
    }
  }
  push(sentences, open);
  return sentences;
}

function joins(open: string, next: string): boolean {
  if (open.length > SENTENCE_MAX) return false;
  const end = open.slice(-20);
  if (/[”」』"’]\s*$/.test(end) && GOES_ON.test(next)) return true;
  if (/^["”’)\]」』）\s]+$/.test(next)) return true;
  if (inShortSpeech(open)) return true;
  return ABBREVIATION.test(end);
}

/** Whether a quote was opened and not closed, and little was said in it: `“Oh dear! I shall be late!”` stays whole. */
function inShortSpeech(open: string): boolean {
  const quote = Math.max(open.lastIndexOf("“"), open.lastIndexOf("「"));
  const closed = Math.max(open.lastIndexOf("”"), open.lastIndexOf("」"));
  return quote > closed && open.length - quote < 80;
}

function push(sentences: string[], text: string): void {
  const whole = text.trim();
  if (!/[\p{L}\p{N}]/u.test(whole)) return;
  // A paragraph without any stop, or a dump of data, is cut so that no "sentence" is a page.
  if (whole.length <= SENTENCE_MAX) sentences.push(whole);
  else for (let at = 0; at < whole.length; at += 1000) sentences.push(whole.slice(at, at + 1000));
}

/** Sentences as one text again. */
export function joinSentences(sentences: readonly string[]): string {
  return sentences.reduce(join, "");
}

/** The length of a sentence in words; a Chinese character counts as six tenths of one. */
export function wordCount(text: string): number {
  return (
    (text.match(/[\p{L}\p{N}]+/gu)?.filter((word) => !/\p{Script=Han}/u.test(word)).length ?? 0) + countCjk(text) * 0.6
  );
}
