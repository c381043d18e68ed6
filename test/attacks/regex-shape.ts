/**
 * Whether a backtracking engine may take more than linear time for a regular expression: looked for in its shape, without
 * running it. What characters an atom takes is asked of the engine itself, one character at a time.
 */

interface Item {
  /** Characters that an atom takes; for a group what may stand anywhere in it. Null: it takes none (an assertion). */
  readonly takes: ReadonlySet<string> | null;
  readonly body: readonly (readonly Item[])[] | null;
  readonly min: number;
  readonly max: number;
}

/** Every ASCII character and some others; enough to see whether two classes overlap. */
const SAMPLE = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), "é", "中", "\u2028", "\u00a0"];
/** Repeats up to this are taken for none: their cost is a factor. */
const SMALL = 500;
/** Ways through one expression that are looked at. */
const WAYS_MAX = 2000;
const TWINS = "two repeats of the same characters, one behind the other";

/** What is suspicious about an expression; empty when nothing is. */
export function slowShapes(source: string, flags: string): readonly string[] {
  const body = new Reader(source, flags.replaceAll(/[gy]/g, "")).alternatives();
  const found = new Set<string>();
  for (const sequence of body) {
    inspect(sequence, found);
    if (ways(sequence).some(hasTwins)) found.add(TWINS);
  }
  return [...found];
}

function inspect(sequence: readonly Item[], found: Set<string>): void {
  for (const item of sequence) {
    if (item.body === null) continue;
    for (const inner of item.body) {
      inspect(inner, found);
      if (isLong(item) && ways(inner).some(hasTwins)) found.add(TWINS);
    }
    if (!isLong(item)) continue;
    for (const inner of item.body) {
      for (const x of repeats(inner))
        if (!inner.some((one) => one.min > 0 && one.takes !== null && one.takes.size > 0 && disjoint(one, x)))
          found.add("a repeat inside a repeat, with nothing certain between its rounds");
    }
    for (const [at, one] of item.body.entries())
      for (const other of item.body.slice(at + 1))
        if (overlap(first(one), first(other))) found.add("a repeat of alternatives that begin alike");
  }
}

/** The items that one way through a sequence meets, groups that do not repeat being laid open. */
function ways(sequence: readonly Item[]): readonly (readonly Item[])[] {
  let all: (readonly Item[])[] = [[]];
  for (const item of sequence) {
    if (item.takes === null) continue;
    const inner = item.body === null || isLong(item) ? [[item]] : item.body.flatMap(ways);
    const next = item.body !== null && item.min === 0 && !isLong(item) ? [[], ...inner] : inner;
    all = all.flatMap((way) => next.map((more) => [...way, ...more])).slice(0, WAYS_MAX);
  }
  return all;
}

/** Two repeats that can give each other what they took, whatever must stand between them. */
function hasTwins(way: readonly Item[]): boolean {
  return way.some((one, at) => {
    if (!isLong(one)) return false;
    const between: Item[] = [];
    for (const other of way.slice(at + 1)) {
      const isFixed = between.some((item) => disjoint(item, one) || disjoint(item, other));
      if (isLong(other) && !isFixed && sharesRounds(one, other)) return true;
      if (other.min > 0) between.push(other);
    }
    return false;
  });
}

/** Whether one round of either could as well be a round of the other. */
function sharesRounds(a: Item, b: Item): boolean {
  const roundFits = (one: Item, other: Item): boolean =>
    (one.body ?? [[{ ...one, min: 1 }]]).some((round) =>
      round.every((part) => part.min === 0 || part.takes === null || !disjoint(part, other)),
    );
  return roundFits(a, b) && roundFits(b, a);
}

function isLong({ max }: Item): boolean {
  return max > SMALL;
}

function repeats(sequence: readonly Item[]): readonly Item[] {
  return sequence.flatMap((item) => [
    ...(isLong(item) && item.takes !== null ? [item] : []),
    ...(item.body ?? []).flatMap(repeats),
  ]);
}

function disjoint(a: Item, b: Item): boolean {
  return !overlap(a.takes ?? new Set(), b.takes ?? new Set());
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return [...a].some((char) => b.has(char));
}

/** Characters that a sequence may begin with. */
function first(sequence: readonly Item[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { takes, body, min } of sequence) {
    if (takes === null) continue;
    const starts = body === null ? [takes] : body.map(first);
    for (const set of starts) for (const char of set) found.add(char);
    if (min > 0) break;
  }
  return found;
}

class Reader {
  private at = 0;
  private readonly source: string;
  private readonly flags: string;

  constructor(source: string, flags: string) {
    this.source = source;
    this.flags = flags;
  }

  alternatives(): readonly (readonly Item[])[] {
    const all: Item[][] = [[]];
    while (this.at < this.source.length && this.source[this.at] !== ")") {
      if (this.source[this.at] === "|") {
        this.at++;
        all.push([]);
      } else all.at(-1)!.push(this.item());
    }
    return all;
  }

  private item(): Item {
    const atom = this.atom();
    const [min, max] = this.quantifier();
    return { ...atom, min, max };
  }

  private atom(): Pick<Item, "takes" | "body"> {
    const char = this.source[this.at]!;
    if (char === "(") return this.group();
    if (char === "^" || char === "$") {
      this.at++;
      return { takes: null, body: null };
    }
    const rest = this.source.slice(this.at);
    const [text] =
      /^(?:\[(?:[^\]\\]|\\.)*\]|\\(?:u\{[\da-f]+\}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|p\{[^}]*\}|.)|.)/isu.exec(rest)!;
    this.at += text.length;
    if (/^\\b$/i.test(text)) return { takes: null, body: null };
    // A back-reference may take anything.
    if (/^\\[1-9]$/.test(text)) return { takes: new Set(SAMPLE), body: null };
    const one = new RegExp(`^(?:${text})$`, this.flags);
    return { takes: new Set(SAMPLE.filter((sample) => one.test(sample))), body: null };
  }

  private group(): Pick<Item, "takes" | "body"> {
    const [open] = /^\((?:\?(?:[:=!]|<[=!]|<\w+>))?/.exec(this.source.slice(this.at))!;
    this.at += open.length;
    const body = this.alternatives();
    this.at++;
    if (/[=!]$/.test(open)) return { takes: null, body };
    const takes = new Set(body.flatMap((sequence) => sequence.flatMap((item) => [...(item.takes ?? [])])));
    return { takes, body };
  }

  private quantifier(): readonly [min: number, max: number] {
    const match = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(this.source.slice(this.at));
    if (!match) return [1, 1];
    this.at += match[0].length;
    const [, sign, least, comma, most] = match;
    if (sign !== undefined) return sign === "?" ? [0, 1] : [sign === "+" ? 1 : 0, Infinity];
    return [Number(least), comma === "" ? Number(least) : most === "" ? Infinity : Number(most)];
  }
}
