/** Why a text is no expression or template, and where. `offset` counts UTF-16 units from the start of the text. */
export interface ExpressionProblem {
  readonly message: string;
  readonly offset: number;
  readonly suggestion?: string;
}

/** Carries a problem out of the parser's depths. Never leaves this folder. */
export class ProblemError extends Error {
  readonly problem: ExpressionProblem;
  /** The name at fault, for those who throw without a place at hand: the tree keeps none. */
  readonly about: string | undefined;

  constructor(message: string, offset: number, suggestion?: string, about?: string) {
    super(message);
    this.name = "ProblemError";
    this.about = about;
    this.problem = suggestion === undefined ? { message, offset } : { message, offset, suggestion };
  }
}

/** The known name nearest to a mistyped one: at most two letters off. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > 40) return undefined;
  let best: string | undefined;
  let bestDistance = name.length <= 3 ? 2 : 3;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Letters to change, add, leave out, or swap with their neighbour; 3 stands for any more than two. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > 2) return 3;
  let [before, row]: [number[], number[]] = [[], Array.from({ length: to.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swap = isSwap ? before[j - 2]! + 1 : Infinity;
      next.push(Math.min(change, swap, row[j]! + 1, next[j - 1]! + 1));
    }
    [before, row] = [row, next];
  }
  return row[to.length]!;
}
