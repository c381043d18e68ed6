import { Listeners } from "./listeners.ts";
import type { Live } from "./live.ts";

/** Listeners in this process. */
export function memoryLive<Message>(): Live<Message> {
  const listeners = new Listeners<Message>();
  return {
    publish: (channel, message) => listeners.tell(channel, message),
    subscribe: (channel, told) => listeners.add(channel, told),
    close: () => listeners.clear(),
  };
}
