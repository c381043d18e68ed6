import type { Membership } from "../../packages/server/src/journal/journal.ts";
import type { MemoryMembership } from "../../packages/server/src/journal/memory.ts";
import { DEADLINE_MARGIN_MS } from "../../packages/server/src/journal/rules.ts";
import type { Link } from "./link.ts";

export const LEASE_MS = 12_000;

/**
 * The lease of one process, renewed over the network as the lease threads of the databases do it: the deadline counts
 * from the moment the last good renewal was sent, by a clock that never jumps.
 */
export class SimLease implements Membership {
  private readonly link: Link;
  private readonly inner: MemoryMembership;
  private until: number;

  constructor(link: Link, inner: MemoryMembership, sentAt: number) {
    this.link = link;
    this.inner = inner;
    this.until = sentAt + LEASE_MS - DEADLINE_MARGIN_MS;
    this.renewLater();
  }

  get workerKey(): number {
    return this.inner.workerKey;
  }

  deadline(): number {
    return this.until;
  }

  async leave(): Promise<void> {
    // No renewal behind this, whether the store hears of it or not.
    this.until = Number.NEGATIVE_INFINITY;
    await this.link.send("leave", () => this.inner.leave(), true);
  }

  private renewLater(): void {
    const { world, process } = this.link;
    world.after(LEASE_MS / 3, process, "renews its lease", () => void this.renew());
  }

  private async renew(): Promise<void> {
    const { world, faults, process } = this.link;
    if (this.until === Number.NEGATIVE_INFINITY) return;
    const sentAt = world.now;
    this.renewLater();
    const sent = this.link.send("renewal", async () => this.inner.renew(), false);
    if (faults.crashes("lease renewal sent") && process.crash("lease renewal sent")) return;
    try {
      const held = await sent;
      // The answer came behind the end: it brings nothing back.
      if (this.until === Number.NEGATIVE_INFINITY) return;
      this.until = held ? Math.max(this.until, sentAt + LEASE_MS - DEADLINE_MARGIN_MS) : Number.NEGATIVE_INFINITY;
    } catch {
      // No answer: the next renewal is under way long before the deadline.
    }
  }
}
