import { createHash } from "node:crypto";
import type { Append, HeadChange, Journal, Membership, RunCreation, RunHead, StoredPayload } from "../journal.ts";

/** What a driver's test gives to the suite: an empty journal under a clock that the suite moves. */
export interface Opened {
  readonly journal: Journal;
  /** The store's time, milliseconds. */
  now(): number;
  /** Moves the store's time on. Leases are not renewed by themselves meanwhile. */
  advance(ms: number): Promise<void> | void;
  /** The limit that the driver was opened with, low enough to be tried. */
  readonly rowBytesMax: number;
  /** Ends the process's part without `leave` and opens the same store again, where it outlives the process. */
  reopen?(): Promise<Journal>;
  close(): Promise<void>;
}

export type Open = () => Promise<Opened>;

export const TENANT = "acme";
export const LEASE_MS = 12_000;

let incarnations = 0;

export function join(journal: Journal, name = "one"): Promise<Membership> {
  incarnations += 1;
  return journal.join({ name, incarnation: `incarnation-${incarnations}`, pid: process.pid, leaseMs: LEASE_MS });
}

/** A second member that may own everything the first one had: by an ended lease, or because only one may own. */
export async function takeOver(
  opened: Opened,
  limit = 100,
): Promise<{ readonly member: Membership; readonly heads: readonly RunHead[] }> {
  if (opened.journal.capabilities.manyOwners) await opened.advance(LEASE_MS + 1001);
  const member = await join(opened.journal, "two");
  return { member, heads: await opened.journal.claim(member, limit) };
}

type CreationOverrides = Partial<RunCreation> & { readonly tenant?: string };

/** The first row of a run, born owned. */
export async function creation(opened: Opened, id: string, overrides: CreationOverrides = {}): Promise<Append> {
  const { tenant, ...rest } = overrides;
  const create: RunCreation = {
    id,
    workflow: "flow",
    version: "1.0.0",
    versionHash: "hash-of-plan",
    priority: "normal",
    metadata: { team: "blue" },
    createdAt: opened.now(),
    availableAt: null,
    idempotency: null,
    fingerprint: "fingerprint",
    slot: null,
    ...rest,
  };
  return {
    runKey: await opened.journal.reserveKeys(1),
    tenant: tenant ?? TENANT,
    epoch: 1,
    seq: 1,
    body: `1[{"type":"run_created","id":${JSON.stringify(id)}}]`,
    create,
    change: null,
    payloads: [],
    inputsTaken: [],
    snapshot: null,
  };
}

/** A later row of the run that `first` created. */
export function row(first: Pick<Append, "runKey" | "tenant">, seq: number, overrides: Partial<Append> = {}): Append {
  return {
    runKey: first.runKey,
    tenant: first.tenant,
    epoch: 1,
    seq,
    body: `1[{"type":"task_completed","seq":${seq}}]`,
    create: null,
    change: null,
    payloads: [],
    inputsTaken: [],
    snapshot: null,
    ...overrides,
  };
}

export function finish(opened: Opened, status: HeadChange["status"] = "succeeded"): { readonly change: HeadChange } {
  return { change: { status, finishedAt: opened.now() } };
}

/** Creates a run that the member owns, and returns its first row. */
export async function created(
  opened: Opened,
  member: Membership,
  id: string,
  overrides: CreationOverrides = {},
): Promise<Append> {
  const first = await creation(opened, id, overrides);
  const verdict = await appendOne(opened.journal, member, first);
  if (verdict.type !== "committed") throw new Error(`the run ${id} was not created: ${JSON.stringify(verdict)}`);
  return first;
}

export async function appendOne(
  journal: Journal,
  member: Membership,
  append: Append,
): ReturnType<Journal["append"]> extends Promise<readonly (infer V)[]> ? Promise<V> : never {
  const [verdict] = await journal.append(member, [append]);
  return verdict!;
}

export function payload(text: string): StoredPayload {
  const bytes = Buffer.from(text);
  return { hash: createHash("sha256").update(bytes).digest("hex"), size: bytes.length, bytes };
}

/** The bodies of a run's rows, in order. */
export async function bodies(journal: Journal, runKey: number): Promise<readonly string[]> {
  return (await journal.read(runKey)).rows.map(({ body }) => body);
}
