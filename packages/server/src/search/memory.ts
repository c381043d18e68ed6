import type { IndexedRun, SearchHit, SearchIndex, SearchQuery } from "./search.ts";

/** The index in the memory of one process: the executable specification of the port. */
export function memorySearch(): SearchIndex {
  return new MemorySearch();
}

class MemorySearch implements SearchIndex {
  private readonly runs = new Map<number, IndexedRun & { readonly wordSet: ReadonlySet<string> }>();
  /** Keys of open runs, in the order of putting. */
  private readonly openKeys = new Set<number>();
  private until = 0;

  async progress(): Promise<number> {
    return this.until;
  }

  async put(runs: readonly IndexedRun[], advance: { from: number; to: number } | null): Promise<boolean> {
    if (advance && advance.from !== this.until) return false;
    for (const run of runs) {
      this.runs.set(run.runKey, { ...run, wordSet: new Set(run.words) });
      this.openKeys.delete(run.runKey);
      if (run.open) this.openKeys.add(run.runKey);
    }
    if (advance) this.until = advance.to;
    return true;
  }

  async find({ words, after, createdAfter, createdBefore, limit }: SearchQuery): Promise<readonly SearchHit[]> {
    const found = [...this.runs.values()].filter(
      (run) =>
        (!after || byPlace(after, run) < 0) &&
        (createdAfter === undefined || run.createdAt > createdAfter) &&
        (createdBefore === undefined || run.createdAt < createdBefore) &&
        words.every(({ text, prefix }) =>
          prefix ? run.words.some((word) => word.startsWith(text)) : run.wordSet.has(text),
        ),
    );
    return found.toSorted(byPlace).slice(0, limit).map(hitOf);
  }

  async open(limit: number): Promise<readonly SearchHit[]> {
    return [...this.openKeys].slice(0, limit).map((key) => hitOf(this.runs.get(key)!));
  }

  async stillOpen(runKeys: readonly number[]): Promise<void> {
    for (const key of runKeys) if (this.openKeys.delete(key)) this.openKeys.add(key);
  }

  async oldest(limit: number): Promise<readonly SearchHit[]> {
    return [...this.runs.values()]
      .toSorted((a, b) => byPlace(b, a))
      .slice(0, limit)
      .map(hitOf);
  }

  async remove(runKeys: readonly number[]): Promise<void> {
    for (const key of runKeys) {
      this.runs.delete(key);
      this.openKeys.delete(key);
    }
  }

  async close(): Promise<void> {
    this.runs.clear();
  }
}

type Place = Pick<SearchHit, "createdAt" | "runKey">;

/** Newest first. */
function byPlace(a: Place, b: Place): number {
  return b.createdAt - a.createdAt || b.runKey - a.runKey;
}

function hitOf({ runKey, id, createdAt }: SearchHit): SearchHit {
  return { runKey, id, createdAt };
}
