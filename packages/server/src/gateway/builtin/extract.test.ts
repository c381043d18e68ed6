import { describe, expect, test } from "vitest";
import type { ModelRequest } from "../model.ts";
import { extract } from "./extract.ts";
import { ALICE, HOMETOWN, PRIDE, README } from "./passages.fixture.ts";
import { readDocument } from "./segment.ts";

function reply(user: string, rest: Partial<ModelRequest> = {}): string {
  const answered = extract({ messages: [{ role: "user", content: user }], ...rest });
  return "text" in answered ? answered.text : JSON.stringify(answered.object);
}

function sentencesIn(document: string, text: string): string[] {
  const found = readDocument(document).sentences.map((sentence) => sentence.text);
  return found.filter((sentence) => text.includes(sentence));
}

describe("summary", () => {
  test.each([
    ["in 3 sentences", `Summarize the following README in 3 sentences:\n\n${README}`, README, 3],
    ["in one sentence", `In one sentence, what is this about?\n\n${README}`, README, 1],
    ["in two sentences", `Summarize in two sentences.\n\n${PRIDE}`, PRIDE, 2],
    ["behind the text", `${ALICE}\n\nSummarize the text above in 2 sentences.`, ALICE, 2],
    ["用三句话", `请用三句话总结下面的文章：\n\n${HOMETOWN}`, HOMETOWN, 3],
    ["概括为两句", `概括为两句话：${HOMETOWN}`, HOMETOWN, 2],
  ])("has as many sentences as asked, all of the text and in its order: %s", (_, message, document, count) => {
    const summary = reply(message);
    const sentences = sentencesIn(document, summary);
    expect(sentences).toHaveLength(count);
    expect(summary.replaceAll(/\s/g, "")).toBe(sentences.join("").replaceAll(/\s/g, ""));
  });

  test("opens with what the README is", () => {
    expect(reply(README)).toMatch(/^Loomlight is a small server that turns photographs/);
  });

  test("leaves the license out when little may be said", () => {
    expect(reply(`Summarize in 2 sentences:\n\n${README}`)).not.toContain("Apache");
  });

  test.each([
    ["words", `Summarize in at most 30 words:\n\n${README}`, (text: string) => text.split(/\s+/).length <= 30],
    ["字", `请用不超过50字概括：\n${HOMETOWN}`, (text: string) => text.length <= 50],
  ])("keeps within a number of %s", (_, message, fits) => expect(reply(message)).toSatisfy(fits));

  test("keeps within max_tokens", () => {
    expect(reply(README, { params: { max_tokens: 40 } }).length).toBeLessThanOrEqual(160);
  });

  test("is a list when points are asked for", () => {
    expect(
      reply(`List the key points as bullets:\n\n${README}`)
        .split("\n")
        .every((line) => line.startsWith("- ")),
    ).toBe(true);
  });

  test("does not say the same twice", () => {
    const twice = `${README}\n\n${README}`;
    const summary = reply(`Summarize in 4 sentences:\n\n${twice}`);
    expect(new Set(summary.match(/Loomlight is a small server/g)).size).toBe(1);
    expect(summary.match(/Loomlight is a small server/g)).toHaveLength(1);
  });

  test("of one sentence is that sentence", () => expect(reply("hello")).toBe("hello"));
});

describe("answer", () => {
  test.each([
    ["What license is it under?", "Apache License 2.0", "under “License”"],
    ["Which Node version is required?", "Node 26 or newer", "under “Requirements”"],
    ["How fast is a query?", "within 50 milliseconds", "Source: sentence"],
    ["Can letters be exported as PDF?", "exported as Markdown or PDF", "under “Features”"],
  ])("to %s is a sentence and where it stands", (question, text, source) => {
    const said = reply(`Context:\n${README}\n\nQuestion: ${question}`);
    expect(said).toContain(text);
    expect(said).toContain(source);
  });

  test.each([
    ["Who told Mrs. Bennet about Netherfield?", PRIDE, "Mrs. Long"],
    ["What did the Rabbit take out of its pocket?", ALICE, "watch"],
    ["Who is the single man in want of?", PRIDE, "a wife"],
    ["老屋卖给谁了？", HOMETOWN, "已经公同卖给别姓了"],
    ["宏儿几岁？", HOMETOWN, "八岁的侄儿宏儿"],
    ["谁迎着出来了？", HOMETOWN, "我的母亲早已迎着出来了"],
  ])("to %s is found in prose", (question, document, text) => {
    expect(reply(`${document}\n\n${question}`)).toContain(text);
    expect(reply(question, { system: `Answer from the context.\n<context>${document}</context>` })).toContain(text);
  });

  test("is found in a short Chinese system text", () => {
    const system = "请根据以下信息回答用户问题：\n商品签收后七天内可以无理由退货。运费由买家承担。定制商品不支持退货。";
    expect(reply("签收后几天内可以退货？", { system })).toContain("七天内可以无理由退货");
  });

  test("says so when the text has none", () => {
    expect(reply(`Context:\n${README}\n\nQuestion: Who is the president of France?`)).toMatch(
      /^No sentence of the text/,
    );
    expect(reply(`文档：${HOMETOWN}\n\n问题：量子计算是什么？`)).toContain("没有找到");
  });
});

describe("key phrases", () => {
  test.each([
    [`Give me 5 keywords:\n\n${README}`, ["Loomlight"], 5, ", "],
    [`Extract keywords.\n\n${PRIDE}`, ["Bennet", "Netherfield"], 8, ", "],
    [`提取5个关键词：\n${HOMETOWN}`, ["故乡", "老屋"], 5, "、"],
  ])("of a text, as many as asked", (message, wanted, most, comma) => {
    const phrases = reply(message).split(comma);
    expect(phrases.length).toBeLessThanOrEqual(most);
    expect(phrases).toEqual(expect.arrayContaining(wanted));
  });
});

describe("classes", () => {
  const sentiment = "Classify the sentiment of this review as positive, negative or neutral:\n\n";
  test.each([
    [`${sentiment}The battery died after two days and support never answered. I am very disappointed.`, "negative"],
    [`${sentiment}Works perfectly, fast delivery, I would recommend it to everybody.`, "positive"],
    [`${sentiment}Not good. I do not recommend it.`, "negative"],
    [`${sentiment}The box holds a cable and a manual.`, "neutral"],
    ["判断以下评论的情感是正面还是负面：\n这家餐厅的菜很好吃，服务员也热情，下次还会来。", "正面"],
    ["判断以下评论的情感是正面还是负面：\n质量太差，用了一天就坏了，不满意。", "负面"],
  ])("%s", (message, wanted) => expect(reply(message)).toBe(wanted));

  test.each([
    ["I was charged twice last month, please refund me.", "billing"],
    ["The app crashes when I open the settings.", "technical"],
    ["What are your opening hours?", "other"],
    ["我上个月被重复扣款了，请帮我退款", "billing"],
    ["软件安装以后打不开，一直报错", "technical"],
  ])("of %s among billing, technical and other is %s", (message, wanted) => {
    expect(reply(message, { params: { task: "classify", labels: ["billing", "technical", "other"] } })).toBe(wanted);
  });

  test("are told apart by their descriptions", () => {
    const labels = [
      { name: "A", description: "questions about cats and other pets" },
      { name: "B", description: "questions about the weather and rain" },
    ];
    expect(reply("Will it rain in Lisbon?", { params: { task: "classify", labels } })).toBe("B");
  });
});

describe("honesty", () => {
  test.each(["翻译成法语:Hello world", "Write a poem about the sea", "Explain quantum computing", "解释量子计算"])(
    "%s is not answered as if by a language model",
    (message) => expect(reply(message)).toMatch(/not a language model|不是语言模型/),
  );
});
