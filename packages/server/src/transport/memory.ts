import { AppError, PRIORITIES } from "@weftwork/core";
import { Consumers } from "./consumers.ts";
import type { Source } from "./pump.ts";
import { packTickets, type Pack } from "./ticket.ts";
import type { Transport, TransportOptions } from "./transport.ts";
import { RANKS, type ClassTurns } from "./turns.ts";

interface Held {
  readonly pack: Pack;
  readonly tries: number;
}

/** Messages of one pool that wait, by class. */
class Line {
  readonly bells = new Set<() => void>();
  held = 0;
  private readonly waiting: Held[][] = RANKS.map(() => []);
  private readonly paused = new Set<NodeJS.Timeout>();

  get size(): number {
    return this.held + this.paused.size + this.waiting.reduce((sum, { length }) => sum + length, 0);
  }

  put(held: Held): void {
    this.waiting[rankOf(held)]!.push(held);
    for (const ring of this.bells) ring();
  }

  /** At the front of its class. */
  putBack(held: Held): void {
    this.waiting[rankOf(held)]!.unshift(held);
    for (const ring of this.bells) ring();
  }

  putLater(held: Held, pauseMs: number): void {
    const timer = setTimeout(() => {
      this.paused.delete(timer);
      this.put(held);
    }, pauseMs).unref();
    this.paused.add(timer);
  }

  take(turns: ClassTurns): Held | null {
    const rank = turns.next((one) => this.waiting[one]!.length > 0);
    if (rank === null) return null;
    turns.served(rank);
    return this.waiting[rank]!.shift()!;
  }

  clear(): void {
    for (const timer of this.paused) clearTimeout(timer);
  }
}

const rankOf = ({ pack }: Held): number => PRIORITIES.indexOf(pack.priority);

/** Tickets within one process. The specification of what the others do between processes. */
export function memoryTransport(options: TransportOptions): Transport {
  const lines = new Map<string, Line>();
  const consumers = new Consumers(options);
  let closed = false;

  function lineOf(pool: string): Line {
    let line = lines.get(pool);
    if (!line) lines.set(pool, (line = new Line()));
    return line;
  }

  function sourceOf(line: Line): Source<Held> {
    return {
      async take(limit, turns) {
        const taken: Held[] = [];
        for (let one; taken.length < limit && (one = line.take(turns));) taken.push(one);
        line.held += taken.length;
        return taken.map((held) => ({ held, content: held.pack, tries: held.tries }));
      },
      async done() {
        line.held -= 1;
      },
      async later({ pack, tries }, pauseMs) {
        line.held -= 1;
        line.putLater({ pack, tries: tries + 1 }, pauseMs);
      },
      async giveBack(held) {
        line.held -= 1;
        line.putBack(held);
      },
      async putAside() {
        line.held -= 1;
      },
      onBell(ring) {
        line.bells.add(ring);
        return () => line.bells.delete(ring);
      },
    };
  }

  let closing: Promise<void> | null = null;
  async function end(): Promise<void> {
    closed = true;
    await consumers.release();
    for (const line of lines.values()) line.clear();
  }

  return {
    capabilities: { manyProcesses: false, durable: false },
    async publish(tickets) {
      if (closed) throw new AppError("TRANSPORT_UNAVAILABLE", { reason: "it is closed" });
      for (const pack of packTickets(tickets, options.packMax)) lineOf(pack.pool).put({ pack, tries: 0 });
    },
    consume: (pool, consume) => consumers.start(pool, sourceOf(lineOf(pool)), consume),
    async depth(pool) {
      return lines.get(pool)?.size ?? 0;
    },
    close: () => (closing ??= end()),
  };
}
