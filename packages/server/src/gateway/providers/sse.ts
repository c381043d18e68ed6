/** One event of a stream of server-sent events; `event` is empty unless the server named it. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** Characters of one event at most; a server that sends more without a blank line is no server of events. */
export const EVENT_LENGTH_MAX = 16 * 1024 * 1024;

/**
 * Parses server-sent events from pieces of text cut anywhere. Lines end with LF, CR or CRLF; comments, ids and retry
 * times mean nothing here; lines of data within one event are joined by line breaks.
 */
export class EventParser {
  private buffer = "";
  /** Up to here the buffer holds no line end. */
  private scanned = 0;
  private event = "";
  private data: string[] = [];
  private dataLength = 0;

  /** The events that this piece completes. Throws a `RangeError` when an event does not end. */
  push(text: string): ServerSentEvent[] {
    this.buffer += text;
    const events: ServerSentEvent[] = [];
    let start = 0;
    for (let at = this.scanned; ;) {
      const end = nextLineEnd(this.buffer, at);
      // A CR at the very end may be the first half of CRLF.
      if (end === -1 || (this.buffer[end] === "\r" && end + 1 === this.buffer.length)) {
        this.scanned = (end === -1 ? this.buffer.length : end) - start;
        break;
      }
      const event = this.line(this.buffer.slice(start, end));
      if (event) events.push(event);
      start = at = this.buffer.startsWith("\r\n", end) ? end + 2 : end + 1;
    }
    this.buffer = this.buffer.slice(start);
    if (this.buffer.length + this.dataLength > EVENT_LENGTH_MAX) throw new RangeError("an event does not end");
    return events;
  }

  /** What is left when the stream has ended: servers forget the last blank line, and sometimes the last line end. */
  end(): ServerSentEvent | null {
    const rest = this.buffer.endsWith("\r") ? this.buffer.slice(0, -1) : this.buffer;
    this.buffer = "";
    return (rest === "" ? null : this.line(rest)) ?? this.line("");
  }

  private line(line: string): ServerSentEvent | null {
    if (line === "") {
      const complete = this.data.length === 0 ? null : { event: this.event, data: this.data.join("\n") };
      this.event = "";
      this.data = [];
      this.dataLength = 0;
      return complete;
    }
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") {
      this.data.push(value);
      this.dataLength += value.length;
    } else if (name === "event") this.event = value;
    return null;
  }
}

function nextLineEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === 13) return at;
  }
  return -1;
}
