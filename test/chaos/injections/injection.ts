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
    /** PgBouncer in the mode `transaction` stands before PostgreSQL. */
    readonly pooler?: boolean;
    /** Workflows by name, beside those of all rows. Their effects are felt at the address. */
    readonly workflows?: (address: string) => Readonly<Record<string, string>>;
  };
  /** Milliseconds within which the runs of a killed process move again (I13). Left out: 30 s. */
  readonly recoveryMs?: number;
  /** Seconds that it takes by itself; null: as long as it is given. */
  readonly seconds: number | null;
  /** Short enough for every change. */
  readonly quick: boolean;
  /** Does it while the load runs; ends with everything healed. Answers what is to be looked at when all has settled. */
  inject(arena: Arena, seconds: number): Promise<() => Finding>;
}
