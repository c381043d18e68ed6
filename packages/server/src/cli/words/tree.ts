import type { Words } from "./words.ts";

/** What the live views of a run say. */
export const TREE_WORDS = {
  "step.waits": { en: "waits", zh: "等待" },
  "step.runs": { en: "runs", zh: "运行" },
  "step.done": { en: "done", zh: "完成" },
  "step.failed": { en: "failed", zh: "失败" },
  "step.skipped": { en: "skipped", zh: "跳过" },
  "step.cancelled": { en: "cancelled", zh: "取消" },
  "step.retries": { en: "tries again {when}", zh: "{when}重试" },
  "step.parked": { en: "parked {when}: {reason}", zh: "{when}继续，已搁置：{reason}" },
  "step.reused": { en: "reused", zh: "复用" },
  "step.attempt": { en: "try {attempt}", zh: "第 {attempt} 次" },
  "wait.time": { en: "waits {when}", zh: "等待，{when}" },
  "wait.signal": { en: "waits for the signal {name}", zh: "等待信号 {name}" },
  "wait.approval": { en: "waits for approval: {title}", zh: "等待批准：{title}" },
  "wait.approve": { en: "approve: {command}", zh: "批准：{command}" },
  "wait.send": { en: "send it: {command}", zh: "发送：{command}" },
  "when.in": { en: "in {time}", zh: "{time} 后" },
  "when.now": { en: "now", zh: "现在" },
  "when.open": { en: "without end", zh: "没有期限" },
  "fold.items": { en: "items {done}/{total}", zh: "项 {done}/{total}" },
  "fold.rounds": { en: "round {round}", zh: "第 {round} 轮" },
  "fold.failed": { en: "{count} failed", zh: "{count} 个失败" },
  "fold.more_open": { en: "… {count} more running", zh: "…另有 {count} 个运行中" },
  "fold.more_failed": { en: "… {count} more failed", zh: "…另有 {count} 个失败" },
  "fold.lines": { en: "… {count} lines are left out", zh: "…省略 {count} 行" },
} as const satisfies Words;
