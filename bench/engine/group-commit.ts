import type { RowShape } from "./row-shape.ts";

/** A row of the floor on its way. */
export interface FloorRow {
  readonly key: number;
  readonly id: string;
  readonly at: number;
  readonly seq: number;
  readonly shape: RowShape;
  /** Called when it is durable. */
  readonly recorded: () => void;
}

/** Writes rows of several runs in one transaction. Durable when it resolves, or when it returns without a promise. */
export interface FloorStore {
  readonly lanes: number;
  write(rows: readonly FloorRow[], lane: number): Promise<void> | void;
  close(): Promise<void>;
}

const ROWS_MAX = 64;

/**
 * Group commit and nothing else: each flush takes all rows that are ready. This is what a careful programmer would write
 * by hand for these tables, and nobody could do less and be durable.
 */
export class GroupCommit {
  private readonly store: FloorStore;
  private ready: FloorRow[] = [];
  private readonly idle: number[];
  private scheduled = false;
  private failed: ((error: unknown) => void) | null = null;

  constructor(store: FloorStore) {
    this.store = store;
    this.idle = Array.from({ length: store.lanes }, (_, lane) => lane);
  }

  /** Is told when a flush fails: the round is over then. */
  onFailure(listener: (error: unknown) => void): void {
    this.failed = listener;
  }

  add(row: FloorRow): void {
    this.ready.push(row);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.idle.length === 0 || this.ready.length === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const lane = this.idle.pop()!;
    const rows = this.ready.length <= ROWS_MAX ? this.ready : this.ready.slice(0, ROWS_MAX);
    this.ready = this.ready.length <= ROWS_MAX ? [] : this.ready.slice(ROWS_MAX);
    const written = this.store.write(rows, lane);
    if (written) written.then(() => this.written(rows, lane), this.failed);
    else this.written(rows, lane);
    this.schedule();
  }

  private written(rows: readonly FloorRow[], lane: number): void {
    this.idle.push(lane);
    for (const row of rows) row.recorded();
    this.schedule();
  }
}
