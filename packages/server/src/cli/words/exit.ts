import type { EXIT } from "../exit.ts";
import type { Word, Words } from "./words.ts";

/** What each exit code says, by its name in `EXIT`. */
export const EXIT_WORDS = {
  "exit.OK": { en: "done", zh: "完成" },
  "exit.FAILED": { en: "failed", zh: "失败" },
  "exit.USAGE": { en: "wrong usage, configuration or workflow", zh: "用法、配置或工作流有误" },
  "exit.CANCELLED": { en: "the run was cancelled", zh: "运行被取消" },
  "exit.NODE_TOO_OLD": { en: "this Node is too old for weft", zh: "这个 Node 版本太旧，不能运行 weft" },
  "exit.INTERRUPTED": { en: "interrupted", zh: "被中断" },
} as const satisfies Words & Readonly<Record<`exit.${keyof typeof EXIT}`, Word>>;
