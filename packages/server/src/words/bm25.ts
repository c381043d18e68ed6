import { termsOf } from "./terms.ts";

/** Terms as numbers, so that a text is a few arrays and not thousands of entries of a map. */
export class Vocabulary {
  private readonly ids = new Map<string, number>();

  get size(): number {
    return this.ids.size;
  }

  /** The number of a term, a new one where it has none. */
  id(term: string): number {
    const known = this.ids.get(term);
    if (known !== undefined) return known;
    const id = this.ids.size;
    this.ids.set(term, id);
    return id;
  }

  find(term: string): number | undefined {
    return this.ids.get(term);
  }
}

/** A text as its terms, each once, and how often it has them. */
export interface CountedText {
  readonly ids: Uint32Array;
  readonly counts: Uint16Array;
  /** Terms in all. */
  readonly length: number;
}

export function countTerms(text: string, vocabulary: Vocabulary): CountedText {
  const terms = termsOf(text);
  const counts = new Map<number, number>();
  for (const term of terms) {
    const id = vocabulary.id(term);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return {
    ids: Uint32Array.from(counts.keys()),
    counts: Uint16Array.from(counts.values(), (count) => Math.min(count, 65_535)),
    length: terms.length,
  };
}

export interface Ranked {
  /** Place in the list of texts. */
  readonly at: number;
  /** The share of the best score that any text could have for the query: more than 0, less than 1. */
  readonly score: number;
}

const K1 = 1.2;
const B = 0.75;

/**
 * Okapi BM25 (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009) over a fixed list of texts, with
 * k1 = 1.2, b = 0.75 and idf = ln(1 + (N - df + 0.5) / (df + 0.5)). A score is divided by the sum of (k1 + 1) idf over the
 * terms of the query, which no text reaches, so that it means the same whatever the query and the list.
 */
export class Bm25 {
  private readonly vocabulary: Vocabulary;
  private readonly lengths: Float64Array;
  private readonly average: number;
  /** Of each term the range in `texts` and `counts` that is its list. */
  private readonly starts: Uint32Array;
  private readonly texts: Uint32Array;
  private readonly counts: Uint16Array;

  constructor(texts: readonly CountedText[], vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
    this.lengths = Float64Array.from(texts, ({ length }) => length);
    const sum = this.lengths.reduce((all, length) => all + length, 0);
    this.average = Math.max(1, sum / Math.max(1, texts.length));
    this.starts = new Uint32Array(vocabulary.size + 1);
    for (const { ids } of texts) for (const id of ids) this.starts[id + 1]! += 1;
    for (let id = 0; id < vocabulary.size; id++) this.starts[id + 1]! += this.starts[id]!;
    const next = this.starts.slice();
    this.texts = new Uint32Array(this.starts.at(-1)!);
    this.counts = new Uint16Array(this.texts.length);
    texts.forEach(({ ids, counts }, at) => {
      ids.forEach((id, index) => {
        const place = next[id]!++;
        this.texts[place] = at;
        this.counts[place] = counts[index]!;
      });
    });
  }

  /** The texts that have a term of the query, the best first; of equal ones the one that stands first in the list. */
  rank(query: string): Ranked[] {
    const all = this.lengths.length;
    const scores = new Map<number, number>();
    let best = 0;
    for (const term of new Set(termsOf(query))) {
      const id = this.vocabulary.find(term);
      // A term that came after this list was made is in none of its texts.
      const isListed = id !== undefined && id + 1 < this.starts.length;
      const [start, end] = isListed ? [this.starts[id]!, this.starts[id + 1]!] : [0, 0];
      const having = end - start;
      const idf = Math.log(1 + (all - having + 0.5) / (having + 0.5));
      best += idf * (K1 + 1);
      for (let place = start; place < end; place++) {
        const at = this.texts[place]!;
        const times = this.counts[place]!;
        const share = (times * (K1 + 1)) / (times + K1 * (1 - B + (B * this.lengths[at]!) / this.average));
        scores.set(at, (scores.get(at) ?? 0) + idf * share);
      }
    }
    return [...scores]
      .map(([at, score]) => ({ at, score: score / best }))
      .toSorted((left, right) => right.score - left.score || left.at - right.at);
  }
}
