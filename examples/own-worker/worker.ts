/**
 * A worker of your own for the workflow `label-images`: `npx node examples/own-worker/worker.ts`. It needs nothing but
 * the SDK. WEFT_URL names the server, WEFT_API_KEY the key where it asks for one, LEASE_MS how long the server waits for
 * a sign of life before others get its tasks, WORK_MS how long a picture takes.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createWorker, TaskError, type WorkerTask } from "@weftwork/sdk";

const { WEFT_URL, WEFT_API_KEY, LEASE_MS, WORK_MS = "200" } = process.env;
const WORDS = ["loom", "warp", "weft", "shuttle", "bobbin", "heddle", "reed", "selvage"];

/** Stands for the work that only this machine can do. */
async function label({ input, config, key, signal, log }: WorkerTask): Promise<{ picture: string; labels: string[] }> {
  // A step that is sent twice comes with the same key: hand it on to whatever must not happen twice.
  console.log(`begins ${key}`);
  if (typeof input !== "string" || !/\.(png|jpe?g)$/.test(input))
    throw new TaskError("NOT_A_PICTURE", `${JSON.stringify(input)} is no picture`);
  log(`looking at ${input}`);
  // The signal aborts when the run was cancelled, the step's time is over, or others have the task: stop then.
  await sleep(Number(WORK_MS), null, { signal });
  const bytes = createHash("sha256").update(input).digest();
  const labels = Array.from({ length: Number(config["words"] ?? 3) }, (_, at) => WORDS[bytes[at]! % WORDS.length]!);
  return { picture: input, labels };
}

const worker = createWorker({
  ...(WEFT_URL === undefined ? {} : { url: WEFT_URL }),
  ...(WEFT_API_KEY === undefined ? {} : { apiKey: WEFT_API_KEY }),
  ...(LEASE_MS === undefined ? {} : { leaseMs: Number(LEASE_MS) }),
  name: "label-images",
  pool: "pictures",
  concurrency: 4,
  handlers: { label },
});

// What is under way is done or given back; the server hears that this worker has left.
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => void worker.close({ graceMs: 10_000 }));
