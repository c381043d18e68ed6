import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import type { Clock } from "../runtime/clock.ts";
import { Recurring } from "../runtime/recurring.ts";

/** What a process says of itself to the others. */
export interface Presence {
  /** Its key among the workers of the store. */
  readonly worker: number;
  readonly name: string;
  readonly pid: number;
  /** It takes over runs and advances them. */
  readonly owns: boolean;
  /** How busy its event loop is, in percent. */
  readonly load: number;
  /** Milliseconds that its event loop was late, at the 99th percentile. */
  readonly loopDelayMs: number;
  /** It takes tasks that owners hand to it. */
  readonly takesHanded: boolean;
  readonly pools: Readonly<Record<string, PoolPresence>>;
}

export interface PoolPresence {
  /** Tasks done at the same time at most. */
  readonly slots: number;
  readonly active: number;
  readonly waiting: number;
}

export interface PresenceOptions {
  readonly signals: Live<Json>;
  readonly clock: Clock;
  readonly self: () => Presence;
  /** The key of this process. */
  readonly key: () => number;
  /** Nobody else can be on the store: nothing is told or heard. */
  readonly isAlone?: boolean;
}

const TELL_MS = 4000;
/** Between the first question and the second. */
const ASK_AGAIN_MS = 1000;
/** Who was not heard of for so long is not there. */
const GONE_MS = 12_000;
/** Who was not heard of for so long may stand still: nothing is handed to it. More than the longest pause. */
const REACHABLE_MS = 6000;
const CHANNEL = "presence";
/** Asked once at the start, so that nobody has to be waited for. */
const QUESTION = "present?";

/**
 * The processes that work on the store, as they were heard of last: best effort, for balance and for those who look.
 * Nothing that must be right is decided by it.
 */
export class Presences {
  private readonly options: PresenceOptions;
  private readonly others = new Map<number, { readonly presence: Presence; readonly at: number }>();
  private readonly stops: (() => void)[];
  private readonly telling: Recurring;
  /** When messages may have been missed last. */
  private gapAt = Number.NEGATIVE_INFINITY;

  constructor(options: PresenceOptions) {
    this.options = options;
    const { signals, clock, isAlone = false } = options;
    this.telling = new Recurring({
      clock,
      firstMs: TELL_MS,
      everyMs: TELL_MS,
      work: () => Promise.resolve(this.tell()),
      failed: () => undefined,
    });
    if (isAlone) {
      this.stops = [];
      return;
    }
    this.stops = [
      signals.subscribe(
        CHANNEL,
        (message) => this.heard(readPresence(message)),
        () => (this.gapAt = clock.monotonic()),
      ),
      signals.subscribe(QUESTION, () => this.tell()),
    ];
    signals.publish(QUESTION, null);
    // Who is there may not be known yet: then nobody was asked.
    this.stops.push(clock.after(ASK_AGAIN_MS, () => signals.publish(QUESTION, null)));
    this.telling.start();
  }

  /** All that are there, this process first. */
  all(): readonly Presence[] {
    const self = this.options.self();
    return [self, ...this.living().filter(({ worker }) => worker !== self.worker)];
  }

  /** Slots of a pool in all other processes; 0: nobody else serves it. */
  slotsElsewhere(pool: string): number {
    if (this.others.size === 0) return 0;
    const self = this.options.key();
    let sum = 0;
    for (const { worker, pools } of this.living()) if (worker !== self) sum += pools[pool]?.slots ?? 0;
    return sum;
  }

  /** Others that take what is handed to them, and were heard of lately and since the last gap: what is sent arrives. */
  reachable(): readonly Presence[] {
    const self = this.options.key();
    const after = Math.max(this.gapAt, this.options.clock.monotonic() - REACHABLE_MS);
    const found: Presence[] = [];
    for (const { presence, at } of this.others.values())
      if (at > after && presence.takesHanded && presence.worker !== self) found.push(presence);
    return found;
  }

  /** Says at once how things are now. */
  tell(): void {
    const { signals, self, isAlone = false } = this.options;
    if (!isAlone) signals.publish(CHANNEL, messageOf(self()));
  }

  close(): void {
    void this.telling.close();
    for (const stop of this.stops) stop();
  }

  private living(): readonly Presence[] {
    const before = this.options.clock.monotonic() - GONE_MS;
    for (const [key, { at }] of this.others) if (at < before) this.others.delete(key);
    return [...this.others.values()].map(({ presence }) => presence);
  }

  private heard(presence: Presence | null): void {
    if (presence === null || presence.worker === this.options.key()) return;
    this.others.set(presence.worker, { presence, at: this.options.clock.monotonic() });
  }
}

function messageOf({ pools, ...self }: Presence): JsonObject {
  const entries = Object.entries(pools).map(([name, { slots, active, waiting }]) => [name, { slots, active, waiting }]);
  return { ...self, pools: Object.fromEntries(entries) as JsonObject };
}

/** Null for what another version may send. */
function readPresence(message: Json): Presence | null {
  if (!isJsonObject(message)) return null;
  const { worker, name, pid, owns, load, loopDelayMs, takesHanded, pools } = message;
  const numbers = [worker, pid, load, loopDelayMs];
  if (!numbers.every((value) => typeof value === "number") || typeof name !== "string" || !isJsonObject(pools))
    return null;
  const [workerKey, processId, busy, delay] = numbers as number[];
  return {
    worker: workerKey!,
    name,
    pid: processId!,
    owns: owns === true,
    load: busy!,
    loopDelayMs: delay!,
    takesHanded: takesHanded === true,
    pools: Object.fromEntries(Object.entries(pools).flatMap(([pool, share]) => entryOf(pool, share))),
  };
}

function entryOf(pool: string, share: Json | undefined): readonly (readonly [string, PoolPresence])[] {
  if (!isJsonObject(share)) return [];
  const { slots, active, waiting } = share;
  if (typeof slots !== "number" || typeof active !== "number" || typeof waiting !== "number") return [];
  return [[pool, { slots, active, waiting }]];
}

/**
 * How unevenly work lies on the processes: the population variance of their loads, the mean of the squared distances
 * from the mean. 0 where there is none or one.
 */
export function loadVariance(loads: readonly number[]): number {
  if (loads.length === 0) return 0;
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  return loads.reduce((sum, load) => sum + (load - mean) ** 2, 0) / loads.length;
}
