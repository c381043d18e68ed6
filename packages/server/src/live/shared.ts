import type { Exchange } from "./exchange.ts";
import { Listeners } from "./listeners.ts";
import type { Live, LiveCodec } from "./live.ts";

export interface SharedLiveOptions<Message> {
  readonly exchange: Exchange;
  /** What its channels are called between processes begins with this, so that several kinds share one exchange. */
  readonly prefix: string;
  readonly codec: LiveCodec<Message>;
  /** Whether work waits for each message, as it does not for a watcher's. */
  readonly isUrgent?: boolean;
}

/**
 * Listeners in all processes that meet over the exchange. Those in this process are served at once and with the message
 * itself; a message is made to text only where another process listens. Names of channels hold no spaces.
 */
export function sharedLive<Message>({
  exchange,
  prefix,
  codec,
  isUrgent = false,
}: SharedLiveOptions<Message>): Live<Message> {
  const here = new Listeners<Message>();
  const stops = new Set<() => void>();

  /** In a box, for a message may be null. */
  function read(text: string): { readonly message: Message } | null {
    try {
      return { message: codec.decode(text) };
    } catch {
      return null;
    }
  }

  return {
    publish(channel, message) {
      here.tell(channel, message);
      const name = prefix + channel;
      if (exchange.isWanted(name)) exchange.send(name, codec.encode(message), isUrgent);
    },
    subscribe(channel, listener, missed) {
      const stopHere = here.add(channel, listener);
      const stopThere = exchange.listen(prefix + channel, {
        message(text) {
          const told = read(text);
          if (told) listener(told.message);
          // Another version's: whoever uses this as a bell should look.
          else missed?.();
        },
        missed: () => missed?.(),
      });
      const stop = (): void => {
        stops.delete(stop);
        stopHere();
        stopThere();
      };
      stops.add(stop);
      return stop;
    },
    close() {
      for (const stop of Array.from(stops)) stop();
      here.clear();
    },
  };
}

/** Messages that are JSON. */
export function jsonCodec<Message>(): LiveCodec<Message> {
  return { encode: (message) => JSON.stringify(message), decode: (text) => JSON.parse(text) as Message };
}
