import type { FileValue } from "@weftwork/core";

/**
 * Files of workflows: uploaded, fetched by a step, or made by one. A file never changes; it is there whole or not at
 * all, and belongs to one tenant.
 *
 * FS1. The id is all that opens a file. What a caller says about name, size or hash is never believed.
 * FS2. Bytes go in and out as streams: memory does not grow with a file.
 * FS3. Where a source fails, is too long, or is stopped, nothing of it stays.
 */
export interface Files {
  /**
   * Stores the bytes of a source. Throws what the source throws, `PAYLOAD_TOO_LARGE`, `FILE_STORE_FULL` when the tenant
   * has no room left, and `FILE_TYPE_REFUSED`. A source that it began to read is closed then.
   */
  put(tenant: string, file: NewFile, source: AsyncIterable<Uint8Array>): Promise<StoredFile>;
  /** Null when there is none, also when it has expired. */
  find(tenant: string, id: string): Promise<StoredFile | null>;
  /** A file with its bytes. Throws `FILE_NOT_FOUND`. What is not read holds nothing open. */
  open(tenant: string, id: string): Promise<OpenFile>;
  /** Whether there was one. */
  remove(tenant: string, id: string): Promise<boolean>;
  /** Deletes what has expired, and what was never finished. Returns how many files went. */
  prune(): Promise<number>;
  /** The key that signs links; the same in every process of a store. */
  linkKey(): Promise<Buffer>;
}

export interface NewFile {
  /** As its sender calls it; only its last part is kept, without characters that no name should have. */
  readonly name: string;
  /** Left out or not a media type: `application/octet-stream`. */
  readonly mimeType?: string | undefined;
  /** Bytes at most. Left out, or more than the store takes: what the store takes. */
  readonly bytesMax?: number | undefined;
  /** How long it is kept, in milliseconds. Left out: as the store is configured. */
  readonly keepMs?: number | undefined;
}

export interface StoredFile {
  readonly value: FileValue;
  readonly createdAt: number;
  /** Null: it stays until it is removed. */
  readonly expiresAt: number | null;
}

export interface OpenFile extends StoredFile {
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface FileLimits {
  /** Bytes of one file. */
  readonly bytesMax: number;
  /** Bytes of all files of a tenant together. */
  readonly tenantBytesMax: number;
  /** How long a file is kept when nobody says otherwise; null: until it is removed. */
  readonly keepMs: number | null;
  /** Media types that are taken (`image/*`, `application/pdf`). Empty: all. */
  readonly types: readonly string[];
}

/** Limits where nothing is configured. */
export const FILE_LIMITS: FileLimits = {
  bytesMax: 100 * 1024 ** 2,
  tenantBytesMax: 10 * 1024 ** 3,
  keepMs: null,
  types: [],
};
