import { Worker } from "node:worker_threads";
import type { ReadAnswer, ReadJob } from "./wire.ts";

/** One thread that reads, and the document it reads. */
export class ReaderThread {
  isOver = false;
  private readonly worker: Worker;
  private ended: Promise<unknown> | null = null;

  constructor(memoryBytes: number) {
    // Readers print what they think of a document; nobody can use that.
    this.worker = new Worker(new URL("./thread.ts", import.meta.url), {
      env: {},
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytes / 1024 ** 2) },
    });
    this.worker.stdout.resume();
    this.worker.stderr.resume();
    this.worker.unref();
    this.worker.once("exit", () => void (this.isOver = true));
    // An error between two documents ends the thread, and that is all there is to it.
    this.worker.on("error", () => void (this.isOver = true));
  }

  end(): Promise<unknown> {
    this.isOver = true;
    return (this.ended ??= this.worker.terminate());
  }

  /** Throws the signal's reason when it fires. What goes beyond time or memory ends the thread. */
  read(job: ReadJob, signal: AbortSignal): Promise<ReadAnswer> {
    const { worker } = this;
    const { timeMs, memoryBytes } = job.limits;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        worker.off("message", onMessage).off("exit", onExit).off("error", onError).unref();
      };
      const stop = (answer: ReadAnswer): void => {
        void this.end();
        leave();
        resolve(answer);
      };
      const onAbort = (): void => {
        void this.end();
        leave();
        reject(signal.reason as Error);
      };
      const onExit = (): void => stop({ problem: "damaged", reason: "its reader was ended" });
      const onError = (error: Error & { readonly code?: string }): void => {
        if (error.code === "ERR_WORKER_OUT_OF_MEMORY") {
          stop({ problem: "limit", reason: `to read it takes more than ${memoryBytes} bytes of memory` });
        } else stop({ problem: "damaged", reason: `its reader ended: ${error.message.slice(0, 200)}` });
      };
      const onMessage = (answer: ReadAnswer): void => {
        leave();
        resolve(answer);
      };
      const timer = setTimeout(
        () => stop({ problem: "limit", reason: `to read it takes longer than ${timeMs} ms` }),
        timeMs,
      );
      signal.addEventListener("abort", onAbort);
      worker.on("message", onMessage).on("exit", onExit).on("error", onError);
      worker.ref();
      worker.postMessage(job, [job.bytes.buffer as ArrayBuffer]);
    });
  }
}
