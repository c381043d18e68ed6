/**
 * Bytes by key, for payloads that are too large for the journal's database.
 *
 * B1. `put` is durable when it returns, and repeating it with the same bytes is harmless.
 * B2. Keys are made by the product (tenant and hash), never by a caller.
 */
export interface BlobStore {
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Null when there is no such blob. */
  get(key: string): Promise<Uint8Array | null>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}
