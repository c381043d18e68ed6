import { ClassTurns } from "./turns.ts";
import type { Malformed, Pack } from "./ticket.ts";
import type { ConsumeOptions, Consumer, TransportOptions } from "./transport.ts";

/** The messages of one pool, as a driver gives them. */
export interface Source<Held> {
  /** Messages in one call of `take` at most; left out where any number will do. */
  readonly takeMax?: number;
  /** Longest pause while nothing comes, in ms, where the driver notices a lost bell by itself. Left out: 2 s. */
  readonly idleMsMax?: number;
  /**
   * Takes up to `limit` messages, each class in its turn, and tells the turns of each. Fewer: nothing more waits now.
   * Throws while the service is away.
   */
  take(limit: number, turns: ClassTurns): Promise<readonly Taken<Held>[]>;
  /** The message need not be handed out again. */
  done(held: Held): Promise<void>;
  /** The message is to be handed out again, no sooner than in `pauseMs`. */
  later(held: Held, pauseMs: number): Promise<void>;
  /** The message is to be handed out again at once; nobody has looked at it. */
  giveBack(held: Held): Promise<void>;
  /** The message goes where those are kept that nobody can read. */
  putAside(held: Held, reason: string): Promise<void>;
  /** Called every few seconds: keeps what is held, and frees what consumers that died held. */
  tend?(held: readonly Held[]): Promise<void>;
  /** Calls back when messages may have come. A bell may be lost. */
  onBell(ring: () => void): () => void;
  /** The consumer has ended. */
  close?(): Promise<void>;
}

export interface Taken<Held> {
  readonly held: Held;
  readonly content: Pack | Malformed;
  /** How often it was handed out before. */
  readonly tries: number;
}

/** A consumer with a way to end it at once. */
export interface Pump extends Consumer {
  /** Takes nothing more and gives everything back, also what is with the handler. */
  release(): Promise<void>;
}

const IDLE_MS_FIRST = 50;
const IDLE_MS_MAX = 2000;
const AWAY_MS_FIRST = 100;
const AWAY_MS_MAX = 5000;
const PAUSE_MS_FIRST = 250;
const PAUSE_MS_MAX = 30_000;
export const TEND_MS = 3000;
/** A call that is under way for longer has met a service that hangs. */
export const ANSWER_MS_MAX = 5000;

/** ±20 %, so that those who began together do not go on together. */
export function jittered(ms: number): number {
  return ms * (0.8 + 0.4 * Math.random());
}

/**
 * Hands out the messages of a source, `prefetch` at a time: when a bell rings, when a slot gets free, and, for a bell may
 * be lost, after 50 ms to 2 s of silence. While the service is away it asks every 0.1 to 5 s.
 */
export function startPump<Held>(
  pool: string,
  source: Source<Held>,
  { prefetch, handle }: ConsumeOptions,
  { problem }: Pick<TransportOptions, "problem">,
): Pump {
  const held = new Set<Held>();
  const atWork = new Set<Promise<void>>();
  const turns = new ClassTurns();
  const state = { closing: false, released: false, rung: false };
  let wake: (() => void) | null = null;
  const ring = (): void => {
    state.rung = true;
    wake?.();
  };
  const offBell = source.onBell(ring);
  const tending = source.tend ? setInterval(() => void tend(), jittered(TEND_MS)).unref() : null;

  /** Until the time is over, a bell rings, or a slot gets free. */
  function quiet(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(go, jittered(ms));
      function go(): void {
        clearTimeout(timer);
        wake = null;
        resolve();
      }
      wake = go;
      if (state.rung || state.closing) go();
    });
  }

  async function tend(): Promise<void> {
    // Whether the service is away is told by taking; what could not be kept comes twice.
    await source.tend!([...held]).catch(() => undefined);
  }

  /** What the service could not be told, it finds out: the message is handed out again. */
  async function tell(telling: Promise<void>): Promise<void> {
    await telling.catch((error: unknown) => problem(`A message of the pool ${pool} will come twice`, error));
  }

  async function serve({ held: one, content, tries }: Taken<Held>): Promise<void> {
    if ("malformed" in content) {
      problem(`A message of the pool ${pool} was put aside: ${content.malformed}`, null);
      return tell(source.putAside(one, content.malformed));
    }
    try {
      await handle(content.tickets);
    } catch (error) {
      if (state.released) return undefined;
      problem(`Tickets of the pool ${pool} are handed out again`, error);
      const pause = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(tries, 20));
      return tell(source.later(one, jittered(pause)));
    }
    return state.released ? undefined : tell(source.done(one));
  }

  function begin(taken: Taken<Held>): void {
    held.add(taken.held);
    const work = serve(taken).finally(() => {
      held.delete(taken.held);
      atWork.delete(work);
      // Where there was a free slot already, nothing waits.
      if (held.size === prefetch - 1) ring();
    });
    atWork.add(work);
  }

  function giveBackLate(late: readonly Taken<Held>[]): void {
    for (const { held: one } of late) void tell(source.giveBack(one));
  }

  async function run(): Promise<void> {
    let [idle, away] = [IDLE_MS_FIRST, AWAY_MS_FIRST];
    while (!state.closing) {
      state.rung = false;
      const limit = Math.min(prefetch - held.size, source.takeMax ?? Infinity);
      if (limit <= 0) {
        await quiet(AWAY_MS_MAX);
        continue;
      }
      try {
        const taken = await inTime(source.take(limit, turns), giveBackLate);
        away = AWAY_MS_FIRST;
        // A close that came meanwhile finds these in nobody's hands.
        if (state.closing) await Promise.all(taken.map(({ held: one }) => tell(source.giveBack(one))));
        else taken.forEach(begin);
        if (taken.length > 0) idle = IDLE_MS_FIRST;
        if (taken.length === limit) continue;
      } catch (error) {
        if (away === AWAY_MS_FIRST && !state.closing) problem(`The tickets of the pool ${pool} cannot be taken`, error);
        // Slots that get free are no reason to ask sooner.
        const until = performance.now() + jittered(away);
        away = Math.min(AWAY_MS_MAX, away * 2);
        while (!state.closing && performance.now() < until) {
          state.rung = false;
          await quiet(until - performance.now());
        }
        continue;
      }
      await quiet(idle);
      idle = Math.min(source.idleMsMax ?? IDLE_MS_MAX, idle * 2);
    }
  }

  const running = run();

  async function stop(): Promise<void> {
    state.closing = true;
    wake?.();
    await running;
  }

  async function end(): Promise<void> {
    offBell();
    if (tending) clearInterval(tending);
    await source.close?.();
  }

  return {
    async close() {
      await stop();
      while (atWork.size > 0) await Promise.all(atWork);
      await end();
    },
    async release() {
      state.released = true;
      await stop();
      await Promise.all([...held].map((one) => tell(source.giveBack(one))));
      await end();
    },
  };
}

/** Gives a call up that takes too long. What it brings then goes to `late`. */
async function inTime<T>(work: Promise<T>, late: (result: T) => void): Promise<T> {
  let givenUp = false;
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    givenUp = true;
    timeout.reject(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`));
  }, ANSWER_MS_MAX);
  work.then(
    (result) => givenUp && late(result),
    () => undefined,
  );
  try {
    return await Promise.race([work, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
