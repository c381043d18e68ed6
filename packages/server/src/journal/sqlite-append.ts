import type { StatementSync } from "node:sqlite";
import type { Append, HeadChange, Verdict } from "./journal.ts";
import { committed, FENCED, isFinal, rankOf, refusalOf, refused, SLOT_CANCEL, SLOT_GRANTED } from "./rules.ts";
import { isDataError, storeError } from "./sqlite-errors.ts";
import type { SqliteInbox } from "./sqlite-inbox.ts";
import type { SqliteSlots } from "./sqlite-slots.ts";
import type { Owned, SqliteStore } from "./sqlite-store.ts";
import { checksum, HEAD_COLUMNS, headOf } from "./sqlite-store.ts";

const INSERT_RUN = `
insert into run (run_key, tenant, id, workflow, version, version_hash, rank, metadata, created_at, fingerprint,
  idempotency_key, slotted, status, started_at, finished_at, error_code, last_seq, available_at, epoch, owner, crash_count)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
on conflict do nothing`;
const INSERT_ENTRY = `insert into entry (run_key, seq, epoch, crc, body) values (?, ?, ?, ?, ?)`;
const UPDATE_HEAD = `
update run set status = ?, started_at = coalesce(?, started_at), error_code = coalesce(?, error_code) where run_key = ?`;
const FINISH = `
update run set status = ?, started_at = coalesce(?, started_at), error_code = coalesce(?, error_code), finished_at = ?,
  last_seq = ?
where run_key = ?`;
const PUT_SNAPSHOT = `
insert into snapshot (run_key, seq, crc, body) values (?, ?, ?, ?)
on conflict (run_key) do update set seq = excluded.seq, crc = excluded.crc, body = excluded.body`;
const PUT_PAYLOAD = `
insert into payload (tenant, hash, size, bytes, orphaned_at) values (?, ?, ?, ?, null)
on conflict (tenant, hash) do update set orphaned_at = null
returning payload_key`;
const NAME_PAYLOAD = `insert into payload_name (run_key, payload_key) values (?, ?) on conflict do nothing`;
const PUT_SUBMISSION = `
insert or replace into submission (tenant, key, run_key, fingerprint, expires_at) values (?, ?, ?, ?, ?)`;
const FIND_SUBMISSION = `select run_key, fingerprint from submission where tenant = ? and key = ? and expires_at > ?`;
const HEAD_BY_KEY = `select ${HEAD_COLUMNS} from run where run_key = ?`;
const HEAD_BY_ID = `select ${HEAD_COLUMNS} from run where tenant = ? and id = ?`;
const ENTRY = `select epoch, body from entry where run_key = ? and seq = ?`;
const COUNT = `
insert into counter (tenant, submitted, succeeded, failed, cancelled) values (?, ?, ?, ?, ?)
on conflict (tenant) do update set submitted = submitted + excluded.submitted, succeeded = succeeded + excluded.succeeded,
  failed = failed + excluded.failed, cancelled = cancelled + excluded.cancelled`;

interface Counts {
  submitted: number;
  succeeded: number;
  failed: number;
  cancelled: number;
}

/**
 * Group commit: one transaction a batch, one insert a row, no read on the way that every row takes.
 *
 * G1. The fence is a comparison in memory: this process alone writes the folder, so what it remembers is the truth.
 * G2. When SQLite refuses a row, the batch is undone and taken again without that row; the others commit (F35).
 * G3. Whoever looks the same row up again (a repeat) pays for the look, not the row that is new.
 */
export class SqliteAppend {
  private readonly store: SqliteStore;
  private readonly slots: SqliteSlots;
  private readonly inbox: SqliteInbox;
  private readonly rowBytesMax: number;
  private readonly statements: Record<
    | "insertRun"
    | "insertEntry"
    | "updateHead"
    | "finish"
    | "putSnapshot"
    | "putPayload"
    | "namePayload"
    | "putSubmission"
    | "findSubmission"
    | "headByKey"
    | "headById"
    | "entry"
    | "count",
    StatementSync
  >;
  private counts = new Map<string, Counts>();

  constructor(store: SqliteStore, slots: SqliteSlots, inbox: SqliteInbox, rowBytesMax: number) {
    this.store = store;
    this.slots = slots;
    this.inbox = inbox;
    this.rowBytesMax = rowBytesMax;
    const { db } = store;
    this.statements = {
      insertRun: db.prepare(INSERT_RUN),
      insertEntry: db.prepare(INSERT_ENTRY),
      updateHead: db.prepare(UPDATE_HEAD),
      finish: db.prepare(FINISH),
      putSnapshot: db.prepare(PUT_SNAPSHOT),
      putPayload: db.prepare(PUT_PAYLOAD),
      namePayload: db.prepare(NAME_PAYLOAD),
      putSubmission: db.prepare(PUT_SUBMISSION),
      findSubmission: db.prepare(FIND_SUBMISSION),
      headByKey: db.prepare(HEAD_BY_KEY),
      headById: db.prepare(HEAD_BY_ID),
      entry: db.prepare(ENTRY),
      count: db.prepare(COUNT),
    };
  }

  append(workerKey: number, batch: readonly Append[], now: number): readonly Verdict[] {
    if (workerKey !== this.store.member) return batch.map(() => FENCED);
    const refusals = batch.map((append) => refusalOf(append, this.rowBytesMax));
    for (;;) {
      let at = 0;
      try {
        return this.store.transaction(() => {
          this.counts.clear();
          const verdicts: Verdict[] = [];
          for (at = 0; at < batch.length; at++) {
            verdicts.push(refusals[at] ?? this.one(workerKey, batch[at]!, now));
          }
          this.writeCounts();
          return verdicts;
        });
      } catch (error) {
        if (at >= batch.length || !isDataError(error)) throw storeError(error);
        refusals[at] = refused("INTERNAL", { reason: (error as Error).message });
      }
    }
  }

  private one(member: number, append: Append, now: number): Verdict {
    return append.create ? this.create(member, append, now) : this.extend(member, append, now);
  }

  private create(member: number, append: Append, now: number): Verdict {
    const { runKey, tenant, epoch } = append;
    const create = append.create!;
    if (create.idempotency || create.slot) {
      const known = this.known(append, now);
      if (known) return known;
    }
    if (create.slot?.strategy === "reject" && !this.slots.isFree(tenant, create.workflow, create.slot)) {
      return refused("RUN_REJECTED", { key: create.slot.key, workflow: create.workflow });
    }
    const change = append.change;
    const owner = create.availableAt === null ? member : null;
    const finished = change?.finishedAt !== undefined;
    const { changes } = this.statements.insertRun.run(
      runKey,
      tenant,
      create.id,
      create.workflow,
      create.version,
      create.versionHash,
      rankOf(create.priority),
      JSON.stringify(create.metadata),
      create.createdAt,
      create.fingerprint,
      create.idempotency?.key ?? null,
      create.slot ? 1 : 0,
      change?.status ?? "pending",
      change?.startedAt ?? null,
      change?.finishedAt ?? null,
      change?.errorCode ?? null,
      finished ? 1 : null,
      finished ? null : create.availableAt,
      epoch,
      owner,
    );
    if (changes === 0) return this.known(append, now) ?? FENCED;
    const owned: Owned = { owner, epoch, tenant, slotted: create.slot !== null, finished, seq: 1 };
    if (owner !== null && !finished) this.store.owned.set(runKey, owned);
    this.countsOf(tenant).submitted += 1;
    if (create.idempotency) {
      const { key, fingerprint, expiresAt } = create.idempotency;
      this.statements.putSubmission.run(tenant, key, runKey, fingerprint, expiresAt);
    }
    this.write(append);
    if (!create.slot) return { ...committed(), granted: finished ? this.ended(append, owned, change!, now) : [] };
    const entered = this.slots.enter(runKey, tenant, create.workflow, create.slot);
    if (entered.granted && !finished) this.inbox.put(runKey, SLOT_GRANTED.inputId, SLOT_GRANTED.body, now);
    for (const victim of entered.cancel) this.inbox.put(victim, SLOT_CANCEL.inputId, SLOT_CANCEL.body, now);
    return {
      ...committed(entered.granted ? "granted" : "queued"),
      granted: finished ? this.ended(append, owned, change!, now) : [],
      cancel: entered.cancel.map((victim) => headOf(this.statements.headByKey.get(victim)!)),
    };
  }

  /** The verdict on a creation whose run, id or idempotency key is there already; null when none of them is. */
  private known(append: Append, now: number): Verdict | null {
    const { runKey, tenant } = append;
    const create = append.create!;
    const same = this.statements.headByKey.get(runKey);
    if (same) {
      const head = headOf(same);
      const first = this.statements.entry.get(runKey, 1);
      if (head.tenant !== tenant || head.id !== create.id || first?.["body"] !== append.body) return FENCED;
      if (head.epoch !== append.epoch) return { type: "exists", head };
      return committed(create.slot && (this.slots.isWaiting(runKey) ? "queued" : "granted"));
    }
    const { idempotency } = create;
    const submission = idempotency && this.statements.findSubmission.get(tenant, idempotency.key, now);
    if (submission) {
      const head = headOf(this.statements.headByKey.get(submission["run_key"]!)!);
      return submission["fingerprint"] === idempotency.fingerprint
        ? { type: "exists", head }
        : refused("RUN_ID_TAKEN", { run: head.id });
    }
    const sameId = this.statements.headById.get(tenant, create.id);
    if (!sameId) return null;
    return sameId["fingerprint"] === create.fingerprint
      ? { type: "exists", head: headOf(sameId) }
      : refused("RUN_ID_TAKEN", { run: create.id });
  }

  private extend(member: number, append: Append, now: number): Verdict {
    const owned = this.store.ownedRun(append.runKey);
    if (!owned || owned.tenant !== append.tenant) return refused("RUN_NOT_FOUND", { run: append.runKey });
    if (owned.owner !== member || owned.epoch !== append.epoch) return FENCED;
    if (append.seq <= owned.seq) {
      const row = this.statements.entry.get(append.runKey, append.seq);
      return row?.["body"] === append.body && row["epoch"] === append.epoch ? committed() : FENCED;
    }
    if (append.seq > owned.seq + 1) {
      return refused("RUN_CONFLICT", { run: append.runKey, expected: owned.seq + 1, found: append.seq });
    }
    if (owned.finished) return FENCED;
    owned.seq = append.seq;
    this.write(append);
    const { change } = append;
    if (!change) return COMMITTED;
    const { status, startedAt, errorCode } = change;
    if (change.finishedAt === undefined) {
      this.statements.updateHead.run(status, startedAt ?? null, errorCode ?? null, append.runKey);
      return COMMITTED;
    }
    this.statements.finish.run(
      status,
      startedAt ?? null,
      errorCode ?? null,
      change.finishedAt,
      append.seq,
      append.runKey,
    );
    const granted = this.ended(append, owned, change, now);
    return granted.length === 0 ? COMMITTED : { ...committed(), granted };
  }

  /** The row itself, and what it names or takes. */
  private write(append: Append): void {
    const { runKey, seq, epoch, body, snapshot } = append;
    this.statements.insertEntry.run(runKey, seq, epoch, checksum(runKey, seq, epoch, body), body);
    if (snapshot !== null) {
      this.statements.putSnapshot.run(runKey, seq, checksum(runKey, seq, 0, snapshot), snapshot);
    }
    for (const inputId of append.inputsTaken) this.inbox.take(runKey, inputId);
    for (const payload of append.payloads) {
      const { payload_key } = this.statements.putPayload.get(
        append.tenant,
        payload.hash,
        payload.size,
        payload.bytes,
      ) as { payload_key: number };
      this.statements.namePayload.run(runKey, payload_key);
    }
  }

  /** What the end of a run sets free. Returns the runs that got its slot. */
  private ended(append: Append, owned: Owned, change: HeadChange, now: number): number[] {
    const { runKey, tenant } = append;
    this.store.owned.delete(runKey);
    if (isFinal(change.status)) this.countsOf(tenant)[change.status] += 1;
    if (this.store.withInput.has(runKey)) this.inbox.clear(runKey);
    if (!owned.slotted) return [];
    const granted = this.slots.leave(runKey);
    for (const next of granted) this.inbox.put(next, SLOT_GRANTED.inputId, SLOT_GRANTED.body, now);
    return granted;
  }

  private countsOf(tenant: string): Counts {
    let counts = this.counts.get(tenant);
    if (!counts) {
      counts = { submitted: 0, succeeded: 0, failed: 0, cancelled: 0 };
      this.counts.set(tenant, counts);
    }
    return counts;
  }

  private writeCounts(): void {
    for (const [tenant, { submitted, succeeded, failed, cancelled }] of this.counts) {
      this.statements.count.run(tenant, submitted, succeeded, failed, cancelled);
    }
  }
}

const COMMITTED = committed();
