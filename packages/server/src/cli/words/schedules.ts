import type { Words } from "./words.ts";

/** What the commands of `weft schedules` say. */
export const SCHEDULE_WORDS = {
  "schedules.none": {
    en: "There are no schedules. weft schedules add makes one.",
    zh: "没有定时计划。用 weft schedules add 创建。",
  },
  "schedules.added": { en: "{name} begins its first run at {time}", zh: "{name} 将于 {time} 启动首次运行" },
  "schedules.goes_on": { en: "{name} begins its next run at {time}", zh: "{name} 将于 {time} 启动下一次运行" },
  "schedules.stands": { en: "{name} is {status}", zh: "{name} 的状态：{status}" },
  "schedules.removed": { en: "{name} is removed; its runs stay", zh: "{name} 已删除；它的运行仍保留" },
  "schedules.failing": {
    en: "Its last {count} runs could not begin: {message}",
    zh: "最近 {count} 次运行未能启动：{message}",
  },
  "schedules.active": { en: "active", zh: "启用" },
  "schedules.paused": { en: "paused", zh: "已暂停" },
  "schedules.ended": { en: "ended", zh: "已结束" },
  "fire.started": { en: "started", zh: "已启动" },
  "fire.triggered": { en: "by hand", zh: "手动启动" },
  "fire.skipped": { en: "skipped: the run before was open", zh: "已跳过：上一次运行未结束" },
  "fire.missed": { en: "missed", zh: "已错过" },
  "fire.failed": { en: "could not begin", zh: "未能启动" },
  "column.cron": { en: "cron", zh: "规则" },
  "column.zone": { en: "zone", zh: "时区" },
  "column.next": { en: "next", zh: "下次" },
  "column.due": { en: "due", zh: "应启动于" },
  "column.outcome": { en: "outcome", zh: "结果" },
  "triggers.enabled": {
    en: "{workflow} {node} begins its next run at {time}; weft schedules show {name}",
    zh: "{workflow} {node} 将于 {time} 启动下一次运行；用 weft schedules show {name} 查看",
  },
  "triggers.disabled": { en: "{workflow} {node} begins by hand only", zh: "{workflow} {node} 只能手动启动" },
  "triggers.no_schedule": {
    en: "{workflow} has no schedule {node} that is {state}. weft triggers ls lists what there is.",
    zh: "{workflow} 没有处于“{state}”状态的定时触发器 {node}。用 weft triggers ls 查看。",
  },
  "triggers.state_enabled": { en: "enabled", zh: "已启用" },
  "triggers.state_known": { en: "published", zh: "已发布" },
} as const satisfies Words;
