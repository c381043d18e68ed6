import type { Words } from "./words.ts";

/** What several commands say. */
export const COMMON_WORDS = {
  "help.usage": { en: "Usage:", zh: "用法：" },
  "help.arguments": { en: "Arguments:", zh: "参数：" },
  "help.options": { en: "Options:", zh: "选项：" },
  "help.commands": { en: "Commands:", zh: "命令：" },
  "help.option": { en: "display help for command", zh: "显示命令的帮助" },
  "help.command": { en: "display help for command", zh: "显示命令的帮助" },
  "help.after_mistake": { en: "(weft --help lists the commands)", zh: "（weft --help 列出所有命令）" },
  "help.exit_codes": { en: "Exit codes: {codes}.", zh: "退出码：{codes}。" },
  "list.comma": { en: ", ", zh: "，" },
  "port.used": {
    en: "the port is in use. Choose another with --port, or end the server that has it.",
    zh: "端口已被占用。请用 --port 换一个端口，或结束占用它的服务器。",
  },
  "server.silent": {
    en: "no server answers at {url} ({code}). Start one with weft serve, or name another with --server.",
    zh: "{url} 没有服务器应答（{code}）。请用 weft serve 启动一个，或用 --server 指定另一个。",
  },
  "server.no_address": {
    en: "{given} is no address of a server. Write it as {example}.",
    zh: "{given} 不是服务器地址。请写成 {example}。",
  },
  "data.none": {
    en: "There is no data in {folder}. Name the data folder of a server, or of weft run --data.",
    zh: "{folder} 中没有数据。请指定服务器或 weft run --data 用过的数据文件夹。",
  },
  "data.owned": {
    en: "The folder {folder} belongs to process {pid}, whose server at {url} is asked.",
    zh: "文件夹 {folder} 属于进程 {pid}，改为询问其服务器 {url}。",
  },
  "data.and_server": {
    en: "--data and --server exclude each other: a folder is read here, a server is asked.",
    zh: "--data 与 --server 不能同时使用：前者在本地读取文件夹，后者询问服务器。",
  },
  "option.no_json": { en: "{option} is no JSON: {reason}", zh: "{option} 不是 JSON：{reason}" },
  "option.no_time": {
    en: "{text} is no time. Write 2h, or 2026-11-21T10:00:00Z.",
    zh: "{text} 不是时间。请写成 2h 或 2026-11-21T10:00:00Z。",
  },
  "file.unwritable": { en: "{path} cannot be written: {reason}", zh: "无法写入 {path}：{reason}" },
} as const satisfies Words;
