const LENGTH_MAX = 64;
const COMPARISONS_MAX = 100_000;

/** Names of other tools, and what the same thing is called here. */
const SYNONYMS: Readonly<Record<string, string>> = {
  nodes: "steps",
  tasks: "steps",
  jobs: "steps",
  needs: "depends_on",
  depends: "depends_on",
  after: "depends_on",
  requires: "depends_on",
  if: "when",
  condition: "when",
  retries: "retry",
  ttl: "cache",
  script: "code",
  source: "code",
  uri: "url",
  params: "query",
  variables: "vars",
  vars: "variables",
  foreach: "for_each",
  map: "for_each",
  iteration: "for_each",
  if_else: "switch",
  while: "loop",
  human_input: "approval",
  sleep: "wait",
  python: "python_script",
  code: "python_script",
  js: "javascript",
  node: "javascript",
  http_request: "http",
  request: "http",
  jinja: "template",
  chat: "model_inference",
  completion: "model_inference",
  subworkflow: "workflow",
  knowledge_retrieval: "retrieval",
};

/**
 * Finds the name an author probably meant. One for each text that is parsed: it stops searching after a bounded
 * number of comparisons, so that a large file full of mistakes is still answered quickly.
 */
export class Suggester {
  private left = COMPARISONS_MAX;

  /** The nearest of the candidates, or null when none is near. */
  nearest(name: string, candidates: Iterable<string>): string | null {
    const wanted = normal(name);
    if (wanted === "" || wanted.length > LENGTH_MAX) return null;
    let best: string | null = null;
    let bestDistance = wanted.length <= 4 ? 2 : wanted.length <= 8 ? 3 : 4;
    const synonym = Object.hasOwn(SYNONYMS, wanted) ? SYNONYMS[wanted]! : null;
    for (const candidate of candidates) {
      if (candidate === synonym) return candidate;
      if (this.left-- <= 0) break;
      const other = normal(candidate);
      if (Math.abs(other.length - wanted.length) >= bestDistance) continue;
      const distance = editDistance(wanted, other, bestDistance);
      if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
    }
    return best;
  }

  /** The same as a sentence: `Did you mean "depends_on"?` */
  didYouMean(name: string, candidates: Iterable<string>): string | null {
    const nearest = this.nearest(name, candidates);
    return nearest === null ? null : `Did you mean ${JSON.stringify(nearest)}?`;
  }
}

/** `dependsOn`, `depends-on` and `Depends_On` are the same name to a reader. */
function normal(name: string): string {
  return name
    .slice(0, LENGTH_MAX + 1)
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toLowerCase();
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other; `limit` ends it. */
export function editDistance(a: string, b: string, limit = Infinity): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let smallest = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j - 1]! + (same ? 0 : 1), last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
      if (cost < smallest) smallest = cost;
    }
    if (smallest >= limit) return limit;
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
