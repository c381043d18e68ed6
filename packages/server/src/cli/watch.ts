import type { TaskProgress, WeftClient } from "@weftwork/sdk";
import { EXIT } from "./exit.ts";
import { exitCode, printOutcome } from "./outcome.ts";
import { progressView } from "./progress.ts";
import type { RemoteOptions } from "./remote.ts";

/** How often a terminal is drawn again, and a run that moves is looked at. */
const FRAME_MS = 100;

/**
 * Shows the steps of a run on standard error until it has ended, then its result. The stream of the run says when there
 * is something to look at, so a run that waits costs nothing. Ctrl-C ends the watching; the run goes on.
 */
export async function watchRun(client: WeftClient, id: string, options: RemoteOptions): Promise<number> {
  let task: TaskProgress = await client.task(id);
  const view = progressView(process.stderr, () => performance.now());
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  let hasNews = false;
  let looking: Promise<void> | null = null;
  const frame = (): void => {
    if (hasNews && looking === null) {
      hasNews = false;
      looking = client
        .task(id)
        // A look that fails is made again; the stream tells when the server is gone for good.
        .then(
          (seen) => void (task = seen),
          () => void (hasNews = true),
        )
        .finally(() => (looking = null));
    }
    view.update(task);
  };
  const timer = setInterval(frame, FRAME_MS);
  try {
    view.update(task);
    for await (const message of client.stream(id, { signal: stop.signal })) hasNews ||= message.event !== "log";
    clearInterval(timer);
    const run = await client.get(id);
    view.update(await client.task(id));
    view.end();
    printOutcome(run, options);
    return exitCode(run, false);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    view.end();
    process.stderr.write(`weft: no longer watching; the run ${id} goes on. End it with weft runs cancel ${id}\n`);
    return EXIT.INTERRUPTED;
  } finally {
    clearInterval(timer);
    view.end();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
