import type { Words } from "./words.ts";

/** What `weft chat` says. */
export const CHAT_WORDS = {
  "chat.begun": {
    en: "Conversation {conversation} with {workflow}. Ctrl-C ends an answer, Ctrl-D the conversation.",
    zh: "会话 {conversation}，应用 {workflow}。Ctrl-C 结束当前回答，Ctrl-D 结束会话。",
  },
  "chat.goes_on": {
    en: "It goes on with --conversation {conversation}.",
    zh: "可用 --conversation {conversation} 继续。",
  },
  "chat.again": { en: "(a step is tried again; the answer so far)", zh: "（某个步骤正在重试；目前的回答）" },
  "chat.cancelled": { en: "(cancelled)", zh: "（已取消）" },
  "chat.failed": { en: "No answer: {message} ({code})", zh: "没有回答：{message}（{code}）" },
  "chat.choose": { en: "Choose 1 to {count}: ", zh: "请选择 1 到 {count}：" },
  "chat.form": { en: "{name}: ", zh: "{name}：" },
  "chat.unanswered": {
    en: "The run waits for an answer to this. Go on later with weft runs approve {run} {step}.",
    zh: "运行在等待对此的回答。之后可用 weft runs approve {run} {step} 继续。",
  },
  "chat.other_app": {
    en: "The conversation {conversation} is one with {workflow}; name that app.",
    zh: "会话 {conversation} 属于应用 {workflow}；请指定该应用。",
  },
  "chat.no_conversation": { en: "There is no conversation {conversation}.", zh: "没有会话 {conversation}。" },
} as const satisfies Words;
