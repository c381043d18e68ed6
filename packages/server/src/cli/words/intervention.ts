import type { Words } from "./words.ts";

/** What the commands of `weft dead-letters`, `weft operations` and `weft run --from-export` say. */
export const INTERVENTION_WORDS = {
  "letters.none": { en: "No dead letter fits.", zh: "没有符合条件的死信。" },
  "letter.open": { en: "open", zh: "待处理" },
  "letter.retried": { en: "retried", zh: "已重试" },
  "letter.discarded": { en: "discarded", zh: "已丢弃" },
  "letters.taken_over": { en: "Taken over by {run}.", zh: "由 {run} 接手。" },
  "letters.reason": { en: "Reason: {reason}", zh: "原因：{reason}" },
  "letters.inputs": { en: "Inputs:", zh: "输入：" },
  "letters.failed_step": {
    en: "Failed at {step} ({type}), which worked with:",
    zh: "失败于步骤 {step}（{type}），其输入为：",
  },
  "letters.so_far": { en: "Done before:", zh: "此前已完成：" },
  "letters.was_discarded": { en: "{run} is discarded; the run itself stays.", zh: "{run} 已丢弃；运行本身保留。" },
  "column.failed": { en: "failed", zh: "失败于" },
  "column.taken_over": { en: "taken over by", zh: "接手者" },
  "column.try": { en: "try", zh: "尝试" },
  "column.began": { en: "began", zh: "开始" },
  "column.ended": { en: "ended", zh: "结束" },
  "column.operation": { en: "operation", zh: "操作" },
  "column.action": { en: "action", zh: "动作" },
  "column.progress": { en: "progress", zh: "进度" },
  "column.errors": { en: "errors", zh: "错误" },
  "operation.pending": { en: "pending", zh: "等待中" },
  "operation.running": { en: "running", zh: "进行中" },
  "operation.aborting": { en: "stopping", zh: "正在停止" },
  "operation.succeeded": { en: "done", zh: "已完成" },
  "operation.aborted": { en: "stopped", zh: "已停止" },
  "operation.failed": { en: "failed", zh: "失败" },
  "operations.none": { en: "There is no operation.", zh: "没有批量操作。" },
  "operations.begun": {
    en: "{id}: {action} has begun; weft operations show {id} says how far it is.",
    zh: "{id}：{action} 已开始；用 weft operations show {id} 查看进度。",
  },
  "operations.would": {
    en: "{action} would be for {count} runs; the first of them:",
    zh: "{action} 将针对 {count} 个运行；前几个是：",
  },
  "operations.would_more": {
    en: "{action} would be for more than {count} runs; the first of them:",
    zh: "{action} 将针对超过 {count} 个运行；前几个是：",
  },
  "operations.counts": {
    en: "{total} runs: {done} done, {failed} failed, {skipped} skipped",
    zh: "共 {total} 个运行：完成 {done}，失败 {failed}，跳过 {skipped}",
  },
  "operations.more_errors": { en: "and {count} more", zh: "另有 {count} 个" },
  "operations.unknown": {
    en: "There is no action {action}. Known: {known}.",
    zh: "没有动作 {action}。可用：{known}。",
  },
  "operations.for_whom": {
    en: "Say which runs to {action}: with --run, with a filter such as --workflow, or --all. --dry-run counts them first.",
    zh: "请说明对哪些运行执行 {action}：用 --run、用 --workflow 等筛选条件，或 --all。--dry-run 先计数。",
  },
  "operations.two_choices": {
    en: "Give either --run or a filter, not both.",
    zh: "--run 与筛选条件只能二选一。",
  },
  "operations.no_pair": { en: "{text} is not name=value.", zh: "{text} 不是 name=value 的形式。" },
  "operations.no_object": { en: "it is no object", zh: "它不是对象" },
  "replay.same": {
    en: "The run came to the same again: {computed} tries computed anew, {recorded} taken from the record, {live} really done.",
    zh: "重放结果相同：重新计算 {computed} 次，取自记录 {recorded} 次，真实执行 {live} 次。",
  },
  "replay.differs": {
    en: "The run came to something else in {count} places ({computed} tries computed anew, {recorded} taken from the record, {live} really done):",
    zh: "重放结果有 {count} 处不同（重新计算 {computed} 次，取自记录 {recorded} 次，真实执行 {live} 次）：",
  },
  "replay.recorded": { en: "recorded", zh: "记录" },
  "replay.now": { en: "now", zh: "现在" },
  "replay.unrecorded": { en: "Nothing is recorded of {step}.", zh: "没有 {step} 的记录。" },
  "replay.alone": {
    en: "--from-export replays a run as it was: leave {option} out.",
    zh: "--from-export 按原样重放运行：请去掉 {option}。",
  },
  "replay.no_export": {
    en: "--live is for a replay: give --from-export FILE.",
    zh: "--live 用于重放：请给出 --from-export 文件。",
  },
  "run.no_file": {
    en: "Give a workflow file, or --from-export FILE.",
    zh: "请给出工作流文件，或 --from-export 文件。",
  },
} as const satisfies Words;
