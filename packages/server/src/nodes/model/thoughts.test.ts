import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ThoughtSplitter, withoutThoughts } from "./thoughts.ts";

function split(pieces: readonly string[]): { text: string; thought: string } {
  const splitter = new ThoughtSplitter();
  const said = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
  const of = (type: string): string => said.map((one) => (one.type === type ? one.text : "")).join("");
  return { text: of("text"), thought: of("thought") };
}

describe("text and thoughts", () => {
  test.each([
    ["a text without thoughts stays as it is", "  Hello <b>x</b> ", "  Hello <b>x</b> ", ""],
    ["blanks around a thought before the text go", "\n<think>\nhm\n</think>\n\nHello", "Hello", "\nhm\n"],
    ["a thought in the middle", "a <think>b</think> c", "a  c", "b"],
    ["several thoughts", "<think>a</think><think>b</think>c", "c", "a\nb"],
    ["tags in capitals and with attributes", '<THINK mode="x">a</Think>b', "b", "a"],
    ["a thought that does not end is no text", "<think>a <b", "", "a <b"],
    ["words that look like the tag are text", "<thinking>a</thinking> <thin", "<thinking>a</thinking> <thin", ""],
    ["an end without a beginning is text", "a</think>b", "a</think>b", ""],
    ["nothing but a thought is no text", "<think>a</think>\n", "", "a"],
    ["nothing but blanks stays", "  \n", "  \n", ""],
  ])("%s", (_fact, whole, text, thought) => {
    expect(split([whole])).toEqual({ text, thought });
    expect(split([...whole])).toEqual({ text, thought });
    expect(withoutThoughts(whole)).toBe(text);
  });

  test("where the pieces are cut changes nothing", () => {
    const piece = fc.constantFrom("<think>", "</think>", "<", "think", ">", "/", " ", "a", "<think x", "\n");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(8), { maxLength: 60 }), (words, cuts) => {
        const whole = words.join("");
        const pieces: string[] = [];
        for (let at = 0, i = 0; at < whole.length; i++) {
          const length = cuts.length === 0 ? whole.length : 1 + cuts[i % cuts.length]!;
          pieces.push(whole.slice(at, at + length));
          at += length;
        }
        expect(split(pieces)).toEqual(split([whole]));
      }),
    );
  });

  test("what cannot become a tag is told at once", () => {
    const splitter = new ThoughtSplitter();
    expect(splitter.push("a < b")).toEqual([{ type: "text", text: "a < b" }]);
    expect(splitter.push(" <thi")).toEqual([{ type: "text", text: " " }]);
    expect(splitter.push("s")).toEqual([{ type: "text", text: "<this" }]);
  });
});
