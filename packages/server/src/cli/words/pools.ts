import type { Words } from "./words.ts";

/** What the commands of `weft pools` say. */
export const POOL_WORDS = {
  "column.pool": { en: "pool", zh: "工作池" },
  "column.slots": { en: "slots", zh: "槽位" },
  "column.active": { en: "active", zh: "进行中" },
  "column.waiting": { en: "waiting", zh: "等待中" },
  "column.since": { en: "since", zh: "开始等待于" },
  "column.workers": { en: "workers", zh: "工作进程" },
  "pools.paused": {
    en: "{pool} begins nothing more; {active} under way",
    zh: "{pool} 不再开始新步骤；进行中 {active}",
  },
  "pools.drained": { en: "{pool} is empty and paused", zh: "{pool} 已清空并暂停" },
  "pools.resumed": { en: "{pool} goes on", zh: "{pool} 继续工作" },
} as const satisfies Words;
