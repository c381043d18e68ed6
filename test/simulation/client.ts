import { AppError, isFinal } from "@weftwork/core";
import type { Engine } from "../../packages/server/src/runtime/engine.ts";
import type { Observer } from "./observer.ts";
import type { SimProcess } from "./process.ts";
import type { Violations } from "./violations.ts";
import type { World } from "./world.ts";

/** How long a client waits for an answer before it asks another process. */
const PATIENCE_MS = 15_000;

/** One run as its client knows it. */
export interface ClientRun {
  readonly id: string;
  readonly workflow: string;
  readonly n: number;
  /** The submission was answered with success. */
  accepted: boolean;
  /** It was refused for good. */
  refused: string | null;
  /** Ids of signals that were answered with success. */
  readonly signals: Set<string>;
  /** The client saw that it has ended. */
  ended: boolean;
}

/**
 * Those who use the processes: they submit, look, signal, approve and cancel, each time at some process that lives, and
 * repeat what was not answered. What was answered with success they count on (I1, I8).
 */
export class Clients {
  readonly runs: ClientRun[] = [];
  private sent = 0;
  private readonly world: World;
  private readonly observer: Observer;
  private readonly violations: Violations;
  private readonly processes: () => readonly SimProcess[];

  constructor(world: World, observer: Observer, violations: Violations, processes: () => readonly SimProcess[]) {
    this.world = world;
    this.observer = observer;
    this.violations = violations;
    this.processes = processes;
  }

  /** A run that is submitted after a while. `cancelAfter`: and cancelled behind that; null: never. */
  add(id: string, workflow: string, n: number, after: number, cancelAfter: number | null): void {
    const run: ClientRun = {
      id,
      workflow,
      n,
      accepted: false,
      refused: null,
      signals: new Set<string>(),
      ended: false,
    };
    this.runs.push(run);
    this.world.after(after, null, `${id} is submitted`, () => this.submit(run));
    if (cancelAfter !== null)
      this.world.after(after + cancelAfter, null, `${id} is to be cancelled`, () => this.cancel(run));
  }

  get done(): boolean {
    return this.runs.every((run) => run.ended || run.refused !== null);
  }

  private submit(run: ClientRun): void {
    const { id, workflow, n } = run;
    this.ask(
      `submit ${id}`,
      (engine) => engine.runs.start({ id, workflow, inputs: { n } }),
      () => {
        if (!this.observer.byId.has(id)) this.violations.add("I8", id, "was accepted and is not in the journal");
        if (run.accepted) return;
        run.accepted = true;
        this.tend(run);
      },
      (error) => {
        if (!run.accepted && codeOf(error) === "RUN_REJECTED") run.refused = "RUN_REJECTED";
        else if (!run.accepted) this.later(() => this.submit(run));
      },
    );
  }

  /** Looks at the run now and then, and does what it waits for. */
  private tend(run: ClientRun): void {
    if (run.ended) return;
    this.world.after(this.world.random.between(1000, 9000), null, `${run.id} is looked at`, () => {
      this.tend(run);
      this.ask(
        `get ${run.id}`,
        (engine) => engine.runs.get(run.id),
        (seen) => {
          if (!seen) this.violations.add("I8", run.id, "was accepted and is not found");
          else if (seen.finished_at !== null) this.sawEnd(run, seen.status);
          else if (seen.waiting_for?.code === "signal") this.signal(run, seen.waiting_for.step!);
          else if (seen.waiting_for?.code === "approval") this.approve(run, seen.waiting_for);
        },
        () => {},
      );
    });
  }

  private sawEnd(run: ClientRun, status: string): void {
    run.ended = true;
    const recorded = this.observer.byId.get(run.id)?.state.status;
    if (recorded !== status) this.violations.add("H1", run.id, `is shown as ${status} and recorded as ${recorded}`);
  }

  private signal(run: ClientRun, name: string): void {
    const { random } = this.world;
    // Now and then a signal that was sent already is sent once more: it must count once.
    if (!random.chance(0.2)) this.sent += 1;
    const inputId = `${run.id}/${name}/${this.sent}`;
    const times = random.chance(0.3) ? 2 : 1;
    for (let i = 0; i < times; i++)
      this.ask(
        `signal ${inputId}`,
        (engine) => engine.runs.signal(run.id, { name, payload: { from: "client" }, inputId }),
        () => {
          run.signals.add(inputId);
          if (!this.observer.isSafe(run.id, inputId))
            this.violations.add("I8", run.id, `the signal ${inputId} was accepted and stands nowhere`);
        },
        () => {},
      );
  }

  private approve(run: ClientRun, { step }: { readonly step: string | null }): void {
    const waiting = [...(this.observer.byId.get(run.id)?.state.waiting.values() ?? [])].find(
      (one) => one.node === step,
    );
    if (!waiting) return;
    const approved = this.world.random.chance(0.7);
    this.ask(
      `approve ${run.id}`,
      (engine) => engine.runs.decide(run.id, { step: waiting.node, scope: waiting.scope, approved }),
      () => {},
      () => {},
    );
  }

  private cancel(run: ClientRun): void {
    if (run.ended) return;
    this.ask(
      `cancel ${run.id}`,
      (engine) => engine.runs.cancel(run.id),
      () => {
        if (!this.observer.isSafe(run.id, "cancel")) this.violations.add("I8", run.id, "its cancel stands nowhere");
      },
      () => this.later(() => this.cancel(run)),
    );
  }

  private later(again: () => void): void {
    this.world.after(this.world.random.between(200, 4000), null, "a client tries again", again);
  }

  /** Asks a process that lives, and takes silence for a failure. */
  private ask<T>(
    what: string,
    question: (engine: Engine) => Promise<T>,
    answered: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    const alive = this.processes().filter((process) => process.alive && process.engine !== null);
    if (alive.length === 0) {
      failed(null);
      return;
    }
    const process = this.world.random.pick(alive);
    let open = true;
    const close = (then: () => void) => (): void => {
      if (!open || !process.alive) return;
      open = false;
      then();
    };
    this.world.after(this.world.random.between(0.1, 3), process, what, () => {
      question(process.engine!).then(
        (value) => close(() => answered(value))(),
        (error: unknown) => close(() => failed(error))(),
      );
    });
    this.world.after(PATIENCE_MS, null, `${what} is given up`, () => {
      if (!open) return;
      open = false;
      failed(null);
    });
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof AppError ? error.code : null;
}

/** Whether the journal shows an end of the run. */
export function hasEnded(observer: Observer, id: string): boolean {
  const run = observer.byId.get(id);
  return run !== undefined && isFinal(run.state.status);
}
