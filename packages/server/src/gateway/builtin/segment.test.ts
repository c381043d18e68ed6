import { describe, expect, test } from "vitest";
import { HOMETOWN, PRIDE, README } from "./passages.fixture.ts";
import { readDocument, sentencesOf, SENTENCES_MAX } from "./segment.ts";

describe("sentences", () => {
  test.each([
    ["abbreviations do not end one", "Mr. Bennet met Dr. Long. He left.", ["Mr. Bennet met Dr. Long.", "He left."]],
    ["initials do not end one", "J. R. Smith wrote it. We read.", ["J. R. Smith wrote it.", "We read."]],
    ["decimals do not end one", "It cost 3.5 dollars. Cheap!", ["It cost 3.5 dollars.", "Cheap!"]],
    [
      "speech goes on behind its quote",
      "“Who has taken it?” cried his wife. He sighed.",
      ["“Who has taken it?” cried his wife.", "He sighed."],
    ],
  ])("%s", (_, text, wanted) => expect(sentencesOf(text, false)).toEqual(wanted));

  test.each([
    ["full stops of Chinese end one", "天气冷。我回家了！你呢？好……", ["天气冷。", "我回家了！", "你呢？", "好……"]],
    ["Chinese speech keeps who said it", "“你好吗？”他笑着说。我没有回答。", ["“你好吗？”他笑着说。", "我没有回答。"]],
  ])("%s", (_, text, wanted) => expect(sentencesOf(text, true)).toEqual(wanted));
});

describe("documents", () => {
  const readme = readDocument(README);
  const texts = readme.sentences.map((sentence) => sentence.text).join("\n");

  test("code, tables, badges and front matter are no sentences", () => {
    for (const foreign of ["npm ci", "TIFF", "badge", "front matter", "```", "|"]) expect(texts).not.toContain(foreign);
  });

  test("marks of Markdown are gone, and broken lines are joined", () => {
    expect(texts).toContain("It runs on one machine, keeps every page");
    expect(texts).toContain("see CONTRIBUTING.");
    expect(texts).not.toMatch(/\*\*|\]\(/);
  });

  test("headings are titles of what stands under them", () => {
    expect(readme.title).toBe("Loomlight");
    expect(readme.headings).toContain("Requirements");
    expect(readme.sentences.find((one) => one.text.startsWith("Node 26"))?.path).toEqual(["Loomlight", "Requirements"]);
    expect(readDocument(PRIDE).title).toBe("Chapter 1");
    expect(readDocument(HOMETOWN).title).toBe("故乡");
  });

  test("the language is that of most letters", () => {
    expect([README, HOMETOWN].map((text) => readDocument(text).cjk)).toEqual([false, true]);
  });

  test("a text too long is sampled from its start to its end", () => {
    const long = Array.from({ length: 60_000 }, (_, n) => `This is the sentence with the number ${n} of many.`).join(
      "\n\n",
    );
    const document = readDocument(long);
    expect(document.sampled).toBe(true);
    expect(document.sentences.length).toBe(SENTENCES_MAX);
    expect(document.sentences[0]!.text).toContain("number 0 ");
    expect(Number(/\d+/.exec(document.sentences.at(-1)!.text)![0])).toBeGreaterThan(59_000);
  });
});

test.each([
  ["open brackets", "![".repeat(300_000)],
  ["open comments", "<!-- ".repeat(100_000)],
  ["open tags", "<context>".repeat(50_000)],
  ["initials", "A. ".repeat(200_000)],
  ["blank lines", "\n".repeat(500_000) + "x"],
  ["digits", "9".repeat(300_000)],
  ["capitals", "A".repeat(300_000)],
  ["stars and underscores", "**_".repeat(200_000)],
  ["one word", "漢".repeat(300_000)],
  ["short lines", "a: b\n".repeat(200_000)],
])("a text of nothing but %s is read in time near its length", (_, text) => {
  const start = performance.now();
  readDocument(text);
  expect(performance.now() - start).toBeLessThan(2000);
});
