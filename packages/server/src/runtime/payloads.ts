import { createHash } from "node:crypto";
import { AppError, type Payload, type RunEvent, payloadsOf } from "@weftwork/core";
import type { BlobStore } from "../blob/blob.ts";
import type { Journal, StoredPayload } from "../journal/journal.ts";
import { RecentTexts } from "./recent-texts.ts";

/** Bytes of a value that travel inside the events; larger ones go to the payload store. */
export const INLINE_BYTES_MAX = 2048;
/** Characters of what was read from the store last that are kept, and their share of what may be held. */
const RECENT_CHARS_MAX = 4 * 1024 * 1024;
const RECENT_SHARE = 1 / 8;

/** A value on its way to somebody outside. */
export interface OpenedPayload {
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Moves large values out of the events and back. Content-addressed: equal values of a tenant are stored once.
 *
 * Values that were moved out stay readable until memory is short; then the least recently used are let go, except those
 * that control rules read (they stay with their run, see `pin`).
 */
export class Payloads {
  private readonly journal: Journal;
  private readonly blobs: BlobStore;
  private readonly bytesMax: number;
  private readonly objectBytesMin: number;
  private readonly recent: RecentTexts;
  private readonly held = new Map<Payload, number>();
  private bytesHeld = 0;

  constructor(
    journal: Journal,
    blobs: BlobStore,
    limits: { readonly payloadBytesMax: number; readonly objectBytesMin: number },
  ) {
    this.journal = journal;
    this.blobs = blobs;
    this.bytesMax = limits.payloadBytesMax;
    this.objectBytesMin = limits.objectBytesMin;
    this.recent = new RecentTexts(Math.min(RECENT_CHARS_MAX, limits.payloadBytesMax * RECENT_SHARE));
  }

  /** What the events refer to, to be stored with them. Values for the blob store are returned apart: put them first. */
  externalize(
    events: readonly RunEvent[],
    pinned: (event: RunEvent) => boolean,
  ): { readonly stored: readonly StoredPayload[]; readonly objects: readonly { hash: string; bytes: Uint8Array }[] } {
    const stored: StoredPayload[] = [];
    const objects: { hash: string; bytes: Uint8Array }[] = [];
    for (const event of events) {
      for (const payload of payloadsOf(event)) {
        if (payload.reference) {
          stored.push({ ...payload.reference, bytes: null });
          continue;
        }
        if (payload.size <= INLINE_BYTES_MAX / 4) continue;
        const text = payload.storable();
        if (text.length <= INLINE_BYTES_MAX && Buffer.byteLength(text) <= INLINE_BYTES_MAX) continue;
        const bytes = Buffer.from(text);
        const hash = createHash("sha256").update(bytes).digest("hex");
        payload.storedAs(hash, bytes.length);
        if (bytes.length >= this.objectBytesMin) objects.push({ hash, bytes });
        stored.push({ hash, size: bytes.length, bytes: bytes.length >= this.objectBytesMin ? null : bytes });
        if (!pinned(event)) this.hold(payload, bytes.length);
      }
    }
    return { stored, objects };
  }

  async putObjects(tenant: string, objects: readonly { hash: string; bytes: Uint8Array }[]): Promise<void> {
    for (const { hash, bytes } of objects) await this.blobs.put(`${tenant}/${hash}`, bytes);
  }

  /** Makes every one of the payloads readable. `pin`: they stay so until their run ends. */
  async load(tenant: string, wanted: readonly Payload[], pin = false): Promise<void> {
    if (wanted.every((payload) => payload.loaded)) return;
    const loaded = new Map<Payload, number>();
    let missing = missingOf(wanted);
    // A stored list is loaded first, and then the elements that it turns out to have.
    while (missing.size > 0) {
      // Each object once, however often it is named: a fan-out names its inputs in every item.
      const texts = await this.recent.get(tenant, [...missing.keys()], (hashes) => this.reader(tenant, hashes));
      for (const [hash, payloads] of missing)
        for (const payload of payloads) {
          payload.load(texts.get(hash)!);
          loaded.set(payload, payload.reference!.size);
        }
      missing = missingOf(wanted);
    }
    // Held only now: one call's payloads never push each other out before the caller has read them.
    if (!pin) for (const [payload, size] of loaded) this.hold(payload, size, loaded);
  }

  /**
   * The JSON text of a payload as bytes. One that the object store holds whole is handed on as it comes, a few chunks in
   * memory at a time; its last bytes are kept back until the hash is known to fit, so a damaged one never ends in order.
   */
  async open(tenant: string, payload: Payload): Promise<OpenedPayload> {
    const { reference } = payload;
    // A list in the store is an index of its elements: it has to be put together.
    if (!payload.loaded && reference && payload.missing()[0] === payload && !payload.encode().startsWith('{"index"')) {
      const inJournal = (await this.journal.payloads(tenant, [reference.hash])).get(reference.hash);
      if (inJournal) return { size: inJournal.length, bytes: once(inJournal) };
      const source = await this.blobs.read(`${tenant}/${reference.hash}`);
      if (!source) throw new AppError("PAYLOAD_NOT_FOUND", { hash: reference.hash });
      return { size: reference.size, bytes: checked(source, reference.hash) };
    }
    await this.load(tenant, [payload]);
    const bytes = Buffer.from(payload.text);
    return { size: bytes.length, bytes: once(bytes) };
  }

  /** Asks the journal for all of them together, and the objects for each that it has not. */
  private async reader(tenant: string, hashes: readonly string[]): Promise<(hash: string) => Promise<string>> {
    const found = await this.journal.payloads(tenant, hashes);
    return async (hash) => {
      const bytes = found.get(hash) ?? (await this.blob(tenant, hash));
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    };
  }

  private async blob(tenant: string, hash: string): Promise<Uint8Array> {
    // Read twice before it is called damaged: a store may answer once with something that is not the object.
    for (let reading = 1; reading <= 2; reading++) {
      const bytes = await this.blobs.get(`${tenant}/${hash}`);
      if (!bytes) throw new AppError("PAYLOAD_NOT_FOUND", { hash });
      if (createHash("sha256").update(bytes).digest("hex") === hash) return bytes;
    }
    throw new AppError("PAYLOAD_DAMAGED", { hash });
  }

  private hold(payload: Payload, size: number, together?: ReadonlyMap<Payload, number>): void {
    if (this.held.has(payload)) return;
    this.held.set(payload, size);
    this.bytesHeld += size;
    for (const [oldest, oldestSize] of this.held) {
      if (this.bytesHeld <= this.bytesMax || oldest === payload || together?.has(oldest)) break;
      this.held.delete(oldest);
      this.bytesHeld -= oldestSize;
      oldest.release();
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* checked(source: AsyncIterable<Uint8Array>, hash: string): AsyncGenerator<Uint8Array> {
  const digest = createHash("sha256");
  let held: Uint8Array | null = null;
  for await (const chunk of source) {
    digest.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (digest.digest("hex") !== hash) throw new AppError("PAYLOAD_DAMAGED", { hash });
  if (held) yield held;
}

/** What is not loaded yet, each payload once, by the hash of its bytes. */
function missingOf(wanted: readonly Payload[]): ReadonlyMap<string, readonly Payload[]> {
  return Map.groupBy(new Set(wanted.flatMap((payload) => payload.missing())), (payload) => payload.reference!.hash);
}
