import { decodeRow, foldRow, initialState, isFinal, type RunEvent, type RunState } from "@weftwork/core";
import type { BlobStore } from "../../packages/server/src/blob/blob.ts";
import type { Membership } from "../../packages/server/src/journal/journal.ts";
import type { MemoryJournal } from "../../packages/server/src/journal/memory.ts";
import { Payloads } from "../../packages/server/src/runtime/payloads.ts";
import type { Workflows } from "../../packages/server/src/runtime/workflows.ts";
import { returned } from "./effects.ts";
import type { Violations } from "./violations.ts";

/** A run as the journal has it now. */
export interface ObservedRun {
  readonly key: number;
  readonly id: string;
  state: RunState;
  /** Epoch that was granted last. */
  epoch: number;
  /** When each grant was made, in the order of everything. */
  readonly grants: number[];
  /** Rows seen. */
  seq: number;
  /** Results by command (`scope/node#attempt`). */
  readonly results: Map<string, "completed" | "failed">;
  /** Commands that were put off, with the moment of each. */
  readonly parked: Map<string, number>;
  /** Name of the call whose result a step has, by scope and step. */
  readonly outputs: Map<string, string | null>;
  readonly signalIds: Set<string>;
  /** When its end was stored. */
  endedAt: number | null;
}

/**
 * Stands directly before the store and sees the truth: every row as it is stored, every grant, in the order in which
 * they happened. Folds every run along, so that what is recorded can be asked at any moment.
 */
export class Observer {
  readonly runs = new Map<number, ObservedRun>();
  readonly byId = new Map<string, ObservedRun>();
  /** Inputs that the store took, by run and id. */
  readonly offered = new Set<string>();
  /** Names of the calls whose results are recorded. */
  readonly recorded = new Set<string>();
  /** Told of every row that is stored, with the state before it. */
  onRow: (run: ObservedRun, epoch: number, events: readonly RunEvent[]) => void = () => {};
  /** Told of every event, with the results of those before it noted. */
  onEvent: (run: ObservedRun, event: RunEvent) => void = () => {};
  private readonly inner: MemoryJournal;
  private readonly workflows: Workflows;
  private readonly violations: Violations;
  private readonly order: () => number;
  private readonly payloads: Payloads;

  constructor(
    inner: MemoryJournal,
    blobs: BlobStore,
    workflows: Workflows,
    violations: Violations,
    order: () => number,
  ) {
    this.inner = inner;
    this.workflows = workflows;
    this.violations = violations;
    this.order = order;
    this.payloads = new Payloads(inner, blobs, { payloadBytesMax: Infinity, objectBytesMin: Infinity });
  }

  /** The journal, watched. */
  journal(): MemoryJournal {
    const { inner } = this;
    const watched = Object.create(inner) as MemoryJournal;
    return Object.assign(watched, {
      capabilities: inner.capabilities,
      append: async (membership: Membership, batch: Parameters<MemoryJournal["append"]>[1]) => {
        const verdicts = await inner.append(membership, batch);
        for (const append of batch) await this.look(append.runKey);
        return verdicts;
      },
      offer: async (inputs: Parameters<MemoryJournal["offer"]>[0]) => {
        const results = await inner.offer(inputs);
        inputs.forEach(({ runId, inputId }, at) => {
          if (results[at] === "offered" || results[at] === "duplicate") this.offered.add(`${runId}/${inputId}`);
        });
        return results;
      },
      claim: async (membership: Membership, limit: number) => {
        const heads = await inner.claim(membership, limit);
        for (const { runKey, epoch, id } of heads) {
          const run = this.runs.get(runKey);
          if (!run || epoch !== run.epoch + 1)
            this.violations.add("I4", id, `epoch ${epoch} granted after ${run?.epoch ?? "nothing"}`);
          if (!run) continue;
          run.epoch = epoch;
          run.grants.push(this.order());
        }
        return heads;
      },
    });
  }

  /** Whether an input is safe: recorded, in the run's inbox, or of no use any more. */
  isSafe(runId: string, inputId: string): boolean {
    const run = this.byId.get(runId);
    if (!run || isFinal(run.state.status)) return run !== undefined;
    return run.signalIds.has(inputId) || this.offered.has(`${runId}/${inputId}`);
  }

  /** Reads what was stored of a run since the last look. */
  async look(runKey: number): Promise<void> {
    const { rows } = await this.inner.read(runKey, { afterSeq: this.runs.get(runKey)?.seq ?? 0 });
    for (const { seq, epoch, body } of rows) {
      const decisions = decodeRow(body);
      const events = decisions.flatMap((decision) => decision.events);
      const run = this.runs.get(runKey) ?? (await this.begin(runKey, epoch, events[0]!));
      if (!run) return;
      if (seq !== run.seq + 1) this.violations.add("I2", run.id, `row ${seq} follows row ${run.seq}`);
      run.seq = seq;
      if (epoch < run.epoch)
        this.violations.add("I4", run.id, `row ${seq} of epoch ${epoch} after ${run.epoch} was granted`);
      for (const event of events)
        if (event.type === "task_completed")
          await this.payloads.load(run.state.created?.tenant ?? "acme", [event.output]);
      this.onRow(run, epoch, events);
      for (const event of events) {
        this.onEvent(run, event);
        this.note(run, event);
      }
      try {
        foldRow(run.state, decisions);
      } catch (error) {
        this.violations.add("I6", run.id, `row ${seq} cannot be folded: ${String(error)}`);
      }
      if (isFinal(run.state.status)) run.endedAt ??= this.order();
    }
  }

  private async begin(runKey: number, epoch: number, first: RunEvent): Promise<ObservedRun | null> {
    if (first.type !== "run_created") {
      this.violations.add("I2", String(runKey), `the first event is ${first.type}`);
      return null;
    }
    const { plan, nested } = await this.workflows.pinned(first.hash, first.pins);
    const run: ObservedRun = {
      key: runKey,
      id: first.runId,
      state: initialState(plan, nested),
      epoch,
      grants: [],
      seq: 0,
      results: new Map(),
      parked: new Map(),
      outputs: new Map(),
      signalIds: new Set(),
      endedAt: null,
    };
    if (this.byId.has(run.id)) this.violations.add("I2", run.id, "two runs have this id");
    this.runs.set(runKey, run);
    this.byId.set(run.id, run);
    return run;
  }

  private note(run: ObservedRun, event: RunEvent): void {
    switch (event.type) {
      case "task_completed":
      case "task_failed":
      case "task_retried":
        run.results.set(
          `${event.scope}/${event.node}#${event.attempt}`,
          event.type === "task_completed" ? "completed" : "failed",
        );
        if (event.type === "task_completed") {
          const id = event.output.loaded ? (returned(event.output.value)?.id ?? null) : null;
          run.outputs.set(`${event.scope}/${event.node}`, id);
          if (id !== null) this.recorded.add(id);
        }
        break;
      case "task_parked":
        run.parked.set(`${event.scope}/${event.node}#${event.attempt}`, this.order());
        break;
      case "signal_received":
        run.signalIds.add(event.id);
        break;
      default:
    }
  }
}
