/**
 * Tells those who watch, now. Best effort: whoever needs every message reads the journal and uses this as a bell.
 */
export interface Live<Message> {
  /** Costs next to nothing while nobody listens, in whatever process. */
  publish(channel: string, message: Message): void;
  /**
   * Calls back for each message from now on; the answer ends it. Those of one process come in order and once. `missed`:
   * messages of other processes may not have come, or do not come for a while. Neither may throw or block.
   */
  subscribe(channel: string, listener: (message: Message) => void, missed?: () => void): () => void;
  close(): void;
}

/** How messages travel between processes. */
export interface LiveCodec<Message> {
  /** As JSON text. */
  encode(message: Message): string;
  /** The reverse. What it throws on was written by another version, and is not told. */
  decode(text: string): Message;
}
