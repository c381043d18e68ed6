import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { parseJson, type Json } from "@weftwork/core";
import type { ThreadJob, ThreadMessage, ThreadResult } from "./javascript-wire.ts";
import type { Sandbox, SandboxJob, SandboxResult } from "./sandbox.ts";

export interface JavascriptSandboxOptions {
  /** Jobs at the same time; the others wait in line. */
  readonly threads: number;
  /** Threads that are kept while there is nothing to do; at least one, so that a job seldom waits for a start. */
  readonly spare?: number;
}

/** The interpreter ends itself at the limit; the thread is ended where it did not. */
const PATIENCE_MS = 500;
const WASM = fileURLToPath(import.meta.resolve("@jitl/quickjs-wasmfile-release-sync/wasm"));

/**
 * Code in QuickJS, inside WebAssembly, in threads of this process (`quickjs-emscripten`, MIT). Nothing of Node is there:
 * no files, no network, no timers; `console` gives log lines. A promise that `main` returns is waited for as far as it
 * can resolve by itself.
 */
export function javascriptSandbox(options: JavascriptSandboxOptions): Sandbox {
  const { threads: threadsMax, spare = 1 } = options;
  const idle: Thread[] = [];
  const all = new Set<Thread>();
  const line: (() => void)[] = [];
  let compiled: Promise<WebAssembly.Module> | null = null;
  let busy = 0;
  let isClosed = false;

  async function take(reuse: string): Promise<Thread> {
    if (busy >= threadsMax) await new Promise<void>((go) => line.push(go));
    busy += 1;
    const at = idle.findLastIndex((thread) => thread.reuse === reuse);
    const [found] = idle.splice(at === -1 ? 0 : at, 1);
    if (found) return found;
    compiled ??= readFile(WASM).then((bytes) => WebAssembly.compile(bytes));
    const thread = new Thread(await compiled);
    all.add(thread);
    return thread;
  }

  function giveBack(thread: Thread): void {
    busy -= 1;
    if (!thread.isOver && (idle.length < spare || line.length > 0) && !isClosed) idle.push(thread);
    else {
      all.delete(thread);
      void thread.end();
    }
    line.shift()?.();
  }

  return {
    async run(job) {
      if (job.signal.aborted || isClosed) return { type: "aborted" };
      const thread = await take(job.reuse);
      try {
        // It may have waited in line.
        return job.signal.aborted || isClosed ? { type: "aborted" } : await thread.run(job);
      } finally {
        giveBack(thread);
      }
    },
    async close() {
      isClosed = true;
      await Promise.all([...all].map((thread) => thread.end()));
    },
  };
}

/** One worker thread, and the job it does. */
class Thread {
  /** Whose interpreter it holds. */
  reuse = "";
  isOver = false;
  private readonly worker: Worker;
  private jobs = 0;
  private ended: Promise<unknown> | null = null;

  constructor(wasmModule: WebAssembly.Module) {
    // The interpreter writes what it thinks of its own end to standard error; nobody can use that.
    this.worker = new Worker(new URL("./javascript-thread.ts", import.meta.url), {
      workerData: { wasmModule },
      env: {},
      stdout: true,
      stderr: true,
      resourceLimits: { stackSizeMb: 8, maxOldGenerationSizeMb: 256 },
    });
    this.worker.unref();
    this.worker.once("exit", () => void (this.isOver = true));
  }

  end(): Promise<unknown> {
    this.isOver = true;
    // Whoever waits for the end must live to see it.
    this.worker.ref();
    return (this.ended ??= this.worker.terminate());
  }

  run(job: SandboxJob): Promise<SandboxResult> {
    const { limits, signal } = job;
    const id = (this.jobs += 1);
    this.reuse = job.reuse;
    return new Promise((resolve) => {
      const { worker } = this;
      const finish = (result: SandboxResult): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        worker.off("message", onMessage).off("exit", onExit).off("error", onError).unref();
        resolve(result);
      };
      const stop = (result: SandboxResult): void => {
        void this.end();
        finish(result);
      };
      const onAbort = (): void => stop({ type: "aborted" });
      const onExit = (): void => finish({ type: "aborted" });
      const onError = (error: Error & { readonly code?: string }): void => {
        const message = `the interpreter's thread ended: ${error.message}`;
        if (error.code === "ERR_WORKER_OUT_OF_MEMORY") stop({ type: "stopped", limit: "memory", message });
        else stop({ type: "failed", message, at: null });
      };
      const onMessage = (message: ThreadMessage): void => {
        if (message.id !== id) return;
        if (message.type === "log") job.log(message.level, message.line);
        else finish(withValue(message.result));
      };
      const timer = setTimeout(
        () => stop({ type: "stopped", limit: "time", message: `it ran longer than ${limits.timeMs} ms` }),
        limits.timeMs + PATIENCE_MS,
      );
      signal.addEventListener("abort", onAbort);
      worker.on("message", onMessage).on("exit", onExit).on("error", onError);
      worker.ref();
      const message: ThreadJob = {
        id,
        reuse: job.reuse,
        code: job.code,
        input: JSON.stringify(job.input),
        ...limits,
      };
      worker.postMessage(message, []);
    });
  }
}

function withValue(result: ThreadResult): SandboxResult {
  if (result.type !== "completed") return result;
  let value: Json;
  try {
    value = parseJson(result.json);
  } catch (error) {
    return { type: "failed", message: `main returned what is not JSON: ${(error as Error).message}`, at: null };
  }
  return { type: "completed", value };
}
