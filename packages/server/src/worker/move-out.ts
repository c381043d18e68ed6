import { createHash } from "node:crypto";
import type { Payload } from "@weftwork/core";

export interface MoveOutOptions {
  /** Results of so many bytes travel as objects. */
  readonly objectBytesMin: number;
  /** Stores bytes by their hash, where every process can read them. */
  readonly putObject: (tenant: string, hash: string, bytes: Uint8Array) => Promise<void>;
}

/** Texts with fewer characters than this share of the bytes cannot have as many: a character takes three at most. */
const CHARS_SHARE = 1 / 3;

/** A large result of a task goes to the object store before it is reported; what is reported names it. */
export async function moveOut(tenant: string, output: Payload, options: MoveOutOptions): Promise<void> {
  const { objectBytesMin, putObject } = options;
  if (output.reference || output.size < objectBytesMin * CHARS_SHARE) return;
  const bytes = Buffer.from(output.storable());
  if (bytes.length < objectBytesMin) return;
  const hash = createHash("sha256").update(bytes).digest("hex");
  await putObject(tenant, hash, bytes);
  output.storedAs(hash, bytes.length);
}
