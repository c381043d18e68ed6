import type { TaskOutcome } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import type { Clock } from "../runtime/clock.ts";
import type { TaskName } from "../tasks/task-store.ts";
import {
  answersChannel,
  handsChannel,
  type Answer,
  type Hand,
  type HandoverMessage,
  type WireName,
  type WireTask,
} from "./handover-wire.ts";
import type { Presence } from "./presence.ts";
import { roomOf } from "./room.ts";

export interface HandoverOptions {
  readonly wire: Live<HandoverMessage>;
  readonly clock: Clock;
  /** Other processes that take what is handed to them, and certainly hear of it. */
  readonly others: () => readonly Presence[];
  /** Takes a result in; resolves when it is recorded. Null: it is not wanted under this epoch, or the store is to be told. */
  readonly result: (name: TaskName, epoch: number, outcome: TaskOutcome) => Promise<void> | null;
  /** The worker does not begin the task. */
  readonly returned: (name: TaskName) => void;
  /** The task is to stand in the store, in the name of its worker. */
  readonly stand: (name: TaskName) => void;
  /** Messages may be lost: what was handed over did perhaps not come. */
  readonly missed: () => void;
}

/** The part of a worker's pool that one owner fills. */
export interface Place {
  readonly worker: number;
  readonly pool: string;
  /** Tasks that may be there at a time. */
  size: number;
  /** Tasks handed over that were not heard of again. */
  out: number;
  /** It had no room a moment ago. */
  fullUntil: number;
}

interface Outgoing {
  readonly tasks: WireTask[];
  readonly heard: (readonly [number, readonly WireName[]])[];
  readonly drop: WireName[];
}

/** Who is there is looked at again after this time. */
const REFRESH_MS = 100;
/** A worker without room is left alone for so long. */
const FULL_MS = 100;
/** An answer that was heard is told with the next tasks, or after this time. */
const HEARD_MS = 20;
/** Characters of tasks in one message, about. */
const MESSAGE_CHARS = 128 * 1024;

/**
 * Hands tasks straight to workers of other processes that have room for them, and hears of their results, without a word
 * to the store. Best effort: whoever uses it puts a task up in the store that is not heard of soon (see `RemoteTasks`).
 *
 * G1. A task is handed to one worker, and to that one once.
 * G2. A worker gets no more from here than its slots, and a few in front of them.
 * G3. An answer is confirmed when its results are recorded; what is not confirmed the worker tells the store.
 */
export class Handover {
  private readonly options: HandoverOptions;
  /** By pool. */
  private places = new Map<string, Place[]>();
  private refreshedAt = Number.NEGATIVE_INFINITY;
  private readonly outgoing = new Map<number, Outgoing>();
  private owner = 0;
  private stop: () => void = () => undefined;
  /** Null: nothing is to be sent later. */
  private cancelLater: (() => void) | null = null;
  private isSending = false;
  private closed = false;

  constructor(options: HandoverOptions) {
    this.options = options;
  }

  /** Hears what is answered to this owner. */
  listen(owner: number): void {
    if (owner === this.owner) return;
    this.stop();
    this.owner = owner;
    const { wire, missed } = this.options;
    const heard = (message: HandoverMessage): void => {
      if (message.type === "answer") this.heard(message);
    };
    this.stop = wire.subscribe(answersChannel(owner), heard, missed);
  }

  /** Whether tasks of the pool can be handed over at all. */
  serves(pool: string): boolean {
    this.refresh();
    return this.places.has(pool);
  }

  /** Where a task of the pool is begun soonest; null: nowhere at once. */
  place(pool: string): Place | null {
    this.refresh();
    const now = this.options.clock.monotonic();
    let best: Place | null = null;
    let most = 0;
    for (const place of this.places.get(pool) ?? []) {
      const room = place.fullUntil > now ? 0 : (place.size - place.out) / place.size;
      if (room > most) [best, most] = [place, room];
    }
    return best;
  }

  give(place: Place, task: WireTask): void {
    place.out += 1;
    this.to(place.worker).tasks.push(task);
    this.sendSoon();
  }

  /** A task that was handed over is there no longer, or counts there no longer. */
  left(place: Place): void {
    place.out -= 1;
  }

  /** The worker had no room for a task. */
  full(place: Place): void {
    place.fullUntil = this.options.clock.monotonic() + FULL_MS;
  }

  /** The task is no longer wanted. */
  drop(place: Place, { runKey, task }: TaskName): void {
    const { tasks, drop } = this.to(place.worker);
    const unsent = tasks.findIndex((one) => one.run === runKey && one.task === task);
    if (unsent < 0) drop.push([runKey, task]);
    else tasks.splice(unsent, 1);
    this.sendLater();
  }

  close(): void {
    this.send();
    this.stop();
    this.closed = true;
  }

  private refresh(): void {
    const { clock, others } = this.options;
    const now = clock.monotonic();
    if (now - this.refreshedAt < REFRESH_MS) return;
    this.refreshedAt = now;
    const before = this.places;
    this.places = new Map();
    for (const { worker, loopDelayMs, pools } of others()) {
      for (const [pool, { slots }] of Object.entries(pools)) {
        const size = roomOf(slots, loopDelayMs);
        if (size === 0) continue;
        const known = before.get(pool)?.find((place) => place.worker === worker);
        const place = known ?? { worker, pool, size, out: 0, fullUntil: 0 };
        place.size = size;
        const list = this.places.get(pool);
        if (list) list.push(place);
        else this.places.set(pool, [place]);
      }
    }
  }

  private heard({ worker, number, results, returned, stand }: Answer): void {
    const unwanted: WireName[] = [];
    const recorded: Promise<void>[] = [];
    for (const { run: runKey, task, epoch, input } of results) {
      const result = this.options.result({ runKey, task }, epoch, input.outcome);
      const refused = (): void => void unwanted.push([runKey, task]);
      if (result === null) refused();
      else recorded.push(result.catch(refused));
    }
    for (const [runKey, task] of returned) this.options.returned({ runKey, task });
    for (const [runKey, task] of stand) this.options.stand({ runKey, task });
    void this.confirm(worker, [number, unwanted], recorded);
  }

  private async confirm(
    worker: number,
    answer: Hand["heard"][number],
    recorded: readonly Promise<void>[],
  ): Promise<void> {
    await Promise.all(recorded);
    if (this.closed) return;
    this.to(worker).heard.push(answer);
    // Whoever has to tell the store does so once it knows.
    if (answer[1].length > 0) this.sendSoon();
    else this.sendLater();
  }

  private to(worker: number): Outgoing {
    let outgoing = this.outgoing.get(worker);
    if (!outgoing) this.outgoing.set(worker, (outgoing = { tasks: [], heard: [], drop: [] }));
    return outgoing;
  }

  private sendSoon(): void {
    if (this.isSending) return;
    this.isSending = true;
    this.options.clock.soon(() => this.send());
  }

  private sendLater(): void {
    if (!this.isSending) this.cancelLater ??= this.options.clock.after(HEARD_MS, () => this.send());
  }

  private send(): void {
    this.isSending = false;
    this.cancelLater?.();
    this.cancelLater = null;
    for (const [worker, { tasks, ...rest }] of this.outgoing) {
      let others: Pick<Hand, "heard" | "drop"> = rest;
      for (const some of inChunks(tasks)) {
        const { owner } = this;
        this.options.wire.publish(handsChannel(worker), { type: "hand", owner, tasks: some, ...others });
        others = { heard: [], drop: [] };
      }
    }
    this.outgoing.clear();
  }
}

/** At least one chunk, and none much larger than a message should be. */
function inChunks(tasks: readonly WireTask[]): readonly (readonly WireTask[])[] {
  const chunks: WireTask[][] = [[]];
  let chars = 0;
  for (const task of tasks) {
    if (chars > MESSAGE_CHARS) {
      chunks.push([]);
      chars = 0;
    }
    chunks.at(-1)!.push(task);
    chars += task.body.length;
  }
  return chunks;
}
