/**
 * Bytes by key, for payloads that are too large for the journal's database, and for files.
 *
 * B1. `put` and `write` are durable when they return, and repeating them with the same bytes is harmless.
 * B2. Keys are made by the product (tenant and 64 hexadecimal digits), never by a caller.
 * B3. A blob is there whole or not at all. Where a source fails, `write` throws what it threw, and nothing remains.
 * B4. Streams hold a few chunks in memory at a time, whatever the size of the blob (in memory, of course, it lies whole).
 *     A source gives its chunks away: it does not write into them again.
 */
export interface BlobStore {
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Null when there is no such blob. */
  get(key: string): Promise<Uint8Array | null>;
  write(key: string, source: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * The bytes in their order; null when there is no such blob. What it holds open it opens at the first read and lets go
   * at the end of the reading, an early one too. A blob that is deleted before its end is `PAYLOAD_NOT_FOUND`, except
   * where the bytes are held already.
   */
  read(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  delete(key: string): Promise<void>;
  /** The keys of all blobs. Absent where listing them would be dear. */
  list?(): AsyncIterable<string>;
  close(): Promise<void>;
}
