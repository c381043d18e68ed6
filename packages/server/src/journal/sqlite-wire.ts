import type { Append, HeadChange, RunCreation, Verdict } from "./journal.ts";
import { committed } from "./rules.ts";

/**
 * Batches and verdicts as they cross to the thread and back: one flat list a batch, since objects cost a structured
 * clone four times as much as the values in them.
 */
const STRIDE = 10;

export type FlatBatch = unknown[];

export function encodeBatch(batch: readonly Append[]): FlatBatch {
  const flat: FlatBatch = [];
  for (const append of batch) {
    const { create, change, payloads, inputsTaken } = append;
    flat.push(
      append.runKey,
      append.tenant,
      append.epoch,
      append.seq,
      append.body,
      create && encodeCreation(create),
      change && [change.status, change.startedAt, change.finishedAt, change.errorCode],
      payloads.length === 0
        ? null
        : payloads.map((payload) => ({ ...payload, bytes: payload.bytes && own(payload.bytes) })),
      inputsTaken.length === 0 ? null : inputsTaken,
      append.snapshot,
    );
  }
  return flat;
}

/** A view is cloned with all of the memory behind it, and small buffers of Node share theirs. */
function own(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

const NONE: readonly never[] = [];

export function decodeBatch(flat: FlatBatch): readonly Append[] {
  const batch: Append[] = [];
  for (let at = 0; at < flat.length; at += STRIDE) {
    const create = flat[at + 5] as FlatCreation | null;
    const change = flat[at + 6] as FlatChange | null;
    batch.push({
      runKey: flat[at] as number,
      tenant: flat[at + 1] as string,
      epoch: flat[at + 2] as number,
      seq: flat[at + 3] as number,
      body: flat[at + 4] as string,
      create: create && decodeCreation(create),
      change: change && decodeChange(change),
      payloads: (flat[at + 7] as Append["payloads"] | null) ?? NONE,
      inputsTaken: (flat[at + 8] as Append["inputsTaken"] | null) ?? NONE,
      snapshot: flat[at + 9] as string | null,
    });
  }
  return batch;
}

type FlatChange = [HeadChange["status"], number | undefined, number | undefined, string | undefined];

function decodeChange([status, startedAt, finishedAt, errorCode]: FlatChange): HeadChange {
  return {
    status,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(errorCode === undefined ? {} : { errorCode }),
  };
}

type FlatCreation = ReturnType<typeof encodeCreation>;

function encodeCreation(create: RunCreation) {
  return [
    create.id,
    create.workflow,
    create.version,
    create.versionHash,
    create.priority,
    JSON.stringify(create.metadata),
    create.createdAt,
    create.availableAt,
    create.fingerprint,
    create.idempotency,
    create.slot,
  ] as const;
}

function decodeCreation(flat: FlatCreation): RunCreation {
  const [id, workflow, version, versionHash, priority, metadata, createdAt, availableAt, fingerprint, ...rest] = flat;
  const [idempotency, slot] = rest;
  return {
    id,
    workflow,
    version,
    versionHash,
    priority,
    metadata: JSON.parse(metadata) as RunCreation["metadata"],
    createdAt,
    availableAt,
    fingerprint,
    idempotency,
    slot,
  };
}

/** Null where every row was stored and nothing else happened, which is the rule. */
export function encodeVerdicts(verdicts: readonly Verdict[]): readonly Verdict[] | number {
  const plain = verdicts.every(
    (verdict) =>
      verdict.type === "committed" &&
      verdict.slot === null &&
      verdict.granted.length === 0 &&
      verdict.cancel.length === 0,
  );
  return plain ? verdicts.length : verdicts;
}

const COMMITTED = committed();

export function decodeVerdicts(verdicts: readonly Verdict[] | number): readonly Verdict[] {
  return typeof verdicts === "number" ? Array.from({ length: verdicts }, () => COMMITTED) : verdicts;
}
