import { estimateTokens } from "../gateway/tokens.ts";

/** A part of a text: `text.slice(start, end)`. */
export interface Chunk {
  readonly content: string;
  readonly start: number;
  readonly end: number;
  /** The headings that it stands under, the highest first. */
  readonly headings: readonly string[];
}

export interface ChunkSizes {
  /** Tokens of a chunk, about. */
  readonly tokens: number;
  /** Tokens at the end of a chunk that the next begins with again. */
  readonly overlap: number;
}

export const CHUNK_SIZES: ChunkSizes = { tokens: 500, overlap: 75 };

/** What is not cut unless it is larger than a chunk alone. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
  readonly headings: readonly string[];
  /** A section begins here: a chunk that is not tiny ends before it, and nothing of it is said again. */
  readonly isHeading: boolean;
}

/** From this share of a chunk on, a heading ends it. */
const SECTION_SHARE = 0.2;

const HEADING = /^(#{1,6})\s+(\S.*)$/;
const FENCE = /^\s{0,3}(```|~~~)/;
const SENTENCE_END = /[。！？；…]+[”’」』）]*|[.!?]+["')\]]*(?=\s)|\n/g;

/**
 * A text as parts of about `tokens` tokens, cut between sections, paragraphs and sentences, Chinese ones as well. A row of
 * a table and a line of code are never cut unless they are longer than a part. The same text gives the same parts.
 * They come one by one, so that a long text need not be cut in one go.
 */
export function* chunksOf(text: string, sizes: ChunkSizes = CHUNK_SIZES): Generator<Chunk> {
  let open: Piece[] = [];
  let tokens = 0;
  for (const piece of piecesOf(text, sizes.tokens)) {
    if (piece.isHeading && tokens >= sizes.tokens * SECTION_SHARE) {
      yield* chunkOf(text, open);
      [open, tokens] = [[], 0];
    } else if (tokens > 0 && tokens + piece.tokens > sizes.tokens) {
      yield* chunkOf(text, open);
      open = tailOf(open, Math.min(sizes.overlap, sizes.tokens - piece.tokens));
      tokens = open.reduce((sum, one) => sum + one.tokens, 0);
    }
    open.push(piece);
    tokens += piece.tokens;
  }
  yield* chunkOf(text, open);
}

/** One chunk, or none of nothing. */
function* chunkOf(text: string, pieces: readonly Piece[]): Iterable<Chunk> {
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (!first || !last) return;
  const written = text.slice(first.start, last.end);
  const content = written.trim();
  if (content === "") return;
  const start = first.start + written.indexOf(content);
  yield { content, start, end: start + content.length, headings: first.headings };
}

/** The last pieces that have so many tokens together, back to the heading at most. */
function tailOf(pieces: readonly Piece[], tokensMax: number): Piece[] {
  let tokens = 0;
  let from = pieces.length;
  while (from > 0) {
    const piece = pieces[from - 1]!;
    tokens += piece.tokens;
    if (tokens > tokensMax || piece.isHeading) break;
    from -= 1;
  }
  // All of it again would go on for ever.
  return from === 0 ? [] : pieces.slice(from);
}

/** Lines of code, rows of tables and headings as they stand, the rest by sentences. The pieces joined are the text. */
function* piecesOf(text: string, tokensMax: number): Iterable<Piece> {
  const headings: { readonly level: number; readonly title: string }[] = [];
  const titles = (): readonly string[] => headings.map(({ title }) => title);
  let fence: string | null = null;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    const line = text.slice(start, end);
    const mark = FENCE.exec(line)?.[1];
    const heading = fence === null ? HEADING.exec(line.trimEnd()) : null;
    if (heading) {
      const level = heading[1]!.length;
      while (headings.length > 0 && headings.at(-1)!.level >= level) headings.pop();
      headings.push({ level, title: heading[2]!.slice(0, 200) });
    }
    const isWhole = heading !== null || fence !== null || mark !== undefined || line.startsWith("|");
    for (const [from, to] of isWhole ? [[0, line.length] as const] : sentences(line)) {
      yield* withinSize(text, start + from, start + to, tokensMax, titles(), heading !== null);
    }
    if (mark !== undefined) fence = fence === null ? mark : fence === mark ? null : fence;
    start = end;
  }
}

function* sentences(line: string): Iterable<readonly [number, number]> {
  let from = 0;
  for (const match of line.matchAll(SENTENCE_END)) {
    let to = match.index + match[0].length;
    while (to < line.length && /\s/.test(line[to]!)) to += 1;
    if (to > from) yield [from, to];
    from = Math.max(from, to);
  }
  if (from < line.length) yield [from, line.length];
}

/** A piece, or several where one would be larger than a chunk: half and half again, never within a character. */
function* withinSize(
  text: string,
  start: number,
  end: number,
  tokensMax: number,
  headings: readonly string[],
  isHeading: boolean,
): Iterable<Piece> {
  const tokens = estimateTokens(text.slice(start, end));
  if (tokens <= tokensMax || end - start < 2) {
    yield { start, end, tokens, headings, isHeading };
    return;
  }
  let middle = (start + end) >> 1;
  const quarter = start + ((end - start) >> 2);
  const space = text.slice(quarter, middle).lastIndexOf(" ");
  if (space >= 0) middle = quarter + space + 1;
  const unit = text.charCodeAt(middle);
  if (unit >= 0xdc00 && unit <= 0xdfff && middle > start + 1) middle -= 1;
  yield* withinSize(text, start, middle, tokensMax, headings, isHeading);
  yield* withinSize(text, middle, end, tokensMax, headings, false);
}
