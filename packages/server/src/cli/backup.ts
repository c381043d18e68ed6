import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { restoreBackup } from "../backup/restore.ts";
import { writeBackup } from "../backup/write.ts";
import { readConfig } from "../config.ts";
import { EXIT, UsageError } from "./exit.ts";

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
    throw new UsageError(
      "the runs are in PostgreSQL (WEFT_DATABASE_URL), whose own tool backs them up: pg_dump --format=custom. " +
        "Name a folder with --data to back that up instead.",
    );
  }
  const now = new Date();
  const file = options.output ?? join(process.cwd(), `weft-${stamp(now)}.tar.gz`);
  const manifest = await writeBackup({ folder: config.data, file, now, version: packageJson.version });
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const answer = { file, files: manifest.files.length, bytes, created_at: manifest.created_at };
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(answer)}\n`
      : `${file}: ${answer.files} files, ${bytes} bytes before compression. ` +
          "The key of the secrets (master.key) is not in it: keep it in another place.\n",
  );
  return EXIT.OK;
}

/** `weft restore FILE`: a new data folder out of an archive. */
export async function restoreCommand(file: string, options: BackupCommandOptions): Promise<number> {
  if (options.data === undefined)
    throw new UsageError("say where to restore to: --data FOLDER, one that is new or empty");
  const manifest = await restoreBackup({ file, folder: options.data });
  const answer = { folder: options.data, files: manifest.files.length, created_at: manifest.created_at };
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(answer)}\n`
      : `${options.data}: restored as of ${manifest.created_at}. Serve it with weft serve --data ${options.data}; ` +
          "its open runs go on then.\n",
  );
  return EXIT.OK;
}

/** 2026-01-31T09-30-00Z: sorts by time, and is a file name everywhere. */
function stamp(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(":", "-") + "Z";
}
