import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { restoreBackup } from "../backup/restore.ts";
import { writeBackup } from "../backup/write.ts";
import { readConfig } from "../config.ts";
import { EXIT, UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { print } from "./remote.ts";

export interface BackupCommandOptions {
  readonly data?: string;
  readonly output?: string;
  readonly json?: boolean;
}

/** `weft backup`: the data folder as one archive. A server may own the folder and be at work. */
export async function backupCommand(options: BackupCommandOptions): Promise<number> {
  const config = readConfig({
    ...process.env,
    ...(options.data === undefined ? {} : { WEFT_DATA: options.data }),
  });
  if (config.databaseUrl !== null && options.data === undefined) {
    throw new UsageError(say("backup.postgres"));
  }
  const now = new Date();
  const file = options.output ?? join(process.cwd(), `weft-${stamp(now)}.tar.gz`);
  const manifest = await writeBackup({ folder: config.data, file, now, version: packageJson.version });
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const answer = { file, files: manifest.files.length, bytes, created_at: manifest.created_at };
  print(options, answer, () => say("backup.written", { file, files: answer.files, bytes }));
  return EXIT.OK;
}

/** `weft restore FILE`: a new data folder out of an archive. */
export async function restoreCommand(file: string, options: BackupCommandOptions): Promise<number> {
  const { data: folder } = options;
  if (folder === undefined) throw new UsageError(say("restore.no_folder"));
  const manifest = await restoreBackup({ file, folder });
  const answer = { folder, files: manifest.files.length, created_at: manifest.created_at };
  print(options, answer, () => say("restore.done", { folder, time: manifest.created_at }));
  return EXIT.OK;
}

/** 2026-01-31T09-30-00Z: sorts by time, and is a file name everywhere. */
function stamp(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(":", "-") + "Z";
}
