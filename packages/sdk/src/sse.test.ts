import { describe, expect, test } from "vitest";
import { readEvents, type ServerSentEvent } from "./sse.ts";

async function eventsOf(pieces: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const events: ServerSentEvent[] = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}

const event = (data: string, rest: Partial<ServerSentEvent> = {}): ServerSentEvent => ({
  id: null,
  event: "message",
  data,
  retryMs: null,
  ...rest,
});

const CASES: readonly (readonly [fact: string, text: string, events: readonly ServerSentEvent[]])[] = [
  ["an event has its id, type and data", "id: 1.2\nevent: a\ndata: x\n\n", [event("x", { id: "1.2", event: "a" })]],
  ["lines may end with CRLF", "event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n", [event("x", { event: "a" }), event("y")]],
  ["lines may end with CR", "event: a\rdata: x\r\rdata: y\r\r", [event("x", { event: "a" }), event("y")]],
  ["line ends may be mixed", "data: x\r\n\ndata: y\r\r\ndata: z\n\r", [event("x"), event("y"), event("z")]],
  ["comments are passed over", ":\n\n: hello\ndata: x\n:\n\n", [event("x")]],
  ["data of several lines is one text", "data: a\ndata:\ndata: b\n\n", [event("a\n\nb")]],
  ["one space behind the colon is none of the value", "data:x\n\ndata:  y\n\n", [event("x"), event(" y")]],
  ["a colon within the value stays", "data: a: b\n\n", [event("a: b")]],
  ["a field without a colon is empty", "data\n\n", [event("")]],
  ["unknown fields are passed over", "colour: red\ndata: x\n\n", [event("x")]],
  ["a pause alone is told", "retry: 2000\n\n", [event("", { retryMs: 2000 })]],
  ["a pause that is no number is none", "retry: soon\ndata: x\n\n", [event("x")]],
  ["an event without data is none", "event: a\nid: 1\n\ndata: x\n\n", [event("x")]],
  ["what the end cut off is not told", "data: x\n\ndata: y\n", [event("x")]],
  ["a byte order mark is no text", "\ufeffdata: x\n\n", [event("x")]],
  ["text of any script is whole", "data: 你好 🧵 é\n\n", [event("你好 🧵 é")]],
];

describe("the events of a stream", () => {
  test.each(CASES)("%s, wherever the text is cut", async (_, text, expected) => {
    const bytes = new TextEncoder().encode(text);
    expect(await eventsOf([bytes])).toEqual(expected);
    expect(await eventsOf(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected);
    for (let at = 0; at <= bytes.length; at++)
      expect(await eventsOf([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toEqual(expected);
  });

  test("a reader that stops lets the stream go", async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("data: x\n\n")),
      cancel: () => void (isCancelled = true),
    });
    for await (const { data } of readEvents(body)) if (data === "x") break;
    expect(isCancelled).toBe(true);
  });
});
