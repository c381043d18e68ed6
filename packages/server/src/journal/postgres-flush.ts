import type { PoolClient } from "pg";
import type { Append } from "./journal.ts";
import { Bytes, integers, texts } from "./postgres-arrays.ts";
import { run } from "./postgres-pool.ts";
import { flushStatement } from "./postgres-sql.ts";
import { rankOf } from "./rules.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Sends rows in one statement. At most one row a run, one creation an id and a key. `slots`: the caller holds the lanes
 * of the runs' concurrency keys and keeps their slots. Answers the keys of the runs whose rows were stored.
 */
export async function flush(
  client: PoolClient,
  member: number,
  shard: number,
  batch: readonly Append[],
  slots: boolean,
): Promise<ReadonlySet<number>> {
  const bodies = new Bytes();
  for (const { body } of batch) bodies.add(body);
  const rows = batch.map((append, at) => ({ append, at })).filter(({ append }) => !append.create);
  const creations = batch.map((append, at) => ({ append, at })).filter(({ append }) => append.create);
  const payloads = batch.flatMap(({ runKey, tenant, payloads: list }) =>
    list.map((payload) => ({ runKey, tenant, payload })),
  );
  const snapshots = batch.filter(({ snapshot }) => snapshot !== null);
  const inputs = batch.flatMap(({ runKey, inputsTaken }) => inputsTaken.map((inputId) => ({ runKey, inputId })));
  const statement = flushStatement({
    creations: creations.length > 0,
    keys: creations.some(({ append }) => append.create!.idempotency !== null),
    rows: rows.length > 0,
    changes: rows.some(({ append }) => append.change !== null),
    snapshots: snapshots.length > 0,
    payloads: payloads.length > 0,
    inputs: inputs.length > 0,
  });

  const values: Record<string, unknown> = { member, shard, slots, bodies: bodies.whole() };
  if (rows.length > 0) {
    values["row_keys"] = integers(rows.map(({ append }) => append.runKey));
    values["row_tenants"] = texts(rows.map(({ append }) => append.tenant));
    values["row_epochs"] = integers(rows.map(({ append }) => append.epoch));
    values["row_seqs"] = integers(rows.map(({ append }) => append.seq));
    values["row_froms"] = integers(rows.map(({ at }) => bodies.from[at]));
    values["row_lengths"] = integers(rows.map(({ at }) => bodies.length[at]));
    values["row_statuses"] = texts(rows.map(({ append }) => append.change?.status));
    values["row_started"] = integers(rows.map(({ append }) => append.change?.startedAt));
    values["row_finished"] = integers(rows.map(({ append }) => append.change?.finishedAt));
    values["row_errors"] = texts(rows.map(({ append }) => append.change?.errorCode));
  }
  if (creations.length > 0) {
    values["creations"] = JSON.stringify(
      creations.map(({ append, at }) => creationRecord(append, bodies.from[at]!, bodies.length[at]!)),
    );
  }
  if (snapshots.length > 0) {
    const states = new Bytes();
    for (const { snapshot } of snapshots) states.add(snapshot);
    values["snapshots"] = states.whole();
    values["snapshot_keys"] = integers(snapshots.map(({ runKey }) => runKey));
    values["snapshot_seqs"] = integers(snapshots.map(({ seq }) => seq));
    values["snapshot_froms"] = integers(states.from);
    values["snapshot_lengths"] = integers(states.length);
  }
  if (payloads.length > 0) {
    const bytes = new Bytes();
    for (const { payload } of payloads) bytes.add(payload.bytes);
    values["payloads"] = bytes.whole();
    values["payload_keys"] = integers(payloads.map(({ runKey }) => runKey));
    values["payload_tenants"] = texts(payloads.map(({ tenant }) => tenant));
    values["payload_hashes"] = texts(payloads.map(({ payload }) => payload.hash));
    values["payload_sizes"] = integers(payloads.map(({ payload }) => payload.size));
    values["payload_froms"] = integers(bytes.from);
    values["payload_lengths"] = integers(bytes.length);
  }
  if (inputs.length > 0) {
    values["input_names"] = texts(inputs.map(({ runKey, inputId }) => `${runKey} ${inputId}`));
  }
  const [answer] = await run<{ placed: string }>(client, {
    name: statement.name,
    text: statement.text,
    values: statement.parameters.map((name) => values[name]),
  });
  const { placed } = answer!;
  return new Set(placed === "{}" ? [] : placed.slice(1, -1).split(",").map(Number));
}

function creationRecord(append: Append, bodyFrom: number, bodyLength: number): Record<string, unknown> {
  const create = append.create!;
  const { change } = append;
  return {
    run_key: append.runKey,
    run_day: Math.floor(create.createdAt / DAY_MS),
    tenant: append.tenant,
    epoch: append.epoch,
    id: create.id,
    workflow: create.workflow,
    version: create.version,
    version_hash: create.versionHash,
    rank: rankOf(create.priority),
    metadata: JSON.stringify(create.metadata),
    created_at: create.createdAt,
    fingerprint: create.fingerprint,
    slotted: create.slot !== null,
    status: change?.status,
    started_at: change?.startedAt,
    finished_at: change?.finishedAt,
    error_code: change?.errorCode,
    available_at: create.availableAt,
    key: create.idempotency?.key,
    key_fingerprint: create.idempotency?.fingerprint,
    expires_at: create.idempotency?.expiresAt,
    body_from: bodyFrom,
    body_length: bodyLength,
  };
}
