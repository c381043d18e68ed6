import type { StoredPayload } from "./journal.ts";
import type { MemoryRun } from "./memory-run.ts";
import { ORPHAN_MS } from "./rules.ts";

interface Held {
  readonly bytes: Uint8Array | null;
  readonly namedBy: Set<MemoryRun>;
  /** Since when no run names it; null while one does. */
  orphanedAt: number | null;
}

/** Payloads by tenant and hash, each stored once, kept while a run names it and a day longer (F40). */
export class MemoryPayloads {
  private readonly held = new Map<string, Held>();
  private readonly byRun = new Map<MemoryRun, Set<Held>>();

  /** The run names the payload from now on. Bytes that are there already are kept. */
  name(run: MemoryRun, payload: StoredPayload): void {
    const name = JSON.stringify([run.tenant, payload.hash]);
    let held = this.held.get(name);
    if (!held) {
      held = { bytes: payload.bytes && Uint8Array.from(payload.bytes), namedBy: new Set(), orphanedAt: null };
      this.held.set(name, held);
    }
    held.namedBy.add(run);
    held.orphanedAt = null;
    const named = this.byRun.get(run) ?? new Set();
    this.byRun.set(run, named.add(held));
  }

  get(tenant: string, hashes: readonly string[]): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const hash of hashes) {
      const bytes = this.held.get(JSON.stringify([tenant, hash]))?.bytes;
      if (bytes) found.set(hash, bytes);
    }
    return found;
  }

  has(tenant: string, hash: string): boolean {
    return this.held.has(JSON.stringify([tenant, hash]));
  }

  /** The run is gone. */
  release(run: MemoryRun, now: number): void {
    for (const held of this.byRun.get(run) ?? []) {
      held.namedBy.delete(run);
      if (held.namedBy.size === 0) held.orphanedAt = now;
    }
    this.byRun.delete(run);
  }

  prune(now: number): number {
    let count = 0;
    for (const [name, held] of this.held) {
      if (held.orphanedAt === null || held.orphanedAt + ORPHAN_MS > now) continue;
      this.held.delete(name);
      count += 1;
    }
    return count;
  }
}
