import type { PoolClient } from "pg";
import type { Append, RunHead, Verdict } from "./journal.ts";
import { integers, texts } from "./postgres-arrays.ts";
import { flush } from "./postgres-flush.ts";
import type { HeadRow } from "./postgres-heads.ts";
import { HEAD_COLUMNS, headOf } from "./postgres-heads.ts";
import type { PostgresInbox } from "./postgres-inbox.ts";
import { judge } from "./postgres-judge.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { run } from "./postgres-pool.ts";
import { committed, FENCED, refused, SLOT_CANCEL, SLOT_GRANTED } from "./rules.ts";

/** Lanes are locked in the order of their numbers, before anything else. */
const LOCK_LANES = `
select pg_advisory_xact_lock(number) from (
  select distinct hashtextextended(lane, 0) as number from unnest($1::text[]) as lane order by number offset 0) as lanes`;
const LANES_OF = `select lane from slot where run_key = any ($1::int8[])`;
/** Reads `slot_lane (lane, held, place)` from its start and stops: the length of a queue costs nothing. */
const LANE = `
select (select count(*) from (select from slot where lane = $1 and held limit $2) as held)::int4 as held,
  exists (select from slot where lane = $1 and not held) as waiting`;
const ENTER = `insert into slot (run_key, lane, held, leaving, lane_limit) values ($1, $2, $3, false, $4)`;
const ASK_TO_LEAVE = `
with staying as (
  select place, count(*) over () as count, row_number() over (order by place) as number
  from slot where lane = $1 and not leaving)
update slot set leaving = true from staying
where slot.place = staying.place and staying.number <= staying.count + 1 - $2
returning slot.run_key, slot.place`;
const HEADS = `
select ${HEAD_COLUMNS} from unnest($1::int8[]) with ordinality as asked (run_key, at), lateral (
  select * from run where run.run_key = asked.run_key offset 0) as run order by at`;
const LEAVE = `delete from slot where run_key = $1 returning lane`;
/** The first that waits gets the slot while fewer than its limit hold one. */
const GRANT = `
update slot set held = true
where place = (select place from slot where lane = $1 and not held order by place limit 1)
  and (select count(*) from slot as holder where holder.lane = $1 and holder.held) < lane_limit
returning run_key`;

/**
 * Runs with a concurrency key, by the rules S1-S3 of the memory driver. Everything that changes a lane holds its lock to
 * the end of its transaction, so lanes are judged one after the other and the limit holds at every moment.
 */
export class PostgresSlots {
  private readonly lanes: PostgresPool;
  private readonly inbox: PostgresInbox;

  constructor(lanes: PostgresPool, inbox: PostgresInbox) {
    this.lanes = lanes;
    this.inbox = inbox;
  }

  /** Creations with a slot and ends of runs with one, in one transaction, in their order. */
  append(member: number, shard: number, batch: readonly Append[]): Promise<readonly Verdict[]> {
    return this.lanes.transaction(async (client) => {
      const created = batch.flatMap((append) => (append.create?.slot ? [laneOf(append)] : []));
      const keys = batch.map(({ runKey }) => runKey);
      const ending = await run<{ lane: string }>(client, { text: LANES_OF, values: [integers(keys)] });
      const names = texts([...created, ...ending.map(({ lane }) => lane)]);
      await run(client, { text: LOCK_LANES, values: [names] });
      const verdicts: Verdict[] = [];
      for (const append of batch) {
        verdicts.push(
          append.create
            ? await this.create(client, member, shard, append)
            : await this.end(client, member, shard, append),
        );
      }
      return verdicts;
    });
  }

  private async create(client: PoolClient, member: number, shard: number, append: Append): Promise<Verdict> {
    const { runKey } = append;
    const slot = append.create!.slot!;
    const lane = laneOf(append);
    const [known] = await judge(client, member, [append]);
    if (typeof known === "object") return known;
    const [state] = await run<{ held: number; waiting: boolean }>(client, { text: LANE, values: [lane, slot.limit] });
    const granted = state!.held < slot.limit && !state!.waiting;
    if (!granted && slot.strategy === "reject") {
      return refused("RUN_REJECTED", { key: slot.key, workflow: append.create!.workflow });
    }
    const placed = await flush(client, member, shard, [append], true);
    if (!placed.has(runKey)) return this.passedOver(client, member, append);
    let cancel: readonly RunHead[] = [];
    if (slot.strategy === "cancel_running") {
      const values = [lane, slot.limit];
      const victims = await run<{ run_key: number; place: number }>(client, { text: ASK_TO_LEAVE, values });
      const oldestFirst = victims.toSorted((a, b) => a.place - b.place);
      cancel = await this.offerAll(client, oldestFirst, SLOT_CANCEL);
    }
    await run(client, { text: ENTER, values: [runKey, lane, granted, slot.limit] });
    const finished = append.change?.finishedAt !== undefined;
    if (granted && !finished) await this.offerAll(client, [{ run_key: runKey }], SLOT_GRANTED);
    const freed = finished ? await this.leave(client, runKey) : [];
    return { ...committed(granted ? "granted" : "queued"), granted: freed, cancel };
  }

  private async end(client: PoolClient, member: number, shard: number, append: Append): Promise<Verdict> {
    const placed = await flush(client, member, shard, [append], true);
    if (!placed.has(append.runKey)) return this.passedOver(client, member, append);
    return { ...committed(), granted: await this.leave(client, append.runKey) };
  }

  private async passedOver(client: PoolClient, member: number, append: Append): Promise<Verdict> {
    const [judgement] = await judge(client, member, [append]);
    return typeof judgement === "object" ? judgement : FENCED;
  }

  /** The run has ended. Returns those that got a slot because of it. */
  private async leave(client: PoolClient, runKey: number): Promise<readonly number[]> {
    const [left] = await run<{ lane: string }>(client, { text: LEAVE, values: [runKey] });
    if (!left) return [];
    const granted: { run_key: number }[] = [];
    for (;;) {
      const next = await run<{ run_key: number }>(client, { text: GRANT, values: [left.lane] });
      if (next.length === 0) break;
      granted.push(...next);
    }
    await this.offerAll(client, granted, SLOT_GRANTED);
    return granted.map(({ run_key }) => run_key);
  }

  private async offerAll(
    client: PoolClient,
    runs: readonly { readonly run_key: number }[],
    input: { readonly inputId: string; readonly body: string },
  ): Promise<readonly RunHead[]> {
    if (runs.length === 0) return [];
    const values = [integers(runs.map(({ run_key }) => run_key))];
    const found = await run<HeadRow>(client, { text: HEADS, values });
    await this.inbox.put(
      client,
      found.map(({ tenant, id }) => ({ tenant, runId: id, ...input })),
    );
    // Looked at again: those without an owner are due now.
    return (await run<HeadRow>(client, { text: HEADS, values })).map((row) => headOf(row));
  }
}

function laneOf({ tenant, create }: Append): string {
  return JSON.stringify([tenant, create!.workflow, create!.slot!.key]);
}
