import type { Membership, WorkerIdentity } from "./journal.ts";
import { DEADLINE_MARGIN_MS, TAKEOVER_GRACE_MS } from "./rules.ts";

export interface MemoryMembership extends Membership {
  /** What the lease thread of a database driver does every four seconds. False when the lease was taken away. */
  renew(): boolean;
}

interface Member {
  readonly leaseMs: number;
  leaseUntil: number;
  /** `dead`: a takeover has begun, for good. `left`: closed in order. */
  state: "live" | "dead" | "left";
}

/** Who has joined a memory journal, and whose lease holds. */
export class MemoryMembers {
  private readonly now: () => number;
  /** A lease holds until its member leaves. */
  private readonly autoRenew: boolean;
  private readonly members = new Map<number, Member>();
  private closed = false;

  constructor(now: () => number, autoRenew: boolean) {
    this.now = now;
    this.autoRenew = autoRenew;
  }

  join({ leaseMs }: WorkerIdentity): MemoryMembership {
    const workerKey = this.members.size + 1;
    const member: Member = { leaseMs, leaseUntil: this.now() + leaseMs, state: "live" };
    this.members.set(workerKey, member);
    return {
      workerKey,
      deadline: () => {
        if (member.state !== "live" || this.closed) return Number.NEGATIVE_INFINITY;
        return (this.autoRenew ? this.now() + leaseMs : member.leaseUntil) - DEADLINE_MARGIN_MS;
      },
      renew: () => {
        if (member.state !== "live" || this.closed) return false;
        member.leaseUntil = this.now() + leaseMs;
        return true;
      },
      leave: async () => {
        if (member.state === "live") member.state = "left";
      },
    };
  }

  /** Whether the member may own and append now. */
  isLive({ workerKey }: Membership): boolean {
    const member = this.members.get(workerKey);
    return member?.state === "live" && (this.autoRenew || this.now() < member.leaseUntil);
  }

  /** Ends, for good, those whose lease has been over for long enough. */
  endDead(): void {
    if (this.autoRenew) return;
    for (const member of this.members.values()) {
      if (member.state === "live" && member.leaseUntil + TAKEOVER_GRACE_MS <= this.now()) member.state = "dead";
    }
  }

  stateOf(workerKey: number): Member["state"] {
    return this.members.get(workerKey)!.state;
  }

  close(): void {
    this.closed = true;
  }
}
