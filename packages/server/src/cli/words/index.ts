import { BACKUP_WORDS } from "./backup.ts";
import { BENCH_WORDS } from "./bench.ts";
import { CHAT_WORDS } from "./chat.ts";
import { COMMON_WORDS } from "./common.ts";
import { DOCTOR_WORDS } from "./doctor.ts";
import { EXIT_WORDS } from "./exit.ts";
import { FILE_WORDS } from "./files.ts";
import { IMPORT_WORDS } from "./import.ts";
import { INTERVENTION_WORDS } from "./intervention.ts";
import { POOL_WORDS } from "./pools.ts";
import { RUN_WORDS } from "./runs.ts";
import { SCHEDULE_WORDS } from "./schedules.ts";
import { SECRET_WORDS } from "./secrets.ts";
import { TREE_WORDS } from "./tree.ts";
import { TRIGGER_WORDS } from "./triggers.ts";
import { WEBHOOK_WORDS } from "./webhooks.ts";
import { WORKFLOW_WORDS } from "./workflows.ts";
import type { Word } from "./words.ts";

const ALL = {
  ...COMMON_WORDS,
  ...EXIT_WORDS,
  ...FILE_WORDS,
  ...IMPORT_WORDS,
  ...INTERVENTION_WORDS,
  ...POOL_WORDS,
  ...RUN_WORDS,
  ...SCHEDULE_WORDS,
  ...SECRET_WORDS,
  ...TREE_WORDS,
  ...TRIGGER_WORDS,
  ...WEBHOOK_WORDS,
  ...WORKFLOW_WORDS,
  ...DOCTOR_WORDS,
  ...BENCH_WORDS,
  ...BACKUP_WORDS,
  ...CHAT_WORDS,
};

export type WordKey = keyof typeof ALL;

/** Everything that the command line says, by key. A group of commands has its own file. */
export const WORDS: Readonly<Record<WordKey, Word>> = ALL;
