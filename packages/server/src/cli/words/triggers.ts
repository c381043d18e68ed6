import type { Words } from "./words.ts";

/** What the commands of `weft triggers` say. */
export const TRIGGER_WORDS = {
  "triggers.none": {
    en: "No published workflow has a trigger. A Dify file with a trigger node has one once it is published.",
    zh: "已发布的工作流中没有触发器。带有触发器节点的 Dify 文件发布后才会有。",
  },
  "triggers.once": {
    en: "This address is shown once. Whoever knows it can begin runs with {method} calls; an earlier one is void.",
    zh: "此地址只显示一次。知道它的人可以用 {method} 调用启动运行；之前的地址已作废。",
  },
  "triggers.removed": { en: "{workflow} {node} has no address any more", zh: "{workflow} {node} 不再有地址" },
  "triggers.no_address": { en: "none", zh: "无" },
  "triggers.by_hand": { en: "begins by hand", zh: "手动启动" },
  "column.trigger": { en: "trigger", zh: "触发器" },
  "column.method": { en: "method", zh: "方法" },
  "column.address": { en: "address or schedule", zh: "地址或定时计划" },
  "column.secret": { en: "secret", zh: "密钥" },
} as const satisfies Words;
