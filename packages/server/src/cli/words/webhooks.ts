import type { Words } from "./words.ts";

/** What the commands of `weft webhooks` say. */
export const WEBHOOK_WORDS = {
  "webhooks.none": {
    en: "Nobody is told of runs. weft webhooks add makes a receiver.",
    zh: "还没有接收运行消息的接收端。用 weft webhooks add 创建。",
  },
  "webhooks.made": {
    en: "{id} is told at {url}. This secret is shown once; the receiver checks messages with it.",
    zh: "{id} 的消息将发送到 {url}。此密钥只显示一次；接收端用它校验消息。",
  },
  "webhooks.rotated": {
    en: "This secret is shown once. The one before signs no more.",
    zh: "此密钥只显示一次。之前的密钥不再用于签名。",
  },
  "webhooks.overlap": {
    en: "This secret is shown once. The one before signs beside it until {until}.",
    zh: "此密钥只显示一次。之前的密钥在 {until} 之前同时用于签名。",
  },
  "webhooks.removed": { en: "{id} is told nothing any more", zh: "不再向 {id} 发送消息" },
  "webhooks.no_deliveries": { en: "There is no such delivery.", zh: "没有这样的投递。" },
  "webhooks.more": { en: "There are more: --cursor {cursor}", zh: "还有更多：--cursor {cursor}" },
  "webhooks.again": { en: "deliveries to be made again: {count}", zh: "将重新投递：{count}" },
  "webhooks.filter_of_one": {
    en: "A delivery is one: leave out --status, --run, --after and --before, or name a receiver.",
    zh: "这是单个投递：请去掉 --status、--run、--after 和 --before，或指定接收端。",
  },
  "status.enabled": { en: "enabled", zh: "启用" },
  "status.disabled": { en: "disabled", zh: "已停用" },
  "status.delivered": { en: "delivered", zh: "已投递" },
  "status.dead": { en: "dead", zh: "已放弃" },
  "column.id": { en: "id", zh: "标识" },
  "column.url": { en: "url", zh: "网址" },
  "column.events": { en: "events", zh: "事件" },
  "column.event": { en: "event", zh: "事件" },
  "column.description": { en: "description", zh: "说明" },
  "column.attempts": { en: "attempts", zh: "尝试次数" },
  "column.next_attempt": { en: "next attempt", zh: "下次尝试" },
  "column.started": { en: "started", zh: "开始" },
  "column.answer": { en: "answer", zh: "应答" },
} as const satisfies Words;
