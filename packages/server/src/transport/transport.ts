import type { Priority } from "@weftwork/core";

/**
 * The transport: carries the word that a task is ready from the process that owns its run to the processes that serve
 * its pool. It carries no truth: what a ticket says stands in the task store, which refuses a second taker.
 *
 * T1. At least once, while the service lives: a ticket is handed out until its handler has resolved. A service that
 *     loses what it held loses only time, for tickets are published again.
 * T2. Tickets may come twice, late and in any order. A more urgent class goes first, and none starves.
 * T3. A consumer holds no more than its prefetch; what it did not finish is handed to others when it ends.
 * T4. While the service is away, `publish` throws `TRANSPORT_UNAVAILABLE` soon, consumers wait and come back by
 *     themselves, and nothing needs a restart.
 */
export interface Transport {
  readonly capabilities: {
    /** Processes meet over it. */
    readonly manyProcesses: boolean;
    /**
     * Keeps what it was given while the service restarts. Where it does not, tickets are published again sooner. May
     * change: a service may be set up otherwise when it comes back.
     */
    readonly durable: boolean;
  };

  /**
   * Hands tickets over, several in one message where a pool has many. Resolves when the service has them; where it
   * throws, it may have some.
   */
  publish(tickets: readonly Ticket[]): Promise<void>;

  /** Hands out the tickets of one pool until the consumer is closed. */
  consume(pool: string, options: ConsumeOptions): Consumer;

  /**
   * Messages of the pool that nobody has finished, about: each carries up to `packMax` tickets, and some services do not
   * count those that are with a handler. How many tasks wait is told by the task store.
   */
  depth(pool: string): Promise<number>;

  /** Waits for no handler: what consumers have not finished is handed to others. */
  close(): Promise<void>;
}

/** A message that a task is ready. */
export interface Ticket {
  readonly tenant: string;
  readonly pool: string;
  readonly priority: Priority;
  readonly runKey: number;
  /** Id of the command in its run, `each-doc[3]/read#1`. */
  readonly task: string;
}

export interface ConsumeOptions {
  /** Messages that may be with the handler at the same time. */
  readonly prefetch: number;
  /**
   * Called with the tickets of one message. Resolves when they need not be handed out again: the tasks were taken, or
   * there is nothing to take. When it throws, the message is handed out again after a pause.
   */
  readonly handle: (tickets: readonly Ticket[]) => Promise<void>;
}

export interface Consumer {
  /** Takes nothing more, waits for what is with the handler, and gives back the rest. */
  close(): Promise<void>;
}

/** What every driver is told of. */
export interface TransportOptions {
  /** Something that an operator should know: a message that is no ticket, a service that is away or badly set up. */
  readonly problem: (message: string, error: unknown) => void;
  /** Tickets in one message at most. */
  readonly packMax?: number;
}

/** `packMax`, unless it is set. */
export const PACK_MAX = 16;
