import { AppError } from "@weftwork/core";
import type {
  Append,
  Journal,
  Membership,
  OfferedInput,
  OfferResult,
  OwnedRun,
  PruneOptions,
  PruneResult,
  Release,
  RunHead,
  RunPage,
  RunQuery,
  RunRecord,
  RunStats,
  StoredInput,
  Verdict,
  WorkerIdentity,
} from "./journal.ts";
import type { MemoryMembership } from "./memory-members.ts";
import { MemoryMembers } from "./memory-members.ts";
import { MemoryPayloads } from "./memory-payloads.ts";
import { MemorySlots } from "./memory-slots.ts";
import type { MemoryRun } from "./memory-run.ts";
import { createRun, headOf } from "./memory-run.ts";
import {
  checkInputs,
  committed,
  decodeCursor,
  encodeCursor,
  FENCED,
  pageSize,
  rankOf,
  refusalOf,
  refused,
  ROW_BYTES_MAX,
  SLOT_CANCEL,
  SLOT_GRANTED,
} from "./rules.ts";

/**
 * The journal in the memory of one process: the executable specification of the port. Several members may join it, so
 * that a simulation can run several workers in one process.
 *
 * M1. Every method does its work before it first gives way, so each call is one transaction.
 * M2. No timer, no clock of its own, no randomness: time is `options.now()` only, and leases are renewed by
 *     `membership.renew()`. The same calls in the same order give the same answers.
 */
export interface MemoryJournalOptions {
  /** Milliseconds. Serves as the store's clock and as the monotonic one of every member. */
  readonly now: () => number;
  /** A member's lease holds until it leaves, without renewal. For a process of its own; simulations leave it out. */
  readonly autoRenew?: boolean;
  readonly rowBytesMax?: number;
}

export type { MemoryMembership } from "./memory-members.ts";

export interface MemoryJournal extends Journal {
  join(worker: WorkerIdentity): Promise<MemoryMembership>;
}

export function memoryJournal(options: MemoryJournalOptions): MemoryJournal {
  return new InMemory(options);
}

/** Since when a free run waits for an owner. Those that a worker left behind go before those that became due. */
const dueAt = (run: MemoryRun): number => (run.owner === null ? run.availableAt! : 0);

const nameOf = (tenant: string, text: string): string => JSON.stringify([tenant, text]);

class InMemory implements MemoryJournal {
  readonly capabilities = { manyOwners: true, volatile: true };
  private readonly now: () => number;
  private readonly rowBytesMax: number;
  private readonly members: MemoryMembers;
  private readonly runs = new Map<number, MemoryRun>();
  private readonly open = new Set<MemoryRun>();
  private readonly byId = new Map<string, MemoryRun>();
  private readonly submissions = new Map<string, { run: MemoryRun; fingerprint: string; expiresAt: number }>();
  private readonly stored = new MemoryPayloads();
  private readonly slots = new MemorySlots();
  private readonly counters = new Map<string, { -readonly [K in keyof RunStats]: number }>();
  private readonly listeners = new Set<(workerKey: number) => void>();
  private nextKey = 1;
  private nextInput = 1;
  private closed = false;

  constructor(options: MemoryJournalOptions) {
    this.now = options.now;
    this.members = new MemoryMembers(options.now, options.autoRenew ?? false);
    this.rowBytesMax = options.rowBytesMax ?? ROW_BYTES_MAX;
  }

  async join(worker: WorkerIdentity): Promise<MemoryMembership> {
    this.check();
    return this.members.join(worker);
  }

  async reserveKeys(count: number): Promise<number> {
    this.check();
    const first = this.nextKey;
    this.nextKey += count;
    return first;
  }

  async append(membership: Membership, batch: readonly Append[]): Promise<readonly Verdict[]> {
    this.check();
    const live = this.members.isLive(membership);
    return batch.map((append) => {
      if (!live) return FENCED;
      const refusal = refusalOf(append, this.rowBytesMax);
      if (refusal) return refusal;
      return append.create ? this.create(membership.workerKey, append) : this.extend(membership.workerKey, append);
    });
  }

  private create(member: number, append: Append): Verdict {
    const create = append.create!;
    const known = this.runs.get(append.runKey);
    if (known) {
      const first = known.rows[0]!;
      if (known.tenant !== append.tenant || known.id !== create.id || first.body !== append.body) return FENCED;
      if (known.epoch !== append.epoch) return { type: "exists", head: headOf(known) };
      return committed(create.slot && (this.slots.isWaiting(known) ? "queued" : "granted"));
    }
    const submission = create.idempotency && this.submissions.get(nameOf(append.tenant, create.idempotency.key));
    if (create.idempotency && submission && submission.expiresAt > this.now()) {
      return submission.fingerprint === create.idempotency.fingerprint
        ? { type: "exists", head: headOf(submission.run) }
        : refused("RUN_ID_TAKEN", { run: submission.run.id });
    }
    const sameId = this.byId.get(nameOf(append.tenant, create.id));
    if (sameId) {
      return sameId.fingerprint === create.fingerprint
        ? { type: "exists", head: headOf(sameId) }
        : refused("RUN_ID_TAKEN", { run: create.id });
    }
    const run = createRun(append, create.availableAt === null ? member : null);
    const taken = create.slot && this.slots.enter(run, create.slot);
    if (create.slot && !taken) return refused("RUN_REJECTED", { key: create.slot.key, workflow: create.workflow });
    this.runs.set(run.runKey, run);
    this.open.add(run);
    this.byId.set(nameOf(run.tenant, run.id), run);
    if (create.idempotency) {
      const { key, fingerprint, expiresAt } = create.idempotency;
      this.submissions.set(nameOf(run.tenant, key), { run, fingerprint, expiresAt });
    }
    this.counter(run.tenant).submitted += 1;
    const granted = this.store(run, append);
    if (taken?.granted && run.finishedAt === null) this.put(run, SLOT_GRANTED);
    for (const victim of taken?.cancel ?? []) this.put(victim, SLOT_CANCEL);
    return {
      ...committed(taken ? (taken.granted ? "granted" : "queued") : null),
      granted,
      cancel: (taken?.cancel ?? []).map((victim) => headOf(victim)),
    };
  }

  private extend(member: number, append: Append): Verdict {
    const run = this.runs.get(append.runKey);
    if (!run || run.tenant !== append.tenant) return refused("RUN_NOT_FOUND", { run: append.runKey });
    if (run.owner !== member || run.epoch !== append.epoch) return FENCED;
    const last = run.rows.length;
    if (append.seq <= last) {
      const row = run.rows[append.seq - 1]!;
      return row.body === append.body && row.epoch === append.epoch ? committed() : FENCED;
    }
    if (append.seq > last + 1) {
      return refused("RUN_CONFLICT", { run: append.runKey, expected: last + 1, found: append.seq });
    }
    if (run.finishedAt !== null) return FENCED;
    return { ...committed(), granted: this.store(run, append) };
  }

  /** The row and all that comes with it. Returns the runs that got a slot because this one ended. */
  private store(run: MemoryRun, append: Append): number[] {
    const { seq, epoch, body } = append;
    run.rows.push({ seq, epoch, body });
    if (append.snapshot !== null) run.snapshot = { seq, body: append.snapshot };
    for (const inputId of append.inputsTaken) run.inbox.delete(inputId);
    for (const payload of append.payloads) this.stored.name(run, payload);
    const change = append.change;
    if (!change) return [];
    run.status = change.status;
    run.startedAt = change.startedAt ?? run.startedAt;
    run.errorCode = change.errorCode ?? run.errorCode;
    if (change.finishedAt === undefined) return [];
    run.finishedAt = change.finishedAt;
    run.availableAt = null;
    run.inbox.clear();
    this.open.delete(run);
    const counter = this.counter(run.tenant);
    if (run.status === "succeeded" || run.status === "failed" || run.status === "cancelled") counter[run.status] += 1;
    const granted = this.slots.leave(run);
    for (const next of granted) this.put(next, SLOT_GRANTED);
    return granted.map((next) => next.runKey);
  }

  async offer(inputs: readonly OfferedInput[]): Promise<readonly OfferResult[]> {
    this.check();
    checkInputs(inputs, this.rowBytesMax);
    return inputs.map((input) => {
      const run = this.byId.get(nameOf(input.tenant, input.runId));
      if (!run) return "not_found";
      if (run.finishedAt !== null) return "finished";
      return this.put(run, input) ? "offered" : "duplicate";
    });
  }

  /** Puts an input before the run, and wakes the run where nobody owns it. */
  private put(run: MemoryRun, input: { readonly inputId: string; readonly body: string }): boolean {
    if (run.inbox.has(input.inputId)) return false;
    run.inbox.set(input.inputId, { order: this.nextInput++, body: input.body });
    if (run.owner === null) run.availableAt = Math.min(run.availableAt ?? Number.POSITIVE_INFINITY, this.now());
    else for (const listener of this.listeners) listener(run.owner);
    return true;
  }

  onInbox(listener: (workerKey: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async inbox(membership: Membership, limit: number): Promise<readonly StoredInput[]> {
    this.check();
    const found: (StoredInput & { order: number })[] = [];
    for (const run of this.open) {
      if (run.owner !== membership.workerKey) continue;
      for (const [inputId, { order, body }] of run.inbox) found.push({ runKey: run.runKey, inputId, body, order });
    }
    found.sort((a, b) => a.order - b.order);
    return found.slice(0, limit).map(({ runKey, inputId, body }) => ({ runKey, inputId, body }));
  }

  async claim(membership: Membership, limit: number): Promise<readonly RunHead[]> {
    this.check();
    if (!this.members.isLive(membership)) return [];
    const now = this.now();
    this.members.endDead();
    const free = [...this.open].filter((run) =>
      run.owner === null
        ? run.availableAt !== null && run.availableAt <= now
        : this.members.stateOf(run.owner) !== "live",
    );
    free.sort((a, b) => rankOf(a.priority) - rankOf(b.priority) || dueAt(a) - dueAt(b) || a.runKey - b.runKey);
    return free.slice(0, limit).map((run) => {
      const from = run.owner === null ? null : this.members.stateOf(run.owner);
      if (from === "dead") run.crashCount += 1;
      if (from === "left") run.crashCount = 0;
      run.owner = membership.workerKey;
      run.epoch += 1;
      run.availableAt = null;
      return headOf(run);
    });
  }

  async release(membership: Membership, runs: readonly Release[]): Promise<number> {
    this.check();
    let count = 0;
    for (const { runKey, epoch, availableAt, keepsCrashes } of runs) {
      const run = this.runs.get(runKey);
      if (!run || run.owner !== membership.workerKey || run.epoch !== epoch || run.finishedAt !== null) continue;
      run.owner = null;
      if (keepsCrashes !== true) run.crashCount = 0;
      run.availableAt = run.inbox.size > 0 ? this.now() : availableAt;
      count += 1;
    }
    return count;
  }

  async owned(membership: Membership): Promise<readonly OwnedRun[]> {
    this.check();
    const found = [...this.open].filter((run) => run.owner === membership.workerKey);
    return found.map(({ runKey, epoch }) => ({ runKey, epoch }));
  }

  async read(
    runKey: number,
    options: { readonly snapshot?: boolean; readonly afterSeq?: number; readonly limit?: number } = {},
  ): Promise<RunRecord> {
    this.check();
    const run = this.runs.get(runKey);
    if (!run) return { snapshot: null, rows: [] };
    let after = options.afterSeq ?? 0;
    const snapshot = options.snapshot && run.snapshot && run.snapshot.seq > after ? run.snapshot : null;
    if (snapshot) after = snapshot.seq;
    return { snapshot, rows: run.rows.slice(after, after + (options.limit ?? run.rows.length)) };
  }

  async payloads(tenant: string, hashes: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    this.check();
    return this.stored.get(tenant, hashes);
  }

  async known(tenant: string, hashes: readonly string[]): Promise<ReadonlySet<string>> {
    this.check();
    return new Set(hashes.filter((hash) => this.stored.has(tenant, hash)));
  }

  async head(tenant: string, id: string): Promise<RunHead | null> {
    this.check();
    const run = this.byId.get(nameOf(tenant, id));
    return run ? headOf(run) : null;
  }

  async find(query: RunQuery): Promise<RunPage> {
    this.check();
    const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const matching = [...this.runs.values()].filter(
      (run) =>
        run.tenant === query.tenant &&
        (query.status?.includes(run.status) ?? true) &&
        (query.workflow === undefined || run.workflow === query.workflow) &&
        (query.createdAfter === undefined || run.createdAt > query.createdAfter) &&
        (query.createdBefore === undefined || run.createdAt < query.createdBefore) &&
        (!after || run.createdAt < after.createdAt || (run.createdAt === after.createdAt && run.runKey < after.runKey)),
    );
    matching.sort((a, b) => b.createdAt - a.createdAt || b.runKey - a.runKey);
    const page = matching.slice(0, pageSize(query.limit));
    const last = page.at(-1);
    return {
      runs: page.map((run) => headOf(run)),
      nextCursor: last && matching.length > page.length ? encodeCursor(last) : null,
    };
  }

  async stats(tenant: string): Promise<RunStats> {
    this.check();
    const { submitted, succeeded, failed, cancelled } = this.counter(tenant);
    return { submitted, open: submitted - succeeded - failed - cancelled, succeeded, failed, cancelled };
  }

  async prune(finishedBefore: number, { own = [] }: PruneOptions = {}): Promise<PruneResult> {
    this.check();
    const now = this.now();
    const borders = new Map(own.map((one) => [nameOf(one.tenant, one.workflow), one.finishedBefore]));
    let runs = 0;
    for (const run of this.runs.values()) {
      const border = borders.get(nameOf(run.tenant, run.workflow)) ?? finishedBefore;
      if (run.finishedAt === null || run.finishedAt >= border) continue;
      this.runs.delete(run.runKey);
      this.byId.delete(nameOf(run.tenant, run.id));
      this.stored.release(run, now);
      runs += 1;
    }
    for (const [name, { run, expiresAt }] of this.submissions) {
      if (expiresAt <= now || !this.runs.has(run.runKey)) this.submissions.delete(name);
    }
    return { runs, payloads: this.stored.prune(now) };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.members.close();
  }

  private check(): void {
    if (this.closed) throw new AppError("STORE_UNAVAILABLE", { reason: "it is closed" });
  }

  private counter(tenant: string): { -readonly [K in keyof RunStats]: number } {
    let counter = this.counters.get(tenant);
    if (!counter) {
      counter = { submitted: 0, open: 0, succeeded: 0, failed: 0, cancelled: 0 };
      this.counters.set(tenant, counter);
    }
    return counter;
  }
}
