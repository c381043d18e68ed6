/**
 * Tells those who watch, now. Best effort: whoever needs every message reads the journal and uses this as a bell.
 */
export interface Live<Message> {
  /** Costs next to nothing while nobody listens. */
  publish(channel: string, message: Message): void;
  /** Calls back for each message from now on; the answer ends it. A listener must not throw or block. */
  subscribe(channel: string, listener: (message: Message) => void): () => void;
  close(): void;
}
