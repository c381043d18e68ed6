import fc from "fast-check";
import { expect, test } from "vitest";
import { packMessages, packWants, readFrame, readMessages, type Told } from "./frames.ts";

const channel = fc.stringMatching(/^[a-z0-9/_-]{1,40}$/);
const text = fc.oneof(
  fc.string({ maxLength: 400, unit: "binary" }),
  fc.nat(5000).map((size) => "😀é漢x".repeat(size / 4)),
);
const told = fc.array(fc.record<Told>({ channel, text }), { maxLength: 40 });
const bytesMax = fc.integer({ min: 200, max: 8000 });

/** What a receiver makes of frames, with the numbers that it saw. */
function received(frames: readonly string[]): { readonly told: Told[]; readonly numbers: number[] } {
  const [all, numbers]: [Told[], number[]] = [[], []];
  let parts = "";
  for (const one of frames) {
    const frame = readFrame(one);
    if (frame?.type !== "messages" && frame?.type !== "part") throw new Error(`no frame of messages: ${one}`);
    expect(frame.from).toBe("sender");
    numbers.push(frame.number);
    if (frame.type === "messages") all.push(...frame.messages);
    else {
      parts += frame.text;
      if (!frame.last) continue;
      all.push(...readMessages(parts)!);
      parts = "";
    }
  }
  return { told: all, numbers };
}

test("any messages come out of their frames as they went in, each frame within its bytes and numbered", () => {
  fc.assert(
    fc.property(told, bytesMax, fc.nat(1000), (messages, limit, first) => {
      const frames = packMessages("sender", first, messages, limit);
      for (const frame of frames) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(limit);
      const { told: read, numbers } = received(frames.map((frame) => Buffer.from(frame).toString()));
      expect(read).toEqual(messages.map((one) => ({ ...one, text: Buffer.from(one.text).toString() })));
      expect(numbers).toEqual(frames.map((_, at) => first + at));
    }),
  );
});

test("many small messages share a frame", () => {
  const messages = Array.from({ length: 100 }, (_, at) => ({ channel: `r/${at}`, text: '{"type":"left"}' }));
  expect(packMessages("sender", 1, messages, 7900)).toHaveLength(1);
});

test("the channels that are wanted come out of their frames", () => {
  fc.assert(
    fc.property(fc.array(channel, { maxLength: 300 }), bytesMax, fc.boolean(), (channels, limit, on) => {
      const frames = packWants("me", on, channels, limit);
      const read = frames.flatMap((frame) => {
        expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(limit);
        const wants = readFrame(frame);
        return wants?.type === "wants" && wants.on === on ? wants.channels : ["wrong"];
      });
      expect(read).toEqual(channels);
    }),
  );
});

test("what is no frame is read as none", () => {
  for (const wrong of [
    "",
    "x",
    "m",
    "m ",
    "mfrom",
    "mfrom x 1,1:ab",
    "mfrom 1 9,9:short",
    "zfrom 1 ",
    "mfrom 1 1,1;ab",
  ])
    expect(readFrame(wrong)).toBeNull();
  fc.assert(fc.property(fc.string(), (any) => void readFrame(any)));
});
