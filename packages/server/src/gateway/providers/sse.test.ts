import fc from "fast-check";
import { expect, test } from "vitest";
import { EVENT_LENGTH_MAX, EventParser, type ServerSentEvent } from "./sse.ts";

function parse(...pieces: string[]): ServerSentEvent[] {
  const parser = new EventParser();
  const events = pieces.flatMap((piece) => parser.push(piece));
  const last = parser.end();
  return last ? [...events, last] : events;
}

const data = (...pieces: string[]): string[] => parse(...pieces).map((event) => event.data);

test.each([
  ["LF", "data: a\n\ndata: b\n\n"],
  ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n"],
  ["CR", "data: a\r\rdata: b\r\r"],
  ["all of them", "data: a\r\n\ndata: b\r\r\n"],
])("lines end with %s", (_, text) => {
  expect(data(text)).toEqual(["a", "b"]);
});

test("comments, ids, retry times and empty events give nothing", () => {
  expect(parse(": ping\n\nid: 7\nretry: 100\n\nevent: note\n\n:\n\ndata: a\n\n")).toEqual([{ event: "", data: "a" }]);
});

test("lines of data are joined, one space after the colon is not data, the name of an event is kept", () => {
  expect(parse("event: error\ndata: {\ndata:  1\ndata\ndata:}\n\n")).toEqual([{ event: "error", data: "{\n 1\n\n}" }]);
});

test("an event whose last line end is missing still counts", () => {
  expect(data("data: a\n\ndata: [DONE]")).toEqual(["a", "[DONE]"]);
  expect(data("data: a\r")).toEqual(["a"]);
  expect(data("data: a\n\n")).toEqual(["a"]);
});

test("where the pieces are cut makes no difference", () => {
  const text = 'event: x\r\ndata: {"a":1}\r\n\r\n: hi\ndata: 你好\ndata: two\n\ndata: [DONE]\r\r';
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((end, at) => text.slice(places[at], end));
      expect(parse(...pieces)).toEqual(parse(text));
    }),
  );
});

test("a line without end is refused before it fills the memory", () => {
  const parser = new EventParser();
  const piece = "x".repeat(EVENT_LENGTH_MAX / 2 + 1);
  parser.push(piece);
  expect(() => parser.push(piece)).toThrow(RangeError);
});
