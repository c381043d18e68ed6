import type { ModelRequest } from "../model.ts";
import { answerText } from "./answer.ts";
import { classify } from "./classify.ts";
import type { Reply } from "./builtin-model.ts";
import { keyPhrases, keyPhraseText } from "./keywords.ts";
import { fillSchema } from "./schema-fill.ts";
import { readDocument } from "./segment.ts";
import { summarize, summaryText } from "./summarize.ts";
import { readTask, type Task } from "./task.ts";
import { isMainlyCjk } from "../tokens.ts";

const ENGLISH = "builtin/extract is not a language model: it picks sentences out of a text.";
const CHINESE = "builtin/extract 不是语言模型，只能从给出的文本中挑选句子。";

/**
 * The reply of `builtin/extract`: sentences, phrases or values that stand in the document of the request, in English
 * and Chinese. It writes nothing of its own, and says so when it is asked to. How a request is read: see `task`.
 */
export function extract(request: ModelRequest): Reply {
  const task = readTask(request);
  if (request.schema) return { object: fillSchema(request.schema, readDocument(task.document), task) };
  const chinese = isMainlyCjk(task.question || task.document);
  if (task.document.trim() === "") {
    return {
      text: chinese ? `${CHINESE}这个请求里没有可供挑选的文本。` : `${ENGLISH} This request has no text to pick from.`,
    };
  }
  return { text: replyText(task, request, chinese) };
}

function replyText(task: Task, request: ModelRequest, chinese: boolean): string {
  if (task.kind === "none") {
    return chinese
      ? `${CHINESE}它不能翻译或写作；请配置一个语言模型。`
      : `${ENGLISH} It cannot translate or write; configure a language model for that.`;
  }
  if (task.kind === "classify" && task.labels.length > 0) {
    return classify(task.document.slice(0, 200_000), task.labels)!.name;
  }
  const document = readDocument(task.document);
  if (task.kind === "keywords") {
    return keyPhraseText(keyPhrases(document, task.count ?? (document.sentences.length < 4 ? 5 : 8)), document.cjk);
  }
  if (task.kind === "answer") return answerText(document, task.question, request.params?.["sources"] !== false);
  const summary = summaryText(summarize(document, task.length, task.asList), task.asList);
  // A text of nothing but code, tables or headings has no sentence; its titles are then what can be told.
  return summary || document.headings.join(chinese ? "；" : "; ") || task.document.trim().slice(0, 500);
}
