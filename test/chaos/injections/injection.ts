import type { Arena } from "../arena.ts";
import type { Role } from "../processes.ts";
import type { TransportName } from "../services.ts";

/** What a scenario found beside what the checker proves. */
export interface Finding {
  /** What was measured, for the report. */
  readonly figures: Readonly<Record<string, string | number>>;
  /** What did not hold; empty: all did. */
  readonly failures: readonly string[];
}

export const FINE: Finding = { figures: {}, failures: [] };

/** Something that is done to a running engine. The checker judges the journal and the effects of each afterwards. */
export interface Injection {
  readonly id: string;
  readonly title: string;
  /** The invariants by which it is judged, in the report. */
  readonly holds: string;
  readonly needs: {
    readonly roles: readonly Role[];
    readonly transports: readonly TransportName[];
    /** Runs open at the same time. */
    readonly open: number;
    readonly mix?: Readonly<Record<string, number>>;
    readonly env?: Readonly<Record<string, string>>;
  };
  /** Seconds that it takes by itself; null: as long as it is given. */
  readonly seconds: number | null;
  /** Short enough for every change. */
  readonly quick: boolean;
  /** Does it while the load runs, and says what is to be compared afterwards. Ends with everything healed. */
  inject(arena: Arena, seconds: number): Promise<unknown>;
  /** What must hold beside the invariants, once all has settled. `seen`: what `inject` answered. */
  check(arena: Arena, seen: unknown): Promise<Finding>;
}

/** A row whose `inject` and `check` speak of the same thing. */
export function injection<Seen>(
  row: Omit<Injection, "inject" | "check"> & {
    inject(arena: Arena, seconds: number): Promise<Seen>;
    check(arena: Arena, seen: Seen): Promise<Finding> | Finding;
  },
): Injection {
  const { inject, check } = row;
  let last: { readonly seen: Seen } | null = null;
  return {
    ...row,
    async inject(arena, seconds) {
      last = { seen: await inject(arena, seconds) };
    },
    async check(arena) {
      return last === null ? FINE : check(arena, last.seen);
    },
  };
}
