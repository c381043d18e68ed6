import { AppError, controlPayloads, type JsonObject } from "@weftwork/core";
import type { Journal, RunHead } from "../journal/journal.ts";
import type { Clock } from "./clock.ts";
import type { HotRun } from "./hot-run.ts";
import type { Owner } from "./owner.ts";
import type { Payloads } from "./payloads.ts";
import { RecentRuns } from "./recent-runs.ts";
import { loadState } from "./recover.ts";
import type { RunSight } from "./view.ts";
import type { Workflows } from "./workflows.ts";

export interface RunSightsOptions {
  readonly journal: Journal;
  readonly owner: Owner;
  readonly workflows: Workflows;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly tenant: string;
  /** Tasks of a run that were put up for other processes and that nobody has taken; left out: there are no others. */
  readonly standing?: (runKey: number, state: RunSight["state"], run?: HotRun) => Promise<RunSight["unserved"]>;
}

const NOTHING_UNSERVED: RunSight["unserved"] = new Map();

/** What is recorded of a run, from where it is known cheapest: memory, the runs that ended a moment ago, the journal. */
export class RunSights {
  private readonly options: RunSightsOptions;
  private readonly recent: RecentRuns;

  constructor(options: RunSightsOptions) {
    this.options = options;
    this.recent = new RecentRuns(options.clock);
  }

  /** The row of the run. Throws `RUN_NOT_FOUND`. */
  async head(id: string): Promise<RunHead> {
    const head = await this.options.journal.head(this.options.tenant, id);
    if (!head) throw new AppError("RUN_NOT_FOUND", { run: id });
    return head;
  }

  /** The key of a run that has not ended; null: it has, or there is none. */
  async openKey(id: string): Promise<number | null> {
    if (this.recent.get(id)) return null;
    const head = await this.options.journal.head(this.options.tenant, id);
    return head?.finishedAt === null ? head.runKey : null;
  }

  /** Null: there is no such run. Its state in memory serves only when nothing of it is still on its way (H1). */
  async find(id: string): Promise<RunSight | null> {
    const { owner, tenant, journal, workflows, payloads } = this.options;
    const run = owner.find(tenant, id);
    if (run && run.nextSeq > 1 && run.sending === null && run.open.decisions.length === 0)
      return this.of(run.state, await this.unserved(run.key, run.state, run));
    const ended = run ? null : this.recent.get(id);
    if (ended) return this.of(ended);
    const head = await journal.head(tenant, id);
    if (!head) return null;
    const { state } = await loadState(journal, workflows, head.runKey);
    await payloads.load(tenant, controlPayloads(state));
    return this.of(state, await this.unserved(head.runKey, state, run));
  }

  /** The same of a run that takes input. Throws `RUN_NOT_FOUND` and `RUN_FINISHED`. */
  async open(id: string): Promise<RunSight> {
    const sight = await this.find(id);
    if (!sight) throw new AppError("RUN_NOT_FOUND", { run: id });
    if (sight.state.finishedAt !== null) throw new AppError("RUN_FINISHED", { run: id, status: sight.state.status });
    return sight;
  }

  /** A state with the values that belong to it, which may have to be read. */
  async of(state: RunSight["state"], unserved: RunSight["unserved"] = NOTHING_UNSERVED): Promise<RunSight> {
    const { inputs } = state.created!;
    const { output } = state;
    await this.options.payloads.load(this.options.tenant, output ? [inputs, output] : [inputs]);
    return { state, inputs: inputs.value as JsonObject, output: output?.value ?? null, unserved };
  }

  /** Tasks of the run that wait for a worker, by command. Asks the store only where a run has tasks at all. */
  async unserved(runKey: number, state: RunSight["state"], run?: HotRun): Promise<RunSight["unserved"]> {
    const here = run?.unserved ?? NOTHING_UNSERVED;
    const { standing } = this.options;
    if (!standing || here.size > 0) return here;
    for (const { type } of state.owed.values()) if (type === "dispatch_task") return standing(runKey, state, run);
    return here;
  }

  /** The run is no longer held here; its end is asked for now. */
  left(run: HotRun): void {
    if (run.endRecorded) this.recent.keep(run.id, run.state);
  }
}
