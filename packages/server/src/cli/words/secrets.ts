import type { Words } from "./words.ts";

/** What the commands of `weft secrets` say. */
export const SECRET_WORDS = {
  "secrets.none": {
    en: "There are no secrets. Store one with weft secrets set NAME, or set WEFT_SECRET_NAME for the server.",
    zh: "没有任何密钥。请用 weft secrets set NAME 存入，或为服务器设置 WEFT_SECRET_NAME。",
  },
  "secrets.ask": { en: "Value of {name} (not shown): ", zh: "{name} 的值（不显示）：" },
  "secrets.no_value": {
    en: "there is no value for {name}. Give it on standard input: weft secrets set {name} < FILE",
    zh: "没有 {name} 的值。请从标准输入给出：weft secrets set {name} < FILE",
  },
  "secrets.no_argument": {
    en: "a value is not taken as an argument, where other programs can read it. Give it on standard input: weft secrets set {name} < FILE",
    zh: "不接受把值写成参数，其他程序可以读到它。请从标准输入给出：weft secrets set {name} < FILE",
  },
  "secrets.interrupted": { en: "nothing was stored", zh: "没有存储任何内容" },
  "secrets.stored": { en: "{name} is stored; it may be sent to: {hosts}", zh: "{name} 已存储；可以发送到：{hosts}" },
  "secrets.hidden": {
    en: "The server's environment has another {name}, which is used in its place.",
    zh: "服务器的环境变量中另有一个 {name}，会优先使用它。",
  },
  "secrets.removed": { en: "{name} is removed", zh: "{name} 已删除" },
  "secrets.rotated": {
    en: "{count} key(s) wrapped with the newest master key",
    zh: "已用最新的主密钥重新包装 {count} 个密钥",
  },
  "secrets.unused": { en: "{source} (not used)", zh: "{source}（未使用）" },
  "secrets.written_hosts": { en: "hosts written out in a step's url", zh: "步骤 url 中直接写明的主机" },
  "column.name": { en: "name", zh: "名称" },
  "column.source": { en: "source", zh: "来源" },
  "column.hosts": { en: "hosts", zh: "主机" },
  "column.updated": { en: "updated", zh: "更新" },
} as const satisfies Words;
