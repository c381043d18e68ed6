/** What a process uses connections for. Each kind is a pool of its own, so that none can starve another. */
export type PoolKind =
  /** Flushes of the journal. */
  | "lanes"
  /** Everything else of the journal. */
  | "journal"
  /** Tasks that other processes do. */
  | "tasks"
  | "transport"
  /** Cold tables, the stream log, blobs and the index of words. */
  | "cold";

export type Shares = Readonly<Record<PoolKind, number>>;

/** What a process gains from: a connection goes to the kind that has the least for its weight. */
const WEIGHTS: Shares = { lanes: 4, journal: 6, tasks: 2, transport: 2, cold: 5 };
/** More would only wait in the database instead of here. */
const MOST: Shares = { lanes: 4, journal: 6, tasks: 3, transport: 3, cold: 6 };
const KINDS = Object.keys(WEIGHTS) as readonly PoolKind[];

/** Connections that are no part of a pool: the lease, and what listens for inputs, tickets and what is told now. */
export const SINGLES = 4;
/** Many parts of a process share the cold ones; a stream that is read must not hold up all others. */
export const LEAST: Shares = { lanes: 1, journal: 1, tasks: 1, transport: 1, cold: 2 };
/** A process with less cannot work at all. */
export const PROCESS_LEAST = KINDS.reduce((sum, kind) => sum + LEAST[kind], SINGLES);
/** Of what the server takes; the rest is for operators, backups, and processes that have just come. */
const SHARE_OF_SERVER = 0.8;

export interface ServerFacts {
  /** Connections that the server takes, of this user in this database. */
  readonly connectionsMax: number;
  /** Of them, those that it keeps for its administrators. */
  readonly reserved: number;
  /** Processes on the store, this one included. */
  readonly processes: number;
}

/** Connections of one process, so that all together have at most their share of the server's. */
export function processShare({ connectionsMax, reserved, processes }: ServerFacts): number {
  const all = Math.min(Math.floor(connectionsMax * SHARE_OF_SERVER), connectionsMax - reserved);
  return Math.max(0, Math.floor(all / Math.max(1, processes)));
}

/** How the connections of a process are spread. Each kind has one at least, whatever the share is. */
export function poolShares(share: number): Shares {
  const sizes: Record<PoolKind, number> = { ...LEAST };
  for (let left = share - PROCESS_LEAST; left > 0; left--) {
    let next: PoolKind | null = null;
    for (const kind of KINDS)
      if (sizes[kind] < MOST[kind] && (next === null || sizes[kind] / WEIGHTS[kind] < sizes[next] / WEIGHTS[next]))
        next = kind;
    if (next === null) break;
    sizes[next] += 1;
  }
  return sizes;
}

/** A pool whose size can be changed while it is used. */
export interface Resizable {
  resize(max: number): void;
}

/** Those who open a pool tell of it here, and let it be sized. */
export interface Budget {
  add(kind: PoolKind, pool: Resizable): void;
}
