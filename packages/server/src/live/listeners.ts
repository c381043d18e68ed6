/** Who listens in this process, by channel. */
export class Listeners<Message> {
  private readonly channels = new Map<string, Set<{ readonly told: (message: Message) => void }>>();

  tell(channel: string, message: Message): void {
    const listeners = this.channels.get(channel);
    if (listeners) for (const { told } of listeners) told(message);
  }

  /** The answer ends it. */
  add(channel: string, told: (message: Message) => void): () => void {
    let listeners = this.channels.get(channel);
    if (!listeners) this.channels.set(channel, (listeners = new Set()));
    const listener = { told };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.channels.get(channel) === listeners) this.channels.delete(channel);
    };
  }

  clear(): void {
    this.channels.clear();
  }
}
