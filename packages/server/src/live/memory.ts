import type { Live } from "./live.ts";

/** Listeners in this process. */
export function memoryLive<Message>(): Live<Message> {
  const channels = new Map<string, Set<(message: Message) => void>>();
  return {
    publish(channel, message) {
      const listeners = channels.get(channel);
      if (listeners) for (const listener of listeners) listener(message);
    },
    subscribe(channel, listener) {
      let listeners = channels.get(channel);
      if (!listeners) channels.set(channel, (listeners = new Set()));
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && channels.get(channel) === listeners) channels.delete(channel);
      };
    },
    close() {
      channels.clear();
    },
  };
}
