/**
 * Runs by the words in them. Derived from the journal and never the truth: an index may be deleted at any time and is
 * made again.
 *
 * S1. `find` answers newest first by (creation time, run key), whatever the order in which runs were put.
 * S2. Putting a run again replaces what was known of it.
 * S3. `put` happens whole or not at all, progress included; of two that advance from the same place one is refused.
 * S4. A run that the journal has deleted may still be found, until it is removed: whoever asks looks at its head.
 */
export interface SearchIndex {
  /** Every run that was created before this time (milliseconds) was put. 0 for a new index. */
  progress(): Promise<number>;

  /** False: somebody else has advanced it meanwhile, and nothing was put. Runs that are new go in order of creation. */
  put(runs: readonly IndexedRun[], advance: { readonly from: number; readonly to: number } | null): Promise<boolean>;

  find(query: SearchQuery): Promise<readonly SearchHit[]>;

  /** Runs that were open when they were put, those put longest ago first. */
  open(limit: number): Promise<readonly SearchHit[]>;

  /** These are still open: they go behind the others. */
  stillOpen(runKeys: readonly number[]): Promise<void>;

  /** The runs created first. */
  oldest(limit: number): Promise<readonly SearchHit[]>;

  remove(runKeys: readonly number[]): Promise<void>;

  close(): Promise<void>;
}

export interface IndexedRun extends SearchHit {
  /** Lower case, without ASCII marks, each once. */
  readonly words: readonly string[];
  /** It had not ended: what it ends with is still to be put. */
  readonly open: boolean;
}

export interface SearchHit {
  readonly runKey: number;
  readonly id: string;
  readonly createdAt: number;
}

export interface SearchWord {
  readonly text: string;
  /** Any word that begins so. */
  readonly prefix: boolean;
}

export interface SearchQuery {
  /** All of them; at least one. */
  readonly words: readonly SearchWord[];
  /** Only what comes behind this place. */
  readonly after?: { readonly createdAt: number; readonly runKey: number };
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  readonly limit: number;
}
