import { Worker } from "node:worker_threads";
import type { ErrorCode, JsonObject } from "@weftwork/core";
import { AppError } from "@weftwork/core";
import type { Verdict } from "./journal.ts";
import type { Answer, SqliteCalls, SqliteCoreOptions } from "./sqlite-core.ts";
import { SqliteCore } from "./sqlite-core.ts";
import { decodeVerdicts, encodeBatch } from "./sqlite-wire.ts";

export interface ThreadCall {
  readonly id: number;
  readonly name: keyof SqliteCalls | "close";
  readonly args: readonly unknown[];
}

export interface ThreadAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly failure?: { readonly code: ErrorCode; readonly details: JsonObject };
  readonly woken: number | null;
}

/** Where the store's calls are done. */
export interface SqliteExecutor {
  call<K extends keyof SqliteCalls>(name: K, args: Parameters<SqliteCalls[K]>): Promise<Answer<K>>;
  close(): Promise<void>;
}

/** On the calling thread: nothing crosses, and the event loop waits for the disk. */
export function directExecutor(options: SqliteCoreOptions): SqliteExecutor {
  const core = new SqliteCore(options);
  return {
    call: async (name, args) => core.call(name, args),
    close: async () => core.close(),
  };
}

interface Waiting {
  readonly resolve: (answer: { value: unknown; woken: number | null }) => void;
  readonly reject: (error: Error) => void;
}

/**
 * On a thread of its own: statements and the disk overlap with decisions. Calls are answered in the order they were
 * made. When the thread ends unasked, what was under way has an unknown outcome and every later call is refused.
 */
export async function threadExecutor(options: SqliteCoreOptions): Promise<SqliteExecutor> {
  const worker = new Worker(new URL("./sqlite-worker.ts", import.meta.url), { workerData: options });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let ended: AppError | null = null;

  const end = (reason: string, cause?: unknown): void => {
    ended ??= new AppError("STORE_UNAVAILABLE", { reason }, { cause });
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on("message", ({ id, value, failure, woken }: ThreadAnswer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (failure) call?.reject(new AppError(failure.code, failure.details));
    else call?.resolve({ value, woken });
  });
  worker.on("error", (error) => end(`its thread failed: ${String(error)}`, error));
  worker.on("exit", () => end("its thread has ended"));

  const answered = (id: number): Promise<{ value: unknown; woken: number | null }> =>
    new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  const post = (name: ThreadCall["name"], args: readonly unknown[]): ReturnType<typeof answered> => {
    if (ended) return Promise.reject(ended);
    nextId += 1;
    worker.postMessage({ id: nextId, name, args } satisfies ThreadCall, []);
    return answered(nextId);
  };

  await answered(0);
  return {
    async call(name, args) {
      if (name !== "append") return (await post(name, args)) as Answer<typeof name>;
      const [workerKey, batch, now] = args as Parameters<SqliteCalls["append"]>;
      const { value, woken } = await post(name, [workerKey, encodeBatch(batch), now]);
      return { value: decodeVerdicts(value as readonly Verdict[] | number), woken } as Answer<typeof name>;
    },
    async close() {
      if (!ended) await post("close", []);
      await worker.terminate();
    },
  };
}
