import { createHash } from "node:crypto";
import { canonicalJson, type Json, type Payload } from "@weftwork/core";
import type { NodeExecutor, NodeTask } from "../nodes/node.ts";
import type { Clock } from "../runtime/clock.ts";

/** Characters of results that one process keeps. */
const CHARS_MAX = 64 * 1024 * 1024;

interface Entry {
  readonly output: Payload;
  readonly until: number;
  readonly chars: number;
}

/**
 * Results of steps that ask for `cache`, in this process, the least recently used dropped first.
 *
 * A key is everything a result depends on: tenant, executor and its version, config and input. Only successes are kept.
 */
export class ResultCache {
  private readonly clock: Clock;
  private readonly entries = new Map<string, Entry>();
  private chars = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** `stable` puts the same text in the place of what differs from task to task. */
  keyOf(executor: NodeExecutor, task: NodeTask, stable: (text: string) => string): string {
    const content: Json = [task.tenant, executor.type, executor.version, task.config, task.input()];
    return createHash("sha256")
      .update(stable(canonicalJson(content)))
      .digest("base64");
  }

  get(key: string): Payload | null {
    const entry = this.entries.get(key);
    if (!entry) return null;
    this.entries.delete(key);
    if (entry.until <= this.clock.now()) {
      this.chars -= entry.chars;
      return null;
    }
    this.entries.set(key, entry);
    return entry.output;
  }

  set(key: string, output: Payload, ttlMs: number): void {
    const chars = output.size + key.length;
    if (chars > CHARS_MAX / 8) return;
    this.chars += chars - (this.entries.get(key)?.chars ?? 0);
    this.entries.delete(key);
    this.entries.set(key, { output, until: this.clock.now() + ttlMs, chars });
    for (const [oldest, entry] of this.entries) {
      if (this.chars <= CHARS_MAX) return;
      this.entries.delete(oldest);
      this.chars -= entry.chars;
    }
  }
}
