import type { RunCreation } from "./journal.ts";
import type { MemoryRun } from "./memory-run.ts";

type SlotPolicy = NonNullable<RunCreation["slot"]>;

interface Slot {
  readonly run: MemoryRun;
  readonly limit: number;
  /** Asked to end for a newer run of the key: it is not counted among those that stay. */
  leaving: boolean;
}

interface Lane {
  readonly held: Set<Slot>;
  readonly waiting: Set<Slot>;
}

/**
 * Slots of concurrency keys. A key belongs to one workflow of one tenant.
 *
 * S1. At no time more runs hold a slot of a key than the limit that the last of them was submitted with.
 * S2. Slots are granted in the order of submission, whatever the priorities: nobody starves.
 * S3. With `cancel_running` the newest stay: as many older ones are asked to end as the limit does not hold, each once.
 *     The new run waits until one of them has ended, so that S1 holds.
 */
export class MemorySlots {
  private readonly lanes = new Map<string, Lane>();
  private readonly byRun = new Map<MemoryRun, { readonly name: string; readonly lane: Lane; readonly slot: Slot }>();

  /** Null when the strategy is `reject` and no slot is free: nothing has changed then. */
  enter(run: MemoryRun, policy: SlotPolicy): { readonly granted: boolean; readonly cancel: MemoryRun[] } | null {
    const name = JSON.stringify([run.tenant, run.workflow, policy.key]);
    const lane = this.lanes.get(name) ?? { held: new Set(), waiting: new Set() };
    const granted = lane.held.size < policy.limit && lane.waiting.size === 0;
    if (!granted && policy.strategy === "reject") return null;
    const cancel: MemoryRun[] = [];
    if (policy.strategy === "cancel_running") {
      const staying = [...lane.held, ...lane.waiting].filter((slot) => !slot.leaving);
      for (const slot of staying.slice(0, Math.max(0, staying.length + 1 - policy.limit))) {
        slot.leaving = true;
        cancel.push(slot.run);
      }
    }
    const slot: Slot = { run, limit: policy.limit, leaving: false };
    (granted ? lane.held : lane.waiting).add(slot);
    this.lanes.set(name, lane);
    this.byRun.set(run, { name, lane, slot });
    return { granted, cancel };
  }

  isWaiting(run: MemoryRun): boolean {
    const entry = this.byRun.get(run);
    return entry !== undefined && entry.lane.waiting.has(entry.slot);
  }

  /** The run has ended. Returns those that got a slot because of it. */
  leave(run: MemoryRun): MemoryRun[] {
    const entry = this.byRun.get(run);
    if (!entry) return [];
    const { name, lane, slot } = entry;
    this.byRun.delete(run);
    lane.held.delete(slot);
    lane.waiting.delete(slot);
    const granted: MemoryRun[] = [];
    for (const next of lane.waiting) {
      if (lane.held.size >= next.limit) break;
      lane.waiting.delete(next);
      lane.held.add(next);
      granted.push(next.run);
    }
    if (lane.held.size + lane.waiting.size === 0) this.lanes.delete(name);
    return granted;
  }
}
