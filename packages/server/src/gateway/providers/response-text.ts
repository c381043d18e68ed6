import { AppError } from "@weftwork/core";
import type { Readable } from "node:stream";

interface ReadOptions {
  /** Bytes at most. */
  readonly limit: number;
  /** What lies beyond the limit is left out; otherwise it is an error. */
  readonly cut?: boolean;
}

/** The body of a response as text, bounded. */
export async function readText(body: Readable, { limit, cut = false }: ReadOptions): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= limit) continue;
    if (cut) break;
    const setting = "nothing: a model's answer is never that long";
    throw new AppError("PAYLOAD_TOO_LARGE", { what: "the model's answer", size, limit, setting });
  }
  return Buffer.concat(chunks).toString("utf8", 0, Math.min(size, limit));
}
