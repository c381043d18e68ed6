import type { Words } from "./words.ts";

/** What `weft import` says, and `weft run` of Dify files. */
export const IMPORT_WORDS = {
  "import.head": { en: "{name} ({mode}, file format {version})", zh: "{name}（{mode}，文件格式 {version}）" },
  "import.line": { en: "line", zh: "行" },
  "import.node": { en: "node", zh: "节点" },
  "import.title": { en: "title", zh: "标题" },
  "import.kind": { en: "kind", zh: "类型" },
  "import.becomes": { en: "becomes", zh: "对应步骤" },
  "import.support": { en: "support", zh: "支持情况" },
  "import.about": { en: "remarks", zh: "说明" },
  "support.runs": { en: "runs", zh: "可运行" },
  "support.runs_with_difference": { en: "runs with a difference", zh: "可运行，有差异" },
  "support.needs_configuration": { en: "needs configuration", zh: "需要配置" },
  "support.not_supported": { en: "not supported", zh: "不支持" },
  "import.nodes": { en: "{count} nodes: {list}", zh: "{count} 个节点：{list}" },
  "import.nodes.one": { en: "{count} node: {list}", zh: "{count} 个节点：{list}" },
  "import.needs": { en: "To be set up: {list}", zh: "需要设置：{list}" },
  "import.plugins": {
    en: "Plugins that it names (nothing is installed): {list}",
    zh: "文件提到的插件（不会安装）：{list}",
  },
  "import.need": { en: "{what} {name}", zh: "{what} {name}" },
  "need.model": { en: "model", zh: "模型" },
  "need.tool": { en: "tool", zh: "工具" },
  "need.dataset": { en: "data set", zh: "知识库" },
  "need.secret": { en: "secret", zh: "密钥" },
  "need.workflow": { en: "workflow", zh: "工作流" },
  "need.agent": { en: "agent", zh: "智能体" },
  "need.package": { en: "package", zh: "软件包" },
  "import.can_run": {
    en: "It can run: weft run, or weft workflows publish.",
    zh: "可以运行：weft run，或 weft workflows publish。",
  },
  "import.cannot_run": { en: "{path} cannot run as it is.", zh: "{path} 目前无法运行。" },
  "import.native": { en: "The native workflow is written to {path}.", zh: "原生工作流已写入 {path}。" },
  "import.not_native": {
    en: "It cannot be written as a native workflow; these nodes stand in the way:",
    zh: "无法写成原生工作流；以下节点无法表达：",
  },
  "import.unwritten": { en: "{path} cannot be written: {reason}", zh: "无法写入 {path}：{reason}" },
  "input.file_field": {
    en: "The input {name} is a file; write {name}=@path, or {name}=https://address.",
    zh: "输入 {name} 是文件；请写 {name}=@路径，或 {name}=https://地址。",
  },
} as const satisfies Words;
