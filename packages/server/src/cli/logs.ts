import type { RunLog, WeftClient } from "@weftwork/sdk";
import { EXIT, UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { remote, type RemoteOptions } from "./remote.ts";
import { style, type Style } from "./terminal.ts";

export interface LogsOptions extends RemoteOptions {
  readonly node?: string;
  readonly follow?: boolean;
}

/** Lines asked for at once. */
const PAGE = 200;
/** Pause between looks at a run that has written nothing; its stream says sooner when something happens. */
const PAUSE_MS = 1000;

/** `weft runs logs RUN`: what its steps wrote. With `--json` one object a line, so that a stream can be read as it comes. */
export function runsLogs(id: string, options: LogsOptions): Promise<number> {
  if (options.follow === true && options.data !== undefined) throw new UsageError(say("logs.no_follow"));
  return remote(options, async (client) => {
    const reader = logReader(client, id, options);
    if (options.follow !== true) {
      const count = await reader.read();
      if (count === 0 && options.json !== true) process.stderr.write(`${say("logs.none")}\n`);
      return EXIT.OK;
    }
    return follow(client, id, reader);
  });
}

interface LogReader {
  /** Prints what is new and tells how many lines that were. */
  read(): Promise<number>;
}

/** Reads on where the last look ended: a page that was not full is read again from its beginning, less what was shown. */
function logReader(client: WeftClient, id: string, { node, json }: LogsOptions): LogReader {
  let cursor: string | null = null;
  let shown = 0;
  return {
    async read() {
      let count = 0;
      for (;;) {
        const page = await client.logs(id, {
          limit: PAGE,
          ...(node === undefined ? {} : { node }),
          ...(cursor === null ? {} : { cursor }),
        });
        for (const log of page.data.slice(shown)) {
          process.stdout.write(`${json === true ? JSON.stringify(log) : line(log)}\n`);
          count++;
        }
        if (page.next_cursor === null) {
          shown = page.data.length;
          return count;
        }
        cursor = page.next_cursor;
        shown = 0;
      }
    },
  };
}

async function follow(client: WeftClient, id: string, reader: LogReader): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  let reading = reader.read();
  // One look at a time, whoever asks for it.
  const look = (): void => void (reading = reading.then(() => reader.read()).catch(fail));
  let failure: unknown = null;
  function fail(error: unknown): number {
    failure ??= error;
    stop.abort();
    return 0;
  }
  const timer = setInterval(look, PAUSE_MS);
  try {
    for await (const message of client.stream(id, { signal: stop.signal })) if (message.event === "log") look();
    await reading;
    await reader.read();
    return EXIT.OK;
  } catch (error) {
    if (failure !== null) throw failure;
    if (!stop.signal.aborted) throw error;
    return EXIT.INTERRUPTED;
  } finally {
    clearInterval(timer);
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

const STYLES: Readonly<Record<RunLog["level"], Style | null>> = { info: null, warn: "yellow", error: "red" };

function line({ at, scope, node, attempt, level, message }: RunLog): string {
  const place = `${scope === "root" ? "" : `${scope}/`}${node}${attempt > 1 ? `#${attempt}` : ""}`;
  const name = STYLES[level];
  // What a step writes may hold the codes that steer a terminal.
  // oxlint-disable-next-line no-control-regex
  const text = message.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
  return `${style("dim", at)} ${place} ${name === null ? level : style(name, level)} ${text}`;
}
