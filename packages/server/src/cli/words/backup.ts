import type { Words } from "./words.ts";

/** What `weft backup` and `weft restore` say. */
export const BACKUP_WORDS = {
  "backup.postgres": {
    en: "the runs are in PostgreSQL (WEFT_DATABASE_URL), whose own tool backs them up: pg_dump --format=custom. Name a folder with --data to back that up instead.",
    zh: "运行保存在 PostgreSQL（WEFT_DATABASE_URL）中，请用它自带的工具备份：pg_dump --format=custom。如需备份文件夹，请用 --data 指定。",
  },
  "backup.written": {
    en: "{file}: {files} files, {bytes} bytes before compression. The key of the secrets (master.key) is not in it: keep it in another place.",
    zh: "{file}：{files} 个文件，压缩前 {bytes} 字节。密钥的主密钥（master.key）不在其中：请另外妥善保存。",
  },
  "restore.no_folder": {
    en: "say where to restore to: --data FOLDER, one that is new or empty",
    zh: "请说明恢复到哪里：--data 文件夹，新的或空的",
  },
  "restore.done": {
    en: "{folder}: restored as of {time}. Serve it with weft serve --data {folder}; its open runs go on then.",
    zh: "{folder}：已恢复到 {time} 的状态。用 weft serve --data {folder} 提供服务，未结束的运行随之继续。",
  },
} as const satisfies Words;
