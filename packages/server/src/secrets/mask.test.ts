import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formsOf } from "./forms.ts";
import { Mask, masked, type MaskedStream } from "./mask.ts";
import { Secret } from "./secret.ts";

const maskOf = (...texts: readonly string[]): Mask => new Mask(texts.map((text) => new Secret(text)));

/** A secret with all that encodings change. */
const VALUE = `p/ss+"wörd" & <\\n'#%~`;

const ENCODED: readonly (readonly [string, (text: string) => string])[] = [
  ["plain", (text) => text],
  ["JSON", (text) => JSON.stringify({ text })],
  ["JSON in JSON", (text) => JSON.stringify({ body: JSON.stringify({ text }) })],
  ["a URL component", (text) => encodeURIComponent(text)],
  ["a URL component in small letters", (text) => encodeURIComponent(text).toLowerCase()],
  ["a form", (text) => new URLSearchParams({ text }).toString()],
  ["a URL component twice", (text) => encodeURIComponent(encodeURIComponent(text))],
  ["hex", (text) => Buffer.from(text).toString("hex")],
  [
    "HTML",
    (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;"),
  ],
  ...[0, 1, 2, 3].flatMap((before) =>
    (["base64", "base64url"] as const).map(
      (encoding) =>
        [
          `${encoding} behind ${before} bytes`,
          (text: string) => Buffer.from("x".repeat(before) + text + "yz").toString(encoding),
        ] as const,
    ),
  ),
];

test.each(ENCODED)("a secret in %s is hidden", (_, encode) => {
  const found = encode(VALUE);
  const hidden = maskOf(VALUE).text(`before ${found} after`);
  expect(hidden).toContain("***");
  expect(hidden.startsWith("before ")).toBe(true);
  expect(hidden.endsWith(" after")).toBe(true);
  for (const form of formsOf(VALUE)) expect(hidden).not.toContain(form);
});

test("what is left of base64 does not give the secret away", () => {
  const secret = "0123456789abcdef";
  for (const before of ["", "a", "ab"]) {
    const hidden = maskOf(secret).text(Buffer.from(`${before}${secret}!`).toString("base64"));
    expect(hidden.replace("***", "").length).toBeLessThanOrEqual(8);
  }
});

test("values are hidden in keys, texts and numbers, however deep, and nothing else is changed", () => {
  const mask = maskOf("12345678", "topsecret");
  const value = { a: ["is topsecret!", 12345678, 1, null, true], topsecret: { b: "x" } };
  expect(mask.value(value)).toEqual({ a: ["is ***!", "***", 1, null, true], "***": { b: "x" } });
});

test("each long line of a key file is hidden on its own", () => {
  const file = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nshort\n-----END KEY-----\n";
  expect(masked("error near MIIEvQIBADANBgkqhkiG9w0BAQEFAASC, short", [new Secret(file)])).toBe(
    "error near ***, short",
  );
});

test("secrets that overlap are gone together", () => {
  expect(maskOf("abcdef", "defghi").text("xabcdefghiy")).toBe("x***y");
  expect(maskOf("abcd", "abcdefgh").text("abcdefgh abcd")).toBe("*** ***");
});

const inPieces = (stream: MaskedStream, pieces: readonly string[]): string =>
  pieces.map((piece) => stream.push(piece)).join("") + stream.end();

/** Texts in which secrets, parts of them and near misses are common. */
const texts = fc
  .array(fc.constantFrom("a", "b", "ab", "abab", "ababb", "bba", "x", "YWJhYg", "61", "***"), { maxLength: 30 })
  .map((parts) => parts.join(""));
const secrets = fc.array(fc.constantFrom("abab", "babb", "ababb", "bbab", "aaaa"), { minLength: 1, maxLength: 3 });

describe("a text in pieces", () => {
  test("shows the same as the text in one, wherever it is cut", () => {
    fc.assert(
      fc.property(texts, secrets, fc.array(fc.nat({ max: 100 }), { maxLength: 20 }), (text, values, cuts) => {
        const mask = maskOf(...values);
        const at = [0, ...cuts.filter((cut) => cut <= text.length).toSorted((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, i) => text.slice(at[i], end));
        expect(inPieces(mask.stream(), pieces)).toBe(mask.text(text));
      }),
      { numRuns: 2000 },
    );
  });

  test("never shows a part of a secret before it is known to be none", () => {
    const stream = maskOf("hunter2hunter3").stream();
    expect(stream.push("say hunter2")).toBe("say ");
    expect(stream.push("hunter")).toBe("");
    expect(stream.push("3 now")).toBe("*** now");
    expect(stream.push("hunt")).toBe("");
    expect(stream.push("ing")).toBe("hunting");
    expect(stream.push("hunter")).toBe("");
    expect(stream.end()).toBe("hunter");
  });

  test("bytes that are no text stay as they are around a secret", async () => {
    const noise = Buffer.from([0, 255, 128, 10, 200]);
    const bytes = Buffer.concat([noise, Buffer.from("wörd-secret"), noise]);
    const chunks = (async function* () {
      for (const byte of bytes) yield Buffer.from([byte]);
    })();
    const out: Buffer[] = [];
    for await (const chunk of maskOf("wörd-secret").bytes(chunks)) out.push(chunk);
    expect(Buffer.concat(out)).toEqual(Buffer.concat([noise, Buffer.from("***"), noise]));
  });
});

test("a text without secrets is answered as it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const mask = maskOf("a secret that is not there 0815");
      expect(mask.text(text)).toBe(text);
      expect(inPieces(mask.stream(), [...text])).toBe(text);
    }),
  );
});
