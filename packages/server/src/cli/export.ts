import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CommandError, EXIT } from "./exit.ts";
import { say } from "./language.ts";
import { remote, type RemoteOptions } from "./remote.ts";

export interface ExportOptions extends Pick<RemoteOptions, "server" | "data"> {
  readonly output?: string;
}

/** `weft runs export RUN`: everything recorded of a run, as it comes. A file is there whole or not at all. */
export function runsExport(id: string, options: ExportOptions): Promise<number> {
  const { output } = options;
  return remote(options, async (client) => {
    const source = Readable.fromWeb(await client.exportStream(id));
    if (output === undefined) {
      await toStandardOutput(source);
      return EXIT.OK;
    }
    const part = `${output}.${process.pid}.part`;
    try {
      await pipeline(source, createWriteStream(part, { mode: 0o600 }));
      await rename(part, output);
    } catch (error) {
      await rm(part, { force: true });
      if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
      throw new CommandError(say("file.unwritable", { path: output, reason: (error as Error).message }));
    }
    process.stderr.write(`${say("export.written", { run: id, path: output })}\n`);
    return EXIT.OK;
  });
}

async function toStandardOutput(source: Readable): Promise<void> {
  try {
    await pipeline(source, process.stdout, { end: false });
    process.stdout.write("\n");
  } catch (error) {
    // Whoever reads has had enough, as `head` does.
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}
