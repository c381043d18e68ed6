import { parentPort, workerData } from "node:worker_threads";
import { AppError } from "@weftwork/core";
import type { SqliteCalls, SqliteCoreOptions } from "./sqlite-core.ts";
import { SqliteCore } from "./sqlite-core.ts";
import { storeError } from "./sqlite-errors.ts";
import type { ThreadAnswer, ThreadCall } from "./sqlite-thread.ts";
import type { FlatBatch } from "./sqlite-wire.ts";
import { decodeBatch, encodeVerdicts } from "./sqlite-wire.ts";

/** The thread that writes. Opens the store, says so (or why not), and then answers one call after the other. */
const port = parentPort!;

function failureOf(error: unknown): NonNullable<ThreadAnswer["failure"]> {
  const { code, details } = error instanceof AppError ? error : storeError(error);
  return { code, details };
}

function answer(core: SqliteCore, { id, name, args }: ThreadCall): ThreadAnswer {
  try {
    if (name === "append") {
      const [workerKey, flat, now] = args as [number, FlatBatch, number];
      const { value, woken } = core.call("append", [workerKey, decodeBatch(flat), now]);
      return { id, value: encodeVerdicts(value), woken };
    }
    const { value, woken } = core.call(name as keyof SqliteCalls, args as Parameters<SqliteCalls[keyof SqliteCalls]>);
    return { id, value, woken };
  } catch (error) {
    return { id, failure: failureOf(error), woken: null };
  }
}

try {
  const core = new SqliteCore(workerData as SqliteCoreOptions);
  port.on("message", (call: ThreadCall) => {
    if (call.name === "close") {
      core.close();
      port.postMessage({ id: call.id, woken: null } satisfies ThreadAnswer);
      port.close();
      return;
    }
    port.postMessage(answer(core, call));
  });
  port.postMessage({ id: 0, woken: null } satisfies ThreadAnswer);
} catch (error) {
  port.postMessage({ id: 0, failure: failureOf(error), woken: null } satisfies ThreadAnswer);
}
