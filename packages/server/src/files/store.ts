import { createHash, randomBytes } from "node:crypto";
import { AppError, isFileId, type FileValue } from "@weftwork/core";
import { sql, type Selectable, type Transaction } from "kysely";
import { v7 as uuid } from "uuid";
import type { BlobStore } from "../blob/blob.ts";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";
import { FILE_LIMITS, type FileLimits, type Files, type NewFile, type StoredFile } from "./files.ts";
import { fileName, mediaType, takesType } from "./names.ts";

export interface FileStoreOptions {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly limits?: Partial<FileLimits>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type FileRow = Selectable<Tables["file"]>;

/** After that an upload whose end nobody has seen counts as given up: its process has died. */
const UNFINISHED_MS = 24 * 3_600_000;
const PRUNE_PAGE = 200;

/**
 * Files as rows of the cold tables and blobs beside them.
 *
 * The row is written before the first byte and made valid after the last. So there are never bytes that no row knows
 * of: what a crash leaves behind is found by its row and deleted by `prune`.
 */
export function fileStore(options: FileStoreOptions): Files {
  const { database, blobs, now } = options;
  const limits = { ...FILE_LIMITS, ...options.limits };
  const { call } = database;

  async function put(tenant: string, file: NewFile, source: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const mimeType = mediaType(file.mimeType);
    const id = `file-${uuid()}`;
    const createdAt = now();
    let begun: string | null = null;
    const measured = new MeasuredSource(source);
    try {
      if (!takesType(limits.types, mimeType)) {
        throw new AppError("FILE_TYPE_REFUSED", { type: mimeType, types: limits.types.join(", ") });
      }
      const used = await usedBy(tenant);
      const room = Math.max(0, limits.tenantBytesMax - used);
      if (room === 0) throw storeFull(used, limits.tenantBytesMax);
      // A limit of the caller's own is told as such; ours are raised by settings.
      measured.limitTo(Math.min(file.bytesMax ?? Infinity, limits.bytesMax, room), (size) =>
        size > room
          ? storeFull(used, limits.tenantBytesMax)
          : tooLarge(size, Math.min(file.bytesMax ?? Infinity, limits.bytesMax)),
      );
      const blobKey = `${tenant}/${randomBytes(32).toString("hex")}`;
      const value = { type: "file", id, name: fileName(file.name), mime_type: mimeType } as const;
      await call((db) =>
        db
          .insertInto("file")
          .values({
            tenant,
            id,
            name: value.name,
            mime_type: mimeType,
            size: 0,
            sha256: "",
            blob_key: blobKey,
            ready: 0,
            created_at: createdAt,
            expires_at: createdAt + UNFINISHED_MS,
          })
          .execute(),
      );
      begun = blobKey;
      await blobs.write(blobKey, measured);
      const { size } = measured;
      const sha256 = measured.digest();
      const keepMs = file.keepMs ?? limits.keepMs;
      const expiresAt = keepMs === null ? null : createdAt + keepMs;
      await call((db) =>
        db.transaction().execute(async (transaction) => {
          await take(transaction, tenant, size);
          const finished = await transaction
            .updateTable("file")
            .set({ ready: 1, size, sha256, expires_at: expiresAt })
            .where("tenant", "=", tenant)
            .where("id", "=", id)
            .executeTakeFirst();
          // Only after a day of uploading: the row was given up meanwhile.
          if (finished.numUpdatedRows === 0n) throw new AppError("FILE_NOT_FOUND", { file: id });
        }),
      );
      return { value: { ...value, size, sha256 }, createdAt, expiresAt };
    } catch (error) {
      if (begun !== null) await discard(tenant, id, begun);
      throw error;
    }
  }

  /** Takes back an upload. What cannot be taken back now is taken by `prune`; the error to tell is the first one. */
  async function discard(tenant: string, id: string, blobKey: string): Promise<void> {
    try {
      await removeRow({ tenant, id, blob_key: blobKey });
    } catch {
      // The row stays, and with it the knowledge of what is left to do.
    }
  }

  async function usedBy(tenant: string): Promise<number> {
    const row = await call((db) =>
      db.selectFrom("file_usage").select("bytes").where("tenant", "=", tenant).executeTakeFirst(),
    );
    return Number(row?.bytes ?? 0);
  }

  async function take(transaction: Transaction<Tables>, tenant: string, size: number): Promise<void> {
    const { bytes } = await transaction
      .insertInto("file_usage")
      .values({ tenant, bytes: size, files: 1 })
      .onConflict((conflict) =>
        conflict
          .column("tenant")
          .doUpdateSet({ bytes: sql`file_usage.bytes + ${size}`, files: sql`file_usage.files + 1` }),
      )
      .returning("bytes")
      .executeTakeFirstOrThrow();
    // Uploads that ran side by side may each have had room.
    if (Number(bytes) > limits.tenantBytesMax) throw storeFull(Number(bytes) - size, limits.tenantBytesMax);
  }

  async function rowOf(tenant: string, id: string): Promise<FileRow | null> {
    if (!isFileId(id)) return null;
    const row = await call((db) =>
      db.selectFrom("file").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst(),
    );
    return row?.ready === 1 && (row.expires_at === null || Number(row.expires_at) > now()) ? row : null;
  }

  async function remove(tenant: string, id: string): Promise<boolean> {
    if (!isFileId(id)) return false;
    const row = await call((db) =>
      db.selectFrom("file").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst(),
    );
    if (row?.ready !== 1) return false;
    return removeRow(row);
  }

  /**
   * The bytes first: a row without bytes is found again, bytes without a row never. What the row counted for is asked of
   * the row itself, which a failed upload may have finished after all.
   */
  async function removeRow({ tenant, id, blob_key }: Pick<FileRow, "tenant" | "id" | "blob_key">): Promise<boolean> {
    await blobs.delete(blob_key);
    return call((db) =>
      db.transaction().execute(async (transaction) => {
        const gone = await transaction
          .deleteFrom("file")
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .returning(["ready", "size"])
          .executeTakeFirst();
        if (gone?.ready === 1) {
          await transaction
            .updateTable("file_usage")
            .set({ bytes: sql`bytes - ${Number(gone.size)}`, files: sql`files - 1` })
            .where("tenant", "=", tenant)
            .execute();
        }
        return gone !== undefined;
      }),
    );
  }

  return {
    put,
    async find(tenant, id) {
      const row = await rowOf(tenant, id);
      return row && stored(row);
    },
    async open(tenant, id) {
      const row = await rowOf(tenant, id);
      const bytes = row && (await blobs.read(row.blob_key));
      if (!row || !bytes) throw new AppError("FILE_NOT_FOUND", { file: id.slice(0, 100) });
      return { ...stored(row), bytes };
    },
    remove,
    async prune() {
      let count = 0;
      for (;;) {
        const due = await call((db) =>
          db.selectFrom("file").selectAll().where("expires_at", "<=", now()).limit(PRUNE_PAGE).execute(),
        );
        for (const row of due) if (await removeRow(row)) count += 1;
        if (due.length < PRUNE_PAGE) return count;
      }
    },
    async linkKey() {
      const key = randomBytes(32).toString("base64");
      return call(async (db) => {
        await db
          .insertInto("file_link_key")
          .values({ id: 1, key })
          .onConflict((conflict) => conflict.column("id").doNothing())
          .execute();
        const row = await db.selectFrom("file_link_key").select("key").where("id", "=", 1).executeTakeFirstOrThrow();
        return Buffer.from(row.key, "base64");
      });
    },
  };
}

/** A source that is counted and hashed on its way, and ends with an error behind its limit. */
class MeasuredSource implements AsyncIterable<Uint8Array> {
  size = 0;
  private readonly source: AsyncIterable<Uint8Array>;
  private readonly hash = createHash("sha256");
  private limit = Infinity;
  private refuse: (size: number) => AppError = () => new AppError("INTERNAL", { reason: "a file without a limit" });

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source;
  }

  limitTo(limit: number, refuse: (size: number) => AppError): void {
    this.limit = limit;
    this.refuse = refuse;
  }

  digest(): string {
    return this.hash.digest("hex");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.source) {
      this.size += chunk.length;
      if (this.size > this.limit) throw this.refuse(this.size);
      this.hash.update(chunk);
      yield chunk;
    }
  }
}

function tooLarge(size: number, limit: number): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", { what: "The file", size, limit, setting: "WEFT_FILE_BYTES_MAX" });
}

function storeFull(used: number, limit: number): AppError {
  return new AppError("FILE_STORE_FULL", { used, limit });
}

function stored(row: FileRow): StoredFile {
  const value: FileValue = {
    type: "file",
    id: row.id,
    name: row.name,
    mime_type: row.mime_type,
    size: Number(row.size),
    sha256: row.sha256,
  };
  return {
    value,
    createdAt: Number(row.created_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
  };
}
