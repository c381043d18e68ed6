import type { Words } from "./words.ts";

/** What the commands of `weft workflows` say. */
export const WORKFLOW_WORDS = {
  "workflows.none": {
    en: "No workflow is published there. Publish one with weft workflows publish FILE.",
    zh: "那里没有发布任何工作流。请用 weft workflows publish FILE 发布一个。",
  },
  "column.version": { en: "version", zh: "版本" },
  "column.published": { en: "published", zh: "发布" },
  "column.hash": { en: "hash", zh: "哈希" },
  "column.type": { en: "type", zh: "类型" },
  "column.after": { en: "after", zh: "前序" },
  "column.when": { en: "when", zh: "条件" },
  "workflow.published": { en: "{name} {version} is published", zh: "{name} {version} 已发布" },
  "workflow.published_before": { en: "{name} {version} was published already", zh: "{name} {version} 先前已发布" },
  "workflow.head": { en: "{name}, published {time}", zh: "{name}，发布于 {time}" },
  "workflow.inputs": { en: "inputs: {names}", zh: "输入：{names}" },
  "workflow.any_inputs": { en: "any", zh: "任意" },
  "workflow.versions": { en: "versions: {versions}", zh: "版本：{versions}" },
  "diff.same": { en: "{a} and {b} are the same.", zh: "{a} 与 {b} 相同。" },
  "diff.added": { en: "step {step} ({type}) is added", zh: "新增步骤 {step}（{type}）" },
  "diff.removed": { en: "step {step} ({type}) is removed", zh: "删除步骤 {step}（{type}）" },
  "diff.changed": { en: "step {step} is changed", zh: "步骤 {step} 有变化" },
  "diff.moved": { en: "the order of the steps is changed", zh: "步骤的顺序有变化" },
  "diff.workflow": { en: "the workflow is changed", zh: "工作流有变化" },
  "diff.one_version": {
    en: "{name} has the one version {version}: name a file, or publish another version.",
    zh: "{name} 只有一个版本 {version}：请指定一个文件，或先发布另一个版本。",
  },
  "diff.unreadable": { en: "{name} cannot be compared: it is no workflow.", zh: "无法比较 {name}：它不是工作流。" },
} as const satisfies Words;
