import { AppError } from "@weftwork/core";
import type { PoolClient } from "pg";
import type { Append, Verdict } from "./journal.ts";
import { errorKind, reasonOf } from "./postgres-errors.ts";
import { flush } from "./postgres-flush.ts";
import { judge } from "./postgres-judge.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import type { PostgresSlots } from "./postgres-slots.ts";
import { committed, FENCED, refusalOf, refused } from "./rules.ts";

/** How often a row that nothing explains is sent again before the store is called unavailable. */
const AGAIN_MAX = 5;

interface Pending {
  readonly append: Append;
  readonly at: number;
}

/**
 * Group commit: one statement a batch, and a verdict a run.
 *
 * A1. Rows that depend on each other (two of one run, two creations of one id or key) go in statements one behind the
 *     other, so a statement never has to see its own effects.
 * A2. A batch that the server refuses for its data is halved until the row is alone (F35).
 * A3. Runs with a slot go their own way, in transactions that hold the lanes of their keys.
 */
export class PostgresAppend {
  private readonly lanes: PostgresPool;
  private readonly slots: PostgresSlots;
  private readonly rowBytesMax: number;
  private readonly freeShards: number[];

  constructor(lanes: PostgresPool, laneCount: number, slots: PostgresSlots, rowBytesMax: number) {
    this.lanes = lanes;
    this.slots = slots;
    this.rowBytesMax = rowBytesMax;
    this.freeShards = Array.from({ length: laneCount }, (_, lane) => lane);
  }

  async append(member: number, batch: readonly Append[]): Promise<readonly Verdict[]> {
    const verdicts: (Verdict | undefined)[] = batch.map((append) => refusalOf(append, this.rowBytesMax) ?? undefined);
    let waiting: Pending[] = batch.flatMap((append, at) => (verdicts[at] ? [] : [{ append, at }]));
    while (waiting.length > 0) {
      const [now, later] = independent(waiting);
      const plain = now.filter(({ append }) => !append.create?.slot);
      const slotted = now.filter(({ append }) => append.create?.slot);
      slotted.push(...(await this.plain(member, plain, verdicts)));
      if (slotted.length > 0)
        await this.slotted(
          member,
          slotted.toSorted((a, b) => a.at - b.at),
          verdicts,
        );
      waiting = later;
    }
    return verdicts.map((verdict) => verdict!);
  }

  /** Stores the rows, or says why not. Returns those whose end sets a slot free: they were not stored. */
  private async plain(
    member: number,
    rows: readonly Pending[],
    verdicts: (Verdict | undefined)[],
  ): Promise<readonly Pending[]> {
    const slotted: Pending[] = [];
    let again = rows.toSorted((a, b) => a.append.runKey - b.append.runKey);
    for (let attempt = 1; again.length > 0; attempt++) {
      if (attempt > AGAIN_MAX) throw new AppError("STORE_UNAVAILABLE", { reason: "rows keep being passed over" });
      const sent = again;
      again = [];
      try {
        const judgements = await this.lanes.use((client) => this.send(client, member, sent));
        for (const [index, judgement] of judgements.entries()) {
          const row = sent[index]!;
          if (judgement === "again") again.push(row);
          else if (judgement === "slotted") slotted.push(row);
          else verdicts[row.at] = judgement;
        }
      } catch (error) {
        if (errorKind(error) !== "data") throw error;
        if (sent.length === 1) {
          verdicts[sent[0]!.at] = refused("INTERNAL", { reason: reasonOf(error) });
        } else {
          const middle = sent.length >> 1;
          for (const half of [sent.slice(0, middle), sent.slice(middle)]) {
            slotted.push(...(await this.plain(member, half, verdicts)));
          }
        }
      }
    }
    return slotted;
  }

  private async send(client: PoolClient, member: number, rows: readonly Pending[]) {
    const lane = this.freeShards.pop() ?? 0;
    try {
      const batch = rows.map(({ append }) => append);
      const placed = await flush(client, member, shardOf(member, lane), batch, false);
      if (placed.size === rows.length) return rows.map(() => COMMITTED);
      const passedOver = batch.filter(({ runKey }) => !placed.has(runKey));
      const reasons = await judge(client, member, passedOver);
      const byRun = new Map(passedOver.map(({ runKey }, at) => [runKey, reasons[at]!]));
      return batch.map(({ runKey }) => byRun.get(runKey) ?? COMMITTED);
    } finally {
      this.freeShards.push(lane);
    }
  }

  private async slotted(member: number, rows: readonly Pending[], verdicts: (Verdict | undefined)[]): Promise<void> {
    const shard = shardOf(member, 0);
    try {
      const found = await this.slots.append(
        member,
        shard,
        rows.map(({ append }) => append),
      );
      for (const [index, { at }] of rows.entries()) verdicts[at] = found[index] ?? FENCED;
    } catch (error) {
      if (errorKind(error) !== "data") throw error;
      if (rows.length === 1) verdicts[rows[0]!.at] = refused("INTERNAL", { reason: reasonOf(error) });
      else for (const row of rows) await this.slotted(member, [row], verdicts);
    }
  }
}

const COMMITTED = committed();

/** Two flushes of one process never meet at a counter; those of two processes may, and then one waits. */
function shardOf(member: number, lane: number): number {
  return (member * 8 + lane) % 64;
}

/** Splits off what depends on an earlier row of the list. */
function independent(rows: readonly Pending[]): readonly [readonly Pending[], Pending[]] {
  const seen = new Set<string | number>();
  const [now, later]: [Pending[], Pending[]] = [[], []];
  for (const row of rows) {
    const { runKey, tenant, create } = row.append;
    const names: (string | number)[] = [runKey];
    if (create) names.push(`i${tenant}\0${create.id}`);
    if (create?.idempotency) names.push(`k${tenant}\0${create.idempotency.key}`);
    if (names.some((name) => seen.has(name))) later.push(row);
    else now.push(row);
    for (const name of names) seen.add(name);
  }
  return [now, later];
}
