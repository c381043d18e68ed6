import { expect, test } from "vitest";
import type { Message, ModelRequest } from "../model.ts";
import { readTask } from "./task.ts";

const DOCUMENT =
  "The ferry leaves at nine. It carries forty cars and their drivers. In winter it does not run on Sundays.";
const CHINESE = "渡轮九点开船。船上可以装四十辆汽车。冬天的星期日停航，乘客需要改乘大巴前往对岸。";

function task(user: string, rest: Partial<ModelRequest> = {}) {
  return readTask({ messages: [{ role: "user", content: user }], ...rest });
}

test.each([
  ["a labelled question behind a context", `Context: ${DOCUMENT}\n\nQuestion: When does it leave?`, "answer"],
  ["a labelled question before the text", `Question: When does it leave?\n\n${DOCUMENT}`, "answer"],
  ["a question under the text", `${DOCUMENT}\n\nWhen does it leave?`, "answer"],
  ["a question above the text", `When does it leave?\n\n${DOCUMENT}`, "answer"],
  ["an instruction line and a blank line", `Summarize the text.\n\n${DOCUMENT}`, "summary"],
  ["an instruction before a colon", `Summarize: ${DOCUMENT}`, "summary"],
  ["quotes around the text", `Extract the keywords from this:\n"""\n${DOCUMENT}\n"""`, "keywords"],
  ["tags around the text", `<document>${DOCUMENT}</document>\nList five keywords.`, "keywords"],
  ["no instruction", DOCUMENT, "summary"],
])("the document is found with %s", (_, message, kind) => {
  expect(task(message)).toMatchObject({ document: DOCUMENT, kind });
});

test.each([
  ["问题 and 文档", `文档：${CHINESE}\n问题：几点开船？`, "answer"],
  ["an instruction line", `请总结下面的内容：\n${CHINESE}`, "summary"],
  ["an instruction before a colon", `提取关键词：${CHINESE}`, "keywords"],
  ["a question under the text", `${CHINESE}\n\n几点开船？`, "answer"],
  ["no instruction", CHINESE, "summary"],
])("the Chinese document is found with %s", (_, message, kind) => {
  expect(task(message)).toMatchObject({ document: CHINESE, kind });
});

test("the system text is the instruction, and the user's the document", () => {
  expect(task(DOCUMENT, { system: "Extract the key phrases." })).toMatchObject({
    document: DOCUMENT,
    kind: "keywords",
  });
  const messages: Message[] = [
    { role: "system", content: "You are a helpful assistant. Summarize in 2 sentences." },
    { role: "user", content: [{ type: "text", text: DOCUMENT }] },
  ];
  expect(readTask({ messages })).toMatchObject({ document: DOCUMENT, kind: "summary", length: { sentences: 2 } });
});

test("a long system text is the document of a short question", () => {
  const found = task("When does the ferry leave?", { system: `You answer from this text.\n\n${DOCUMENT.repeat(4)}` });
  expect(found.kind).toBe("answer");
  expect(found.document).toContain("forty cars");
});

test("a question under a standing role has no document", () => {
  const found = task("What is your name?", { system: "You are a helpful assistant." });
  expect(found).toMatchObject({ kind: "answer", document: "" });
});

test("a short system text is split into its instruction and its document", () => {
  const found = task("几点开船？", { system: `你是客服助手。请根据以下信息回答用户问题：\n${CHINESE}` });
  expect(found).toMatchObject({ kind: "answer", document: CHINESE, question: "几点开船？" });
});

test("an earlier message is the document of a later question", () => {
  const messages: Message[] = [
    { role: "user", content: DOCUMENT },
    { role: "assistant", content: "Understood." },
    { role: "user", content: "How many cars does it carry?" },
  ];
  expect(readTask({ messages })).toMatchObject({ document: DOCUMENT, kind: "answer" });
});

test("params go before what is written", () => {
  const params = { task: "keywords", document: DOCUMENT, count: 3 };
  expect(task("Summarize in 5 sentences", { params })).toMatchObject({
    kind: "keywords",
    document: DOCUMENT,
    count: 3,
  });
});

test.each([
  ["Summarize in 3 sentences:", { sentences: 3 }],
  ["Give me a two-sentence summary:", { sentences: 2 }],
  ["Summarize in at most 50 words:", { words: 50 }],
  ["请用三句话总结：", { sentences: 3 }],
  ["请用100字以内概括：", { characters: 100 }],
])("%s tells the length", (instruction, length) => {
  expect(task(`${instruction}\n\n${DOCUMENT}`).length).toEqual(length);
});

test.each([
  ["Classify this as spam or ham:", ["spam", "ham"]],
  [
    "Classify into one of the following categories: billing, technical support, other.",
    ["billing", "technical support", "other"],
  ],
  ["将用户问题分类为：技术支持、账单问题、其他", ["技术支持", "账单问题", "其他"]],
  ["What is the sentiment of this text?", ["positive", "negative", "neutral"]],
])("%s lists its classes", (instruction, names) => {
  const found = task(DOCUMENT, { system: instruction });
  expect(found.kind).toBe("classify");
  expect(found.labels.map((label) => label.name)).toEqual(names);
});

test("prose that opens like an order is a document all the same", () => {
  const prose = `Now the rain had stopped, and the road lay empty.\n\n${DOCUMENT}`;
  expect(task(prose)).toMatchObject({ document: prose, kind: "summary" });
});

test("a key of YAML within a document is no mark", () => {
  const document = `${DOCUMENT}\n\nsteps:\ninput: something\n\n${DOCUMENT}`;
  expect(task(`Summarize:\n\n${document}`).document).toBe(document);
});
