/** The thread that reads documents: one at a time, and nobody else waits for it. It is ended where one takes too long. */
import { parentPort } from "node:worker_threads";
import { extractDocument } from "./extract.ts";
import { DocumentProblem } from "./problem.ts";
import type { ReadAnswer, ReadJob } from "./wire.ts";

const port = parentPort!;

port.on("message", (job: ReadJob) => {
  void answerOf(job).then((answer) => port.postMessage(answer));
});

async function answerOf({ kind, bytes, limits, ...options }: ReadJob): Promise<ReadAnswer> {
  try {
    const text = await extractDocument(kind, bytes, limits, options);
    if (text.length <= limits.charsMax) return { text: text.toWellFormed() };
    return {
      problem: "limit",
      reason: `its text has ${text.length} characters; at most ${limits.charsMax} are taken`,
    };
  } catch (error) {
    if (error instanceof DocumentProblem) return { problem: error.kind, reason: error.message };
    const reason = error instanceof Error ? error.message.slice(0, 200) : "its reader failed";
    return { problem: "damaged", reason: `it cannot be taken apart: ${reason}` };
  }
}
