import fc from "fast-check";
import { expect, test } from "vitest";
import { estimateTokens } from "../gateway/tokens.ts";
import { chunksOf as cut, type Chunk, type ChunkSizes } from "./chunk.ts";

const chunksOf = (text: string, given?: ChunkSizes): readonly Chunk[] => [...cut(text, given)];
const sizes = { tokens: 40, overlap: 8 };

test("a short text is one chunk, and a text of nothing is none", () => {
  expect(chunksOf("One line.")).toEqual([{ content: "One line.", start: 0, end: 9, headings: [] }]);
  expect(chunksOf(" \n\n ")).toEqual([]);
});

test("sentences stay whole, Chinese ones too", () => {
  const sentence = "这是一个完整的句子，它说明了一件事情。";
  for (const { content } of chunksOf(sentence.repeat(30), sizes)) expect(content).toMatch(/^(?:这是[^。]+。)+$/);
  const english = "This is one whole sentence about a thing. ".repeat(30);
  for (const { content } of chunksOf(english, sizes)) expect(content).toMatch(/^(?:This is [^.]+\. ?)+$/);
});

test("a chunk begins with the end of the one before it", () => {
  const text = Array.from({ length: 30 }, (_, at) => `Fact ${at} is here.`).join(" ");
  const chunks = chunksOf(text, sizes);
  expect(chunks.length).toBeGreaterThan(3);
  chunks.slice(1).forEach((chunk, at) => expect(chunk.start).toBeLessThan(chunks[at]!.end));
});

test("a heading begins a chunk, and stands above what is under it", () => {
  const body = "Some words that fill the section a little. ".repeat(4);
  const chunks = chunksOf(`# Guide\n${body}\n## Install\n${body}\n### Linux\n${body}\n## Use\n${body}`, sizes);
  expect([...new Set(chunks.map(({ headings }) => headings.join(" > ")))]).toEqual([
    "Guide",
    "Guide > Install",
    "Guide > Install > Linux",
    "Guide > Use",
  ]);
});

test("a mark in a block of code is no heading, and a row of a table is not cut", () => {
  const text = `# A\n\`\`\`sh\n# no heading\n\`\`\`\n| a. b | c. d |\n| --- | --- |\n${"| x. y | z. z |\n".repeat(40)}`;
  const chunks = chunksOf(text, sizes);
  expect(chunks.every(({ headings }) => headings.join() === "A")).toBe(true);
  for (const { content } of chunks.slice(1)) for (const line of content.split("\n")) expect(line).toMatch(/^\|.*\|$/);
});

test("every sign of a text is in a chunk, each chunk is a part of it, and none is much too large", () => {
  const part = fc.constantFrom(
    "word ",
    "句子。",
    "Long-word-without-end",
    "\n",
    "\n\n",
    "# Head\n",
    "```\n",
    "| a | b |\n",
    "😀",
    ". ",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 200 }), (parts) => {
      const text = parts.join("");
      const chunks = chunksOf(text, sizes);
      let covered = 0;
      for (const { content, start, end } of chunks) {
        expect(content).toBe(text.slice(start, end));
        expect(text.slice(covered, Math.max(covered, start)).trim()).toBe("");
        expect(content.isWellFormed()).toBe(true);
        expect(estimateTokens(content)).toBeLessThanOrEqual(sizes.tokens + 2);
        covered = Math.max(covered, end);
      }
      expect(text.slice(covered).trim()).toBe("");
    }),
  );
});
