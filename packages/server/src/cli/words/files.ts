import type { Words } from "./words.ts";

/** What is said of workflow files and of `weft serve`, `validate`, `test` and `models`. */
export const FILE_WORDS = {
  "problem.error": { en: "error", zh: "错误" },
  "problem.warning": { en: "warning", zh: "警告" },
  "problem.remedy": { en: "remedy:", zh: "改法：" },
  "problem.place": { en: "line {line}, column {column}", zh: "第 {line} 行第 {column} 列" },
  "validate.problems": { en: "{path}: {count} problems", zh: "{path}：{count} 个问题" },
  "validate.problems.one": { en: "{path}: {count} problem", zh: "{path}：{count} 个问题" },
  "validate.valid": { en: "valid", zh: "有效" },
  "validate.steps": {
    en: "{path}: {valid}, workflow {name}, {count} steps",
    zh: "{path}：{valid}，工作流 {name}，{count} 个步骤",
  },
  "validate.steps.one": {
    en: "{path}: {valid}, workflow {name}, {count} step",
    zh: "{path}：{valid}，工作流 {name}，{count} 个步骤",
  },
  "validate.all_run": { en: "Every step can run on this machine.", zh: "每个步骤都能在这台机器上运行。" },
  "validate.cannot_run": {
    en: "{count} steps cannot run on this machine:",
    zh: "{count} 个步骤无法在这台机器上运行：",
  },
  "validate.cannot_run.one": {
    en: "{count} step cannot run on this machine:",
    zh: "{count} 个步骤无法在这台机器上运行：",
  },
  "validate.step": { en: "{step} ({type}): {reason}.", zh: "{step}（{type}）：{reason}。" },
  "file.none": { en: "There is no file {path}.", zh: "没有文件 {path}。" },
  "file.folder": { en: "{path} is a folder; name a file.", zh: "{path} 是文件夹；请指定文件。" },
  "file.no_text": { en: "{path} is not text in UTF-8.", zh: "{path} 不是 UTF-8 文本。" },
  "file.unreadable": { en: "{path} cannot be read: {reason}", zh: "无法读取 {path}：{reason}" },
  "path.none": { en: "There is no file or folder {path}.", zh: "没有文件或文件夹 {path}。" },
  "test.no_files": { en: "There are no *.test.yaml files in {paths}.", zh: "{paths} 中没有 *.test.yaml 文件。" },
  "test.no_case": { en: "No case has a name that holds {text}.", zh: "没有名称包含 {text} 的用例。" },
  "test.waiting": { en: "Waiting for changes; Ctrl-C ends.", zh: "等待变化；按 Ctrl-C 结束。" },
  "serve.listens": { en: "Weftwork listens on {address}", zh: "Weftwork 正在监听 {address}" },
  "worker.works": {
    en: "Weftwork works on {store}; pools: {pools}",
    zh: "Weftwork 正在 {store} 上工作；工作池：{pools}",
  },
  "worker.all": { en: "all", zh: "全部" },
  "serve.data": { en: "Data: {store}", zh: "数据：{store}" },
  "serve.examples": { en: "Published the examples: {names}", zh: "已发布示例：{names}" },
  "serve.try": { en: "Try it:", zh: "试一试：" },
  "models.name": { en: "name", zh: "名称" },
  "models.provider": { en: "provider", zh: "提供方" },
  "models.endpoint": { en: "endpoint", zh: "地址" },
  "models.from": { en: "from", zh: "来源" },
  "models.note": { en: "note", zh: "说明" },
  "models.inside": { en: "(in this process)", zh: "（本进程内）" },
  "models.failed": { en: "{model} ({provider}) failed after {time}", zh: "{model}（{provider}）在 {time} 后失败" },
  "models.answered": {
    en: "{model} ({provider}) answered: {first}, {time} in all",
    zh: "{model}（{provider}）已回答：{first}，共 {time}",
  },
  "models.no_text": { en: "no text", zh: "没有文本" },
  "models.first": { en: "first token {time}", zh: "首个词元 {time}" },
  "models.tokens": {
    en: "tokens: {input} in, {output} out; ended by {reason}",
    zh: "词元：输入 {input}，输出 {output}；结束原因 {reason}",
  },
  "models.fingerprint": { en: "fingerprint: {fingerprint}", zh: "指纹：{fingerprint}" },
  "completion.shell": {
    en: "There is no completion for {shell}. Write bash, zsh or fish.",
    zh: "没有 {shell} 的补全。请写 bash、zsh 或 fish。",
  },
} as const satisfies Words;
