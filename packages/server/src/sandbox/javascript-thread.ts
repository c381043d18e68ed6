/**
 * The thread of the JavaScript sandbox: does one job at a time. The border is the WebAssembly memory that QuickJS and
 * everything it makes live in; the thread is only there so that it can be ended.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Interpreter } from "./javascript-interpreter.ts";
import type { ThreadJob, ThreadMessage } from "./javascript-wire.ts";

const { wasmModule } = workerData as { readonly wasmModule: WebAssembly.Module };
const port = parentPort!;
let interpreter: Interpreter | null = null;

function tell(message: ThreadMessage): void {
  port.postMessage(message);
}

port.on("message", (job: ThreadJob) => {
  void (async () => {
    if (interpreter === null || interpreter.reuse !== job.reuse || interpreter.memoryBytes !== job.memoryBytes) {
      interpreter = await Interpreter.open(wasmModule, job.reuse, job.memoryBytes);
    }
    const result = interpreter.run(job, (level, line) => tell({ type: "log", id: job.id, level, line }));
    // Its memory may be full or torn: the next job gets another.
    if (interpreter.isSpent) interpreter = null;
    tell({ type: "ended", id: job.id, result });
  })();
});
