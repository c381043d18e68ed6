import type { RunMessage } from "@weftwork/sdk";

/** The bytes of a message, made for the first reader and kept for the others as long as the message is. */
export function encodedOnce(encode: (message: RunMessage) => string): (message: RunMessage) => Buffer {
  const kept = new WeakMap<RunMessage, Buffer>();
  return (message) => {
    let bytes = kept.get(message);
    if (!bytes) kept.set(message, (bytes = Buffer.from(encode(message), "utf8")));
    return bytes;
  };
}
