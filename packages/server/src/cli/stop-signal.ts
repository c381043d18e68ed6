import { EXIT } from "./exit.ts";

/** What running steps and open answers get to end by themselves. */
export const GRACE_MS = 30_000;

/** Resolves at the first SIGTERM or SIGINT. The second one ends the process where it stands; nothing recorded is lost. */
export function stopSignal(logger: { info(fields: object, message: string): void }): Promise<void> {
  return new Promise((resolveStop) => {
    let count = 0;
    const stop = (signal: NodeJS.Signals): void => {
      // Only the command may end the process, and only because it was asked twice.
      // oxlint-disable-next-line unicorn/no-process-exit
      if (++count > 1) process.exit(EXIT.INTERRUPTED);
      logger.info({ signal }, `draining for at most ${GRACE_MS / 1000} s; a second signal ends at once`);
      resolveStop();
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}
