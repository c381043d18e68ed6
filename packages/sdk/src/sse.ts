/** One message of a stream of server-sent events. */
export interface ServerSentEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
  /** Milliseconds after which the server wants a reader to come back, if this message said so. */
  readonly retryMs: number | null;
}

/** Characters of one message at most; a longer one is a broken stream. */
const MESSAGE_CHARS_MAX = 16 * 1024 * 1024;

/**
 * The events of a response body, however it is cut into pieces. Comments (heartbeats) are passed over; an event that
 * the end of the stream cut off is not delivered, as the HTML standard asks.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const event = new EventDraft();
  let text = "";
  let endsWithCr = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const piece = decoder.decode(value, { stream: true });
      if (piece === "") continue;
      // CR ended its line already, so an LF that comes in the next piece belongs to it and ends no second one.
      text += endsWithCr && piece.startsWith("\n") ? piece.slice(1) : piece;
      endsWithCr = piece.endsWith("\r");
      const lines = text.split(/\r\n|\r|\n/);
      text = lines.pop()!;
      for (const line of lines) {
        const complete = event.take(line);
        if (complete) yield complete;
      }
      if (text.length > MESSAGE_CHARS_MAX)
        throw new Error(`a line of the event stream is longer than ${MESSAGE_CHARS_MAX} characters`);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

class EventDraft {
  private id: string | null = null;
  private name = "message";
  private data: string[] = [];
  private retryMs: number | null = null;

  /** The event that this line ends, if it ends one. */
  take(line: string): ServerSentEvent | null {
    if (line === "") return this.finish();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.name = value;
    else if (field === "id") this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return null;
  }

  private finish(): ServerSentEvent | null {
    const { id, name, data, retryMs } = this;
    [this.id, this.name, this.data, this.retryMs] = [null, "message", [], null];
    if (data.length === 0 && retryMs === null) return null;
    return { id, event: name, data: data.join("\n"), retryMs };
  }
}
