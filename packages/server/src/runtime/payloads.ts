import { createHash } from "node:crypto";
import { AppError, type Payload, type RunEvent, payloadsOf } from "@weftwork/core";
import type { BlobStore } from "../blob/blob.ts";
import type { Journal, StoredPayload } from "../journal/journal.ts";

/** Bytes of a value that travel inside the events; larger ones go to the payload store. */
export const INLINE_BYTES_MAX = 2048;

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
    let missing = wanted.flatMap((payload) => payload.missing());
    // A stored list is loaded first, and then the elements that it turns out to have.
    while (missing.length > 0) {
      const hashes = [...new Set(missing.map((payload) => payload.reference!.hash))];
      const found = await this.journal.payloads(tenant, hashes);
      for (const payload of missing) {
        const { hash, size } = payload.reference!;
        const bytes = found.get(hash) ?? (await this.blob(tenant, hash));
        payload.load(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
        loaded.set(payload, size);
      }
      missing = wanted.flatMap((payload) => payload.missing());
    }
    // Held only now: one call's payloads never push each other out before the caller has read them.
    if (!pin) for (const [payload, size] of loaded) this.hold(payload, size, loaded);
  }

  private async blob(tenant: string, hash: string): Promise<Uint8Array> {
    const bytes = await this.blobs.get(`${tenant}/${hash}`);
    if (!bytes) throw new AppError("PAYLOAD_NOT_FOUND", { hash });
    if (createHash("sha256").update(bytes).digest("hex") !== hash) throw new AppError("PAYLOAD_DAMAGED", { hash });
    return bytes;
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
