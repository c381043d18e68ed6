import type { Level2 } from "./level2.ts";
import { Lru } from "./lru.ts";
import { SingleFlight } from "./single-flight.ts";

/** Where an answer came from. */
export type CacheLevel = "local" | "remote" | "negative" | "filter" | "miss";

export interface CacheOptions {
  /** Milliseconds; never jumps. */
  readonly now: () => number;
  readonly level2?: Level2 | null;
  readonly bytesMax?: number;
  /** How long what is kept is fresh, in milliseconds. */
  readonly ttlMs?: number;
  /** The same of the knowledge that something is not there. */
  readonly negativeMs?: number;
  /** How much longer it is handed out while it is read anew behind. */
  readonly staleMs?: number;
  readonly counted?: (level: CacheLevel) => void;
}

export interface ReadOptions<Value> {
  readonly key: string;
  /** Reads it from where it is; null: it is not there. */
  readonly load: () => Promise<Value | null>;
  /** It never changes under this key, so that it may be kept beside the processes too. */
  readonly forever?: boolean;
  /** Whether what may change can be kept here: its changes are told to this process. */
  readonly heard?: boolean;
}

const BYTES_MAX = 64 * 1024 * 1024;
const TTL_MS = 60_000;
const NEGATIVE_MS = 30_000;
const STALE_MS = 60_000;
/** What an entry takes beside its value, about. */
const ENTRY_BYTES = 200;

/**
 * A read cache of two levels: memory, and a service beside the processes.
 *
 * K1. What may change is kept in memory alone, and only while its changes are told (`heard`): whoever changes it calls
 *     `forget` here, and tells the other processes to.
 * K2. What was being read when it changed is handed to those who waited for it, and is not kept.
 * K3. One read a key is under way at a time.
 */
export class TwoLevelCache<Value> {
  private readonly options: Required<Omit<CacheOptions, "level2">> & { readonly level2: Level2 | null };
  private readonly kept: Lru<Value | null>;
  private readonly flights = new SingleFlight<Value | null>();

  constructor(options: CacheOptions) {
    this.options = {
      level2: null,
      bytesMax: BYTES_MAX,
      ttlMs: TTL_MS,
      negativeMs: NEGATIVE_MS,
      staleMs: STALE_MS,
      counted: () => undefined,
      ...options,
    };
    this.kept = new Lru(this.options.bytesMax);
  }

  read(asked: ReadOptions<Value>): Promise<Value | null> {
    const { now, counted } = this.options;
    const at = now();
    const isKept = asked.forever === true || asked.heard === true;
    const found = isKept ? this.kept.get(asked.key, at) : undefined;
    if (!found) return this.flights.run(asked.key, (isCurrent) => this.load(asked, isCurrent));
    counted(found.value === null ? "negative" : "local");
    // Whoever asks has an answer; that the store does not give a newer one now is for the next who asks to see.
    if (found.freshUntil <= at)
      this.flights.run(asked.key, (isCurrent) => this.load(asked, isCurrent)).catch(() => undefined);
    return Promise.resolve(found.value);
  }

  /** It has changed. */
  forget(key: string): void {
    this.kept.delete(key);
    this.flights.outdate(key);
  }

  /** Changes may not have been told. */
  forgetAll(): void {
    this.kept.clear();
    this.flights.outdateAll();
  }

  get bytes(): number {
    return this.kept.bytes;
  }

  private async load(asked: ReadOptions<Value>, isCurrent: () => boolean): Promise<Value | null> {
    const { level2, counted } = this.options;
    const { key, forever = false } = asked;
    const remote = forever ? ((await level2?.get(key)) ?? null) : null;
    if (remote !== null) {
      const value = parsed<Value>(remote);
      if (value !== null) {
        counted("remote");
        this.keep(asked, value, remote.length, isCurrent);
        return value;
      }
    }
    counted("miss");
    const value = await asked.load();
    const text = value === null ? null : JSON.stringify(value);
    this.keep(asked, value, text?.length ?? 0, isCurrent);
    if (forever && text !== null) await level2?.set(key, text);
    return value;
  }

  private keep(
    { key, forever, heard }: ReadOptions<Value>,
    value: Value | null,
    chars: number,
    isCurrent: () => boolean,
  ): void {
    // That something is not there can change too.
    const changes = value === null || forever !== true;
    if (!isCurrent() || (changes && heard !== true)) return;
    const { now, ttlMs, negativeMs, staleMs } = this.options;
    const at = now();
    const freshUntil = at + (value === null ? negativeMs : ttlMs);
    const usableUntil = value === null ? freshUntil : freshUntil + staleMs;
    this.kept.set(key, { value, freshUntil, usableUntil, bytes: ENTRY_BYTES + 2 * (key.length + chars) });
  }
}

function parsed<Value>(text: string): Value | null {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return null;
  }
}
