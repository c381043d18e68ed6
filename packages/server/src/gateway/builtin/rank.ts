import { terms } from "./words.ts";

/**
 * Which texts of a list resemble each other and which answer a query: term weights, BM25, centrality, redundancy.
 * Only texts that share a term are compared. Beyond `TEXT_RANK_MAX` texts, each is compared with the sum of all instead
 * of with every other, so the work grows with the length of the texts, not with its square.
 */
export interface TermIndex {
  readonly count: number;
  /** Term counts of each text. */
  readonly vectors: readonly ReadonlyMap<string, number>[];
  /** For each term, the texts that have it. */
  readonly postings: ReadonlyMap<string, readonly number[]>;
  readonly lengths: readonly number[];
}

const TEXT_RANK_MAX = 400;

export function termIndex(texts: readonly string[]): TermIndex {
  const postings = new Map<string, number[]>();
  const lengths: number[] = [];
  const vectors = texts.map((text, at) => {
    const found = terms(text);
    const vector = new Map<string, number>();
    for (const term of found) vector.set(term, (vector.get(term) ?? 0) + 1);
    for (const term of vector.keys()) {
      const list = postings.get(term);
      if (list) list.push(at);
      else postings.set(term, [at]);
    }
    lengths.push(found.length);
    return vector;
  });
  return { count: texts.length, vectors, postings, lengths };
}

/** How much a term tells: near 0 when every text has it. */
export function weight(index: TermIndex, term: string): number {
  const having = index.postings.get(term)?.length ?? 1;
  return Math.log(1 + (index.count - having + 0.5) / (having + 0.5));
}

/** Okapi BM25 of every text against the terms of a query. */
export function bm25(index: TermIndex, query: readonly string[], k = 1.4, b = 0.5): Float64Array {
  const scores = new Float64Array(index.count);
  const average = Math.max(1, index.lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, index.count));
  for (const term of new Set(query)) {
    const idf = weight(index, term);
    for (const at of index.postings.get(term) ?? []) {
      const times = index.vectors[at]!.get(term)!;
      scores[at]! += (idf * times * (k + 1)) / (times + k * (1 - b + (b * index.lengths[at]!) / average));
    }
  }
  return scores;
}

/** The share of the query's weight that a text covers, 0 to 1. Terms that no text has count like those of one. */
export function coverage(index: TermIndex, query: readonly string[], at: number): number {
  let [all, met] = [0, 0];
  for (const term of new Set(query)) {
    const idf = weight(index, term);
    all += idf;
    if (index.vectors[at]!.has(term)) met += idf;
  }
  return all === 0 ? 0 : met / all;
}

/** How central each text is among the others, the most central one being 1. */
export function centrality(index: TermIndex): Float64Array {
  const rank = index.count <= TEXT_RANK_MAX ? textRank(index) : nearCentroid(index);
  const most = rank.reduce((max, value) => Math.max(max, value), 0);
  return most === 0 ? rank : rank.map((value) => value / most);
}

function textRank(index: TermIndex): Float64Array {
  const { count } = index;
  const edges = similarities(index);
  const out = edges.map((row) => row.reduce((sum, [, value]) => sum + value, 0));
  let rank = new Float64Array(count).fill(1);
  for (let round = 0; round < 15; round++) {
    const next = new Float64Array(count).fill(0.15);
    for (let from = 0; from < count; from++) {
      if (out[from] === 0) continue;
      const share = (0.85 * rank[from]!) / out[from]!;
      for (const [to, value] of edges[from]!) next[to]! += share * value;
    }
    rank = next;
  }
  return rank;
}

function nearCentroid(index: TermIndex): Float64Array {
  const centre = new Map<string, number>();
  for (const [term, texts] of index.postings) {
    if (texts.length > 1) centre.set(term, texts.length * weight(index, term) ** 2);
  }
  return Float64Array.from(index.vectors, (vector) => {
    let sum = 0;
    for (const [term, times] of vector) sum += times * (centre.get(term) ?? 0);
    return sum / norm(vector, index);
  });
}

/** For every text, the others it resembles and how much (cosine of the weighted terms). */
function similarities(index: TermIndex): [number, number][][] {
  const { count, vectors, postings } = index;
  const idf = new Map<string, number>();
  for (const [term, texts] of postings) {
    if (texts.length > 1) idf.set(term, weight(index, term));
  }
  const norms = vectors.map((vector) => norm(vector, index));
  const row = new Float64Array(count);
  return vectors.map((vector, from) => {
    const touched: number[] = [];
    for (const [term, times] of vector) {
      const value = idf.get(term);
      if (value === undefined) continue;
      for (const to of postings.get(term)!) {
        if (to === from) continue;
        if (row[to] === 0) touched.push(to);
        row[to]! += times * value * vectors[to]!.get(term)! * value;
      }
    }
    return touched.map((to): [number, number] => {
      const value = row[to]! / (norms[from]! * norms[to]!);
      row[to] = 0;
      return [to, value];
    });
  });
}

function norm(vector: ReadonlyMap<string, number>, index: TermIndex): number {
  let sum = 0;
  for (const [term, times] of vector) sum += (times * weight(index, term)) ** 2;
  return Math.max(Math.sqrt(sum), 1e-9);
}

/** How alike two texts are, 0 to 1. */
export function similarity(index: TermIndex, left: number, right: number): number {
  let sum = 0;
  const other = index.vectors[right]!;
  for (const [term, times] of index.vectors[left]!) {
    const there = other.get(term);
    if (there !== undefined) sum += times * there * weight(index, term) ** 2;
  }
  return sum / (norm(index.vectors[left]!, index) * norm(other, index));
}

/**
 * Picks texts one by one by maximal marginal relevance: high score, little said already. `take` sees each pick and
 * answers whether it fits; picking ends when `enough` says so or nothing is left.
 */
export function pickDiverse(
  index: TermIndex,
  scores: Float64Array,
  take: (at: number) => boolean,
  enough: () => boolean,
): number[] {
  const byScore = [...scores.keys()].toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  const open = new Set(byScore.slice(0, 200));
  const nearest = new Float64Array(index.count);
  const picked: number[] = [];
  while (open.size > 0 && !enough()) {
    let best = -1;
    let most = -Infinity;
    for (const at of open) {
      const value = scores[at]! - 0.6 * nearest[at]!;
      if (value > most) [best, most] = [at, value];
    }
    open.delete(best);
    if (!take(best)) continue;
    picked.push(best);
    for (const at of open) nearest[at] = Math.max(nearest[at]!, similarity(index, best, at));
  }
  return picked;
}
