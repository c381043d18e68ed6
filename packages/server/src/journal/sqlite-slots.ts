import type { StatementSync } from "node:sqlite";
import type { RunCreation } from "./journal.ts";
import type { SqliteStore } from "./sqlite-store.ts";

type SlotPolicy = NonNullable<RunCreation["slot"]>;

/**
 * Slots of concurrency keys, by the rules S1-S3 of the memory driver. Always within the caller's transaction.
 * Every statement reads `slot_lane (lane, held, place)` from its start and stops: the length of a queue costs nothing.
 */
const HELD = `select count(*) as count from (select 1 from slot where lane = ? and held = 1 limit ?)`;
const FIRST_WAITING = `select place, run_key, lane_limit from slot where lane = ? and held = 0 order by place limit 1`;
const STAYING = `select place, run_key from slot where lane = ? and leaving = 0 order by place`;
const INSERT = `insert into slot (run_key, lane, held, leaving, lane_limit) values (?, ?, ?, 0, ?)`;
const GRANT = `update slot set held = 1 where place = ?`;
const ASK_TO_LEAVE = `update slot set leaving = 1 where place = ?`;
const LEAVE = `delete from slot where run_key = ? returning lane`;
const IS_HELD = `select held from slot where run_key = ?`;

export class SqliteSlots {
  private readonly statements: Record<
    "held" | "firstWaiting" | "staying" | "insert" | "grant" | "askToLeave" | "leave" | "isHeld",
    StatementSync
  >;

  constructor({ db }: SqliteStore) {
    this.statements = {
      held: db.prepare(HELD),
      firstWaiting: db.prepare(FIRST_WAITING),
      staying: db.prepare(STAYING),
      insert: db.prepare(INSERT),
      grant: db.prepare(GRANT),
      askToLeave: db.prepare(ASK_TO_LEAVE),
      leave: db.prepare(LEAVE),
      isHeld: db.prepare(IS_HELD),
    };
  }

  isFree(tenant: string, workflow: string, policy: SlotPolicy): boolean {
    return this.laneIsFree(laneOf(tenant, workflow, policy.key), policy.limit);
  }

  enter(runKey: number, tenant: string, workflow: string, policy: SlotPolicy): { granted: boolean; cancel: number[] } {
    const lane = laneOf(tenant, workflow, policy.key);
    const granted = this.laneIsFree(lane, policy.limit);
    const cancel: number[] = [];
    if (policy.strategy === "cancel_running") {
      const staying = this.statements.staying.all(lane);
      for (const slot of staying.slice(0, Math.max(0, staying.length + 1 - policy.limit))) {
        this.statements.askToLeave.run(slot["place"]!);
        cancel.push(Number(slot["run_key"]));
      }
    }
    this.statements.insert.run(runKey, lane, granted ? 1 : 0, policy.limit);
    return { granted, cancel };
  }

  isWaiting(runKey: number): boolean {
    return this.statements.isHeld.get(runKey)?.["held"] === 0;
  }

  /** The run has ended. Returns those that got a slot because of it. */
  leave(runKey: number): number[] {
    const left = this.statements.leave.get(runKey);
    if (!left) return [];
    const lane = String(left["lane"]);
    const granted: number[] = [];
    for (;;) {
      const next = this.statements.firstWaiting.get(lane);
      if (!next || this.heldCount(lane, Number(next["lane_limit"])) >= Number(next["lane_limit"])) return granted;
      this.statements.grant.run(next["place"]!);
      granted.push(Number(next["run_key"]));
    }
  }

  private laneIsFree(lane: string, limit: number): boolean {
    return this.heldCount(lane, limit) < limit && !this.statements.firstWaiting.get(lane);
  }

  private heldCount(lane: string, limit: number): number {
    return Number(this.statements.held.get(lane, limit)!["count"]);
  }
}

function laneOf(tenant: string, workflow: string, key: string): string {
  return JSON.stringify([tenant, workflow, key]);
}
