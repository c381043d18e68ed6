import type { Live } from "../live/live.ts";
import type { Clock } from "../runtime/clock.ts";
import type { TakenTask, TaskName } from "../tasks/task-store.ts";
import { nameOf } from "./foreign-task.ts";
import {
  answersChannel,
  handsChannel,
  type Answer,
  type Hand,
  type HandoverMessage,
  type TaskReported,
  type WireName,
  type WireResult,
} from "./handover-wire.ts";

export interface HandedTasksOptions {
  readonly wire: Live<HandoverMessage>;
  readonly clock: Clock;
  /** Begins a task; false: there is no room for it. */
  readonly begin: (task: TakenTask) => boolean;
  /** The owner no longer wants these. */
  readonly drop: (names: readonly TaskName[]) => void;
  /** Messages may be lost. */
  readonly missed: () => void;
}

interface Told {
  readonly name: string;
  /** True: the owner has taken the result in. */
  readonly answer: (isHeard: boolean) => void;
}

interface Outgoing {
  readonly results: WireResult[];
  readonly told: Told[];
  readonly returned: WireName[];
  readonly stand: WireName[];
  chars: number;
}

/** Characters of a result that is told straight to its owner, and of the results in one message, about. */
const RESULT_CHARS_MAX = 128 * 1024;
/** An answer that was not confirmed for so long is taken for lost. */
const HEARD_WITHIN_MS = 500;
const LOOK_MS = 100;

/**
 * The worker's end of a handover: takes tasks that owners hand over, and tells them the results.
 *
 * A result counts as told when its owner confirms it. Otherwise it is for the caller to tell the store, where the owner
 * has put the task up meanwhile.
 */
export class HandedTasks {
  private readonly options: HandedTasksOptions;
  private readonly outgoing = new Map<number, Outgoing>();
  /** Answers that were not confirmed yet, by number. */
  private readonly unheard = new Map<number, { readonly at: number; readonly told: readonly Told[] }>();
  private nextNumber = 1;
  private worker = 0;
  private stop: () => void = () => undefined;
  private cancelLook: (() => void) | null = null;
  private isSending = false;

  constructor(options: HandedTasksOptions) {
    this.options = options;
  }

  /** Whether what is handed to the worker of this key is heard. */
  hears(worker: number): boolean {
    return worker === this.worker;
  }

  /** Takes what is handed to the worker of this key. */
  listen(worker: number): void {
    if (worker === this.worker) return;
    this.stop();
    this.worker = worker;
    this.stop = this.options.wire.subscribe(
      handsChannel(worker),
      (message) => {
        if (message.type === "hand") this.heard(message);
      },
      () => {
        for (const number of Array.from(this.unheard.keys())) this.end(number, () => false);
        this.options.missed();
      },
    );
  }

  /** Tells a task's result to its owner. True: it was taken in. False: the store has to be told. */
  tell({ owner, runKey, task, epoch }: TakenTask, input: TaskReported): Promise<boolean> {
    const outgoing = this.to(owner);
    const { outcome } = input;
    const chars = outcome.type === "completed" && outcome.output.inline ? outcome.output.size : 0;
    if (chars > RESULT_CHARS_MAX) {
      outgoing.stand.push([runKey, task]);
      return Promise.resolve(false);
    }
    outgoing.results.push({ run: runKey, task, epoch, input });
    outgoing.chars += chars;
    return new Promise((answer) => {
      outgoing.told.push({ name: nameOf({ runKey, task }), answer });
      if (outgoing.chars > RESULT_CHARS_MAX) this.send();
    });
  }

  /** The task is not begun here. */
  giveBack({ owner, runKey, task }: TakenTask): void {
    this.to(owner).returned.push([runKey, task]);
  }

  close(): void {
    this.send();
    this.stop();
    this.cancelLook?.();
    for (const number of Array.from(this.unheard.keys())) this.end(number, () => false);
  }

  private heard({ owner, tasks, heard, drop }: Hand): void {
    for (const [number, unwanted] of heard) {
      const names = new Set(unwanted.map(([runKey, task]) => nameOf({ runKey, task })));
      this.end(number, (name) => !names.has(name));
    }
    if (drop.length > 0) this.options.drop(drop.map(([runKey, task]) => ({ runKey, task })));
    for (const { run: runKey, id: runId, ...task } of tasks) {
      const taken: TakenTask = { ...task, runKey, runId, owner, takes: 1 };
      if (!this.options.begin(taken)) this.giveBack(taken);
    }
  }

  private end(number: number, isHeard: (name: string) => boolean): void {
    const answer = this.unheard.get(number);
    if (!answer) return;
    this.unheard.delete(number);
    for (const told of answer.told) told.answer(isHeard(told.name));
  }

  private to(owner: number): Outgoing {
    let outgoing = this.outgoing.get(owner);
    if (!outgoing) this.outgoing.set(owner, (outgoing = { results: [], told: [], returned: [], stand: [], chars: 0 }));
    if (!this.isSending) {
      this.isSending = true;
      this.options.clock.soon(() => this.send());
    }
    return outgoing;
  }

  private send(): void {
    this.isSending = false;
    const { wire, clock } = this.options;
    const at = clock.monotonic();
    for (const [owner, { told, results, returned, stand }] of this.outgoing) {
      const number = this.nextNumber++;
      const answer: Answer = { type: "answer", worker: this.worker, number, results, returned, stand };
      wire.publish(answersChannel(owner), answer);
      if (told.length > 0) this.unheard.set(number, { at, told });
    }
    this.outgoing.clear();
    if (this.unheard.size > 0) this.cancelLook ??= clock.after(LOOK_MS, () => this.look());
  }

  /** The oldest come first. */
  private look(): void {
    const before = this.options.clock.monotonic() - HEARD_WITHIN_MS;
    for (const [number, { at }] of this.unheard) {
      if (at > before) break;
      this.end(number, () => false);
    }
    this.cancelLook = this.unheard.size === 0 ? null : this.options.clock.after(LOOK_MS, () => this.look());
  }
}
