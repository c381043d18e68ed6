import { centrality, coverage, pickDiverse, termIndex } from "./rank.ts";
import { joinSentences, wordCount, type Document, type Sentence } from "./segment.ts";
import { countCjk, estimateTokens } from "../tokens.ts";
import { terms } from "./words.ts";

/** How long a summary may be; the first that is given holds, each within `tokens`. */
export interface SummaryLength {
  readonly sentences?: number;
  readonly words?: number;
  readonly characters?: number;
  readonly tokens?: number;
}

/**
 * The sentences that say most of what a document says, in the order they stand there. A sentence counts for how
 * central it is (TextRank), where it stands (the start of the document and of its sections), what it shares with the
 * title, and how readable it is alone; sentences that repeat a chosen one are passed over.
 */
export function summarize(document: Document, length: SummaryLength, asList = false): Sentence[] {
  const sentences = document.sentences;
  if (sentences.length === 0) return [];
  const index = termIndex(sentences.map((sentence) => sentence.text));
  const central = centrality(index);
  const title = terms(document.title);
  const scores = Float64Array.from(sentences, (sentence, at) => {
    const shared = title.length === 0 ? 0 : coverage(index, title, at);
    return readable(sentence, document) * (0.55 * central[at]! + 0.45 * position(sentence, sentences) + 0.15 * shared);
  });
  const wanted = length.sentences ?? (length.words || length.characters ? Infinity : usual(sentences.length, asList));
  const budget = new Budget(length);
  let taken = 0;
  const picked = pickDiverse(
    index,
    scores,
    (at) => {
      const fragment = taken > 0 && wordCount(sentences[at]!.text) < 3;
      const fits = (!fragment && budget.take(sentences[at]!.text)) || (taken === 0 && at === bestOf(scores));
      if (fits) taken++;
      return fits;
    },
    () => taken >= wanted || (taken > 0 && budget.spent()),
  );
  return picked.toSorted((a, b) => a - b).map((at) => sentences[at]!);
}

/** The summary as text: one paragraph, or a list when points are asked for. */
export function summaryText(sentences: readonly Sentence[], asList: boolean): string {
  const texts = sentences.map((sentence) => sentence.text);
  return asList ? texts.map((text) => `- ${text}`).join("\n") : joinSentences(texts);
}

function usual(count: number, asList: boolean): number {
  if (asList) return Math.min(5, Math.max(3, Math.round(count / 4)));
  return count <= 3 ? 1 : Math.min(5, Math.max(2, Math.round(count / 6)));
}

function bestOf(scores: Float64Array): number {
  return scores.reduce((best, score, at) => (score > scores[best]! ? at : best), 0);
}

class Budget {
  private words: number;
  private characters: number;
  private tokens: number;

  constructor(length: SummaryLength) {
    this.words = length.words ?? Infinity;
    this.characters = length.characters ?? Infinity;
    this.tokens = length.tokens ?? Infinity;
  }

  take(text: string): boolean {
    const cost = { words: wordCount(text), characters: text.length, tokens: estimateTokens(text) };
    if (cost.words > this.words || cost.characters > this.characters || cost.tokens > this.tokens) return false;
    this.words -= cost.words;
    this.characters -= cost.characters;
    this.tokens -= cost.tokens;
    return true;
  }

  spent(): boolean {
    return this.words < 4 || this.characters < 6 || this.tokens < 4;
  }
}

/** 1 for the first sentence, falling; the start of a block counts more than its inside. */
function position(sentence: Sentence, all: readonly Sentence[]): number {
  const lead = 1 / (1 + 0.35 * sentence.index);
  const start = sentence.inBlock === 0 ? 0.2 : 0.1 / (1 + sentence.inBlock);
  const last = sentence.index === all.length - 1 && all.length > 5 ? 0.1 : 0;
  return Math.min(1, lead + start + last);
}

const LEANS_BACK =
  /^(?:But|And|So|Or|This|These|That|Those|It|He|She|They|However|Therefore|Thus|Also|Moreover|Then|Such|Yet|Hence|Here)\b|^(?:但|而|这|那|他|她|它|所以|因此|于是|然而|不过|此外|另外|同时|其)/;

/** Sections that are not what a document is about. */
const ASIDE =
  /licen[sc]e|contribut|acknowledg|credits|changelog|sponsor|copyright|references|许可|授权协议|贡献|致谢|鸣谢|更新日志|参考文献|版权/i;

/** How well a sentence stands alone, 0 to 1: not a fragment, not endless, not speech, not leaning on what is before. */
function readable(sentence: Sentence, document: Document): number {
  const { text } = sentence;
  const words = wordCount(text);
  let value = words < 3 ? 0.15 : words < 6 ? 0.45 : words < 9 ? 0.75 : words > 60 ? 0.5 : words > 40 ? 0.75 : 1;
  if (!/[.!?。！？…]["”’」』)）]*$/.test(text)) value *= sentence.item ? 0.6 : 0.5;
  if (/[?？]["”’」』]?$/.test(text)) value *= 0.6;
  if (/^["“「『‘]/.test(text)) value *= 0.7;
  if (LEANS_BACK.test(text) && sentence.index > 0) value *= 0.75;
  if (/[:：]$/.test(text)) value *= 0.4;
  if (sentence.item) value *= 0.7;
  if (ASIDE.test(sentence.path.at(-1) ?? "")) value *= 0.5;
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters < text.length * 0.55) value *= 0.4;
  if (document.cjk && countCjk(text) < text.length * 0.3) value *= 0.6;
  return value;
}
