import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { takeFiles } from "./multipart.ts";

const TYPE = "multipart/form-data; boundary=xxx";
const head = (name: string): string =>
  `--xxx\r\ncontent-disposition: form-data; name="f"; filename="${name}"\r\ncontent-type: a/b\r\n\r\n`;
const END = "\r\n--xxx--\r\n";

function bodyOf(...parts: readonly (string | Buffer)[]): Readable {
  return Readable.from(
    parts.map((part) => Buffer.from(part)),
    { objectMode: false },
  );
}

describe("files of a multipart body", () => {
  test("come one after the other, whatever pieces the body comes in", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 500 }),
        async (contents, piece) => {
          const parts = contents.flatMap((content, i) => [Buffer.from((i > 0 ? "\r\n" : "") + head(`n${i}`)), content]);
          const whole = Buffer.concat([...parts, Buffer.from(END)]);
          const pieces = Array.from({ length: Math.ceil(whole.length / piece) }, (_, i) =>
            whole.subarray(i * piece, (i + 1) * piece),
          );
          const taken: [string, Buffer][] = [];
          await takeFiles(bodyOf(...pieces), TYPE, async ({ name, bytes }) => {
            taken.push([name, await buffer(bytes)]);
          });
          expect(taken).toEqual(contents.map((content, i) => [`n${i}`, Buffer.from(content)]));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("a taker that is slow holds the sender back: little lies between them", async () => {
    const chunk = Buffer.alloc(64 * 1024, "x");
    const total = 50 * 1024 * 1024;
    let [sent, taken, ahead] = [0, 0, 0];
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.from(head("large"));
      for (; sent < total; sent += chunk.length) yield chunk;
      yield Buffer.from(END);
    }
    await takeFiles(Readable.from(source(), { objectMode: false }), TYPE, async ({ bytes }) => {
      for await (const part of bytes) {
        taken += part.length;
        await new Promise((resolve) => setImmediate(resolve));
        ahead = Math.max(ahead, sent - taken);
      }
    });
    expect(taken).toBe(total);
    expect(ahead).toBeLessThan(1024 * 1024);
  });

  test("a taker that fails ends it with its error; later files are not taken, and the body is read away", async () => {
    const body = bodyOf(head("one"), "1\r\n", head("two"), "2", END);
    const seen: string[] = [];
    const taken = takeFiles(body, TYPE, async ({ name }) => {
      seen.push(name);
      throw new Error("no room");
    });
    await expect(taken).rejects.toThrow("no room");
    expect(seen).toEqual(["one"]);
    await expect.poll(() => body.readableEnded).toBe(true);
  });

  test.each([
    ["before its first file", "--xxx\r\ncontent-dispo"],
    ["within a file", `${head("one")}half`],
    ["between two files", `${head("one")}whole\r\n--xxx`],
  ])("a body that breaks %s is refused, and a taker at work is told", async (_where, text) => {
    const body = new Readable({ read() {} });
    body.push(text);
    let told: unknown = null;
    const taken = takeFiles(body, TYPE, async ({ bytes }) => {
      try {
        await buffer(bytes);
      } catch (error) {
        told = error;
        throw error;
      }
    });
    setImmediate(() => body.destroy());
    await expect(taken).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    if (text.includes("half")) expect(told).toMatchObject({ code: "INVALID_REQUEST" });
  });
});
