/**
 * Carries texts between the processes of one Weftwork, now and at most once: the part of `live` that a service does.
 * Texts of one process to another come in the order in which they were sent; some may be missing.
 */
export interface Wire {
  /** Bytes of one text at most, in UTF-8. */
  readonly bytesMax: number;
  /** Milliseconds from one sending to the next: what comes meanwhile goes together. What is urgent may go before. */
  readonly pauseMs: number;
  /** Hands texts over. Throws where the service is away; then any of them may be lost. */
  send(envelopes: readonly Envelope[]): Promise<void>;
  close(): Promise<void>;
}

export interface Envelope {
  /** The process that it goes to; null: all of them, the sender included. */
  readonly to: string | null;
  /** Holds no NUL. */
  readonly text: string;
}

export interface WireEvents {
  readonly received: (text: string) => void;
  /** Texts come from now on. Called again after each `down`. */
  readonly up: () => void;
  /** Texts do not come any more; the wire comes back by itself. */
  readonly down: () => void;
}

/** Begins to carry texts for the process of this name. Does not wait for the service. */
export type OpenWire = (process: string, events: WireEvents) => Wire;
