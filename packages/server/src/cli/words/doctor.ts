import type { Words } from "./words.ts";

/** What `weft doctor` finds, and what to do. */
export const DOCTOR_WORDS = {
  "doctor.summary": {
    en: "{ok} good, {warn} to look at, {fail} to mend",
    zh: "{ok} 项正常，{warn} 项需留意，{fail} 项需修复",
  },
  "doctor.setting": { en: "setting", zh: "设置" },
  "doctor.from": { en: "from", zh: "来源" },
  "doctor.default": { en: "(default)", zh: "（默认）" },
  "doctor.node": { en: "Node {version} on {platform} {arch}", zh: "运行时：Node {version}，{platform} {arch}" },
  "doctor.memory": {
    en: "Memory: {total} MB, {free} MB free; this process may hold {heap} MB",
    zh: "内存：{total} MB，空闲 {free} MB；本进程最多可用 {heap} MB",
  },
  "doctor.memory.heap": {
    en: "Give Node more: NODE_OPTIONS=--max-old-space-size=1024.",
    zh: "请给 Node 更多内存：NODE_OPTIONS=--max-old-space-size=1024。",
  },
  "doctor.memory.free": {
    en: "Other programs have the memory; end some, or use a larger machine.",
    zh: "内存被其他程序占用；请结束一些程序，或换更大的机器。",
  },
  "doctor.files": { en: "Open files: {limit} at most", zh: "打开文件数上限：{limit}" },
  "doctor.files.unlimited": { en: "Open files: no limit", zh: "打开文件数：无上限" },
  "doctor.files.raise": {
    en: "Raise it to {least} or more: ulimit -n {least}, or LimitNOFILE= of the service.",
    zh: "请提高到 {least} 或更多：ulimit -n {least}，或服务的 LimitNOFILE=。",
  },
  "doctor.clock": {
    en: "Clock: {time}, {drift} ms apart from the steady one in a moment",
    zh: "时钟：{time}，片刻内与单调时钟相差 {drift} 毫秒",
  },
  "doctor.clock.sync": {
    en: "Let the system keep the time (chrony, systemd-timesyncd) and look again.",
    zh: "请让系统同步时间（chrony、systemd-timesyncd），然后再检查。",
  },
  "doctor.config": { en: "Configuration: no mistakes", zh: "配置：没有错误" },
  "doctor.config.wrong": { en: "Configuration: {where} {message}", zh: "配置：{where} {message}" },
  "doctor.config.correct": {
    en: "Correct it; weft doctor --config shows what is in force.",
    zh: "请改正；weft doctor --config 显示生效的配置。",
  },
  "doctor.config.unknown": {
    en: "Configuration: {variable} means nothing here",
    zh: "配置：{variable} 在这里没有意义",
  },
  "doctor.config.spelling": { en: "Look at its spelling, or take it away.", zh: "请检查拼写，或将其删除。" },
  "doctor.data": {
    en: "Data folder: {folder}, can be written; journal {size} MB",
    zh: "数据文件夹：{folder}，可写；日志 {size} MB",
  },
  "doctor.data.new": {
    en: "Data folder: {folder} is not there yet and will be made",
    zh: "数据文件夹：{folder} 尚不存在，将会创建",
  },
  "doctor.data.unused": { en: "Data folder: not used, PostgreSQL is", zh: "数据文件夹：不使用，改用 PostgreSQL" },
  "doctor.data.closed": {
    en: "Data folder: {folder} cannot be written by this user",
    zh: "数据文件夹：当前用户无法写入 {folder}",
  },
  "doctor.data.no_folder": { en: "Data folder: {folder} is a file", zh: "数据文件夹：{folder} 是文件" },
  "doctor.data.name": {
    en: "Name a folder with WEFT_DATA or --data.",
    zh: "请用 WEFT_DATA 或 --data 指定一个文件夹。",
  },
  "doctor.data.permit": {
    en: "Give the folder and its files to this user (chown, chmod u+rwx), or name another with WEFT_DATA.",
    zh: "请把该文件夹及其文件交给当前用户（chown、chmod u+rwx），或用 WEFT_DATA 指定另一个。",
  },
  "doctor.space": { en: "Disk: {free} MB free", zh: "磁盘：空闲 {free} MB" },
  "doctor.space.free": {
    en: "Make room, or set WEFT_RETENTION so that ended runs are deleted.",
    zh: "请腾出空间，或设置 WEFT_RETENTION 以删除已结束的运行。",
  },
  "doctor.lock.free": { en: "Lock: nobody has the folder", zh: "锁：没有进程占用该文件夹" },
  "doctor.lock.held": { en: "Lock: process {pid} has the folder", zh: "锁：进程 {pid} 占用该文件夹" },
  "doctor.lock.served": {
    en: "Lock: process {pid} has the folder and serves it at {url}",
    zh: "锁：进程 {pid} 占用该文件夹，并在 {url} 提供服务",
  },
  "doctor.lock.broken": { en: "Lock: it cannot be read: {reason}", zh: "锁：无法读取：{reason}" },
  "doctor.fsync": {
    en: "Disk: a write of 4 KB is safe after {median} ms (99 %: {p99} ms)",
    zh: "磁盘：4 KB 写入在 {median} 毫秒后落盘（99 %：{p99} 毫秒）",
  },
  "doctor.fsync.slow": {
    en: "Every commit waits for this. Put the data folder on a local SSD, not on a network or a shared disk.",
    zh: "每次提交都要等待它。请把数据文件夹放在本地 SSD 上，不要放在网络盘或共享盘上。",
  },
  "doctor.fsync.incredible": {
    en: "No disk is this fast: the folder lies in memory, or something does not write through. A power cut may lose runs.",
    zh: "没有磁盘这么快：该文件夹在内存中，或某一层没有真正落盘。断电可能丢失运行。",
  },
  "doctor.fsync.failed": { en: "Disk: {folder} takes no write: {reason}", zh: "磁盘：无法写入 {folder}：{reason}" },
  "doctor.sqlite": { en: "SQLite {version}, built into Node", zh: "SQLite {version}，内置于 Node" },
  "doctor.postgres": {
    en: "PostgreSQL {version} at {host}: answers in {time} ms, {used} of {max} connections used",
    zh: "{host} 上的 PostgreSQL {version}：{time} 毫秒应答，已用连接 {used}/{max}",
  },
  "doctor.postgres.silent": {
    en: "PostgreSQL at {host} does not answer: {reason}",
    zh: "{host} 上的 PostgreSQL 没有应答：{reason}",
  },
  "doctor.postgres.start": {
    en: "Start it, and look at address, user and password in WEFT_DATABASE_URL.",
    zh: "请启动它，并检查 WEFT_DATABASE_URL 中的地址、用户和密码。",
  },
  "doctor.postgres.update": { en: "Version {least} or newer is needed.", zh: "需要 {least} 或更新的版本。" },
  "doctor.postgres.few": { en: "PostgreSQL allows {max} connections", zh: "PostgreSQL 允许 {max} 个连接" },
  "doctor.postgres.raise": { en: "Raise max_connections to 100.", zh: "请把 max_connections 提高到 100。" },
  "doctor.postgres.clock": {
    en: "The clock of the database differs by {difference} ms",
    zh: "数据库的时钟相差 {difference} 毫秒",
  },
  "doctor.port.free": { en: "Port: {host}:{port} is free", zh: "端口：{host}:{port} 空闲" },
  "doctor.port.ours": { en: "Port: a Weftwork answers at {host}:{port}", zh: "端口：{host}:{port} 已有 Weftwork 应答" },
  "doctor.port.used": { en: "Port: another program has {host}:{port}", zh: "端口：{host}:{port} 被其他程序占用" },
  "doctor.port.refused": {
    en: "Port: {host}:{port} cannot be listened at ({code})",
    zh: "端口：无法监听 {host}:{port}（{code}）",
  },
  "doctor.port.choose": {
    en: "End that program, or choose another port with WEFT_PORT or --port.",
    zh: "请结束该程序，或用 WEFT_PORT 或 --port 换一个端口。",
  },
  "doctor.models": {
    en: "Models: {count} beside the built-in ones: {names}",
    zh: "模型：除内置模型外有 {count} 个：{names}",
  },
  "doctor.models.none": {
    en: "Models: only the built-in ones, which are no language models",
    zh: "模型：只有内置模型，它们不是语言模型",
  },
  "doctor.models.add": {
    en: "Start a server of models on this machine (such as Ollama), or name one under models: in config/base.yaml.",
    zh: "请在这台机器上启动模型服务（例如 Ollama），或在 config/base.yaml 的 models: 下指定一个。",
  },
  "doctor.models.unknown": { en: "Models: not known, the configuration is wrong", zh: "模型：未知，配置有误" },
} as const satisfies Words;
