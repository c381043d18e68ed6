import { randomUUID } from "node:crypto";
import { AppError } from "@weftwork/core";
import { Pool } from "pg";
import type { Connections } from "../connections/pool.ts";
import type { BlobStore } from "./blob.ts";

export interface PostgresBlobsOptions {
  readonly url: string;
  /** Connections at most. A stream holds one only while a chunk is on its way. */
  readonly connectionsMax?: number;
  /** Connections that are shared with others; left out, it has its own. */
  readonly connections?: Connections;
}

/** Bytes of one row. Large enough that a file has few, small enough that a stream is little memory. */
const CHUNK_BYTES = 512 * 1024;

/**
 * A blob is there when its row in `blob` is; the chunks lie under the name of the write that brought them. So a write
 * needs no transaction that would last as long as its source, and two writers of one key do not mix.
 * Chunks are not compressed: what is large mostly is already.
 */
const TABLES = `
  select pg_advisory_xact_lock(hashtext('weftwork blob tables'));
  do $$ begin
    if to_regclass('blob_chunk') is null then
      create table blob_chunk (
        key text not null, write uuid not null, place integer not null, bytes bytea not null,
        primary key (key, write, place));
      alter table blob_chunk alter column bytes set storage external;
      create table blob (
        key text primary key, write uuid not null, chunks integer not null, size bigint not null,
        created_at timestamptz not null default now());
    end if;
  end $$;
`;

/** Keeps blobs as rows of a PostgreSQL database, for those who have no object storage. */
export async function postgresBlobs(options: PostgresBlobsOptions): Promise<BlobStore> {
  const pool = options.connections ?? ownPool(options);

  async function query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    try {
      return (await pool.query<Row>(text, values ? [...values] : undefined)).rows;
    } catch (error) {
      throw storeError(error);
    }
  }

  async function write(key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const id = randomUUID();
    let [chunks, size] = [0, 0];
    try {
      for await (const bytes of rowsOf(source)) {
        await query("insert into blob_chunk (key, write, place, bytes) values ($1, $2, $3, $4)", [
          key,
          id,
          chunks,
          bytes,
        ]);
        chunks += 1;
        size += bytes.length;
      }
      const added = await query(
        "insert into blob (key, write, chunks, size) values ($1, $2, $3, $4) on conflict (key) do nothing returning key",
        [key, id, chunks, size],
      );
      // The same key has the same bytes: those that were there first stay.
      if (added.length === 0) await drop(key, id);
    } catch (error) {
      // The first error is the one to tell; chunks that stay behind now go with the key when it is deleted.
      await drop(key, id).catch(() => undefined);
      throw error;
    }
  }

  async function drop(key: string, id: string): Promise<void> {
    await query("delete from blob_chunk where key = $1 and write = $2", [key, id]);
  }

  async function find(key: string): Promise<{ readonly size: number; readonly chunks: AsyncIterable<Buffer> } | null> {
    const [head] = await query<{ write: string; chunks: number; size: string }>(
      "select write, chunks, size from blob where key = $1",
      [key],
    );
    return head ? { size: Number(head.size), chunks: chunksOf(key, head.write, head.chunks) } : null;
  }

  /** In one piece of its size, so that the bytes are not held twice. */
  async function get(key: string): Promise<Uint8Array | null> {
    const found = await find(key);
    if (!found) return null;
    const bytes = Buffer.allocUnsafe(found.size);
    let at = 0;
    for await (const chunk of found.chunks) at += chunk.copy(bytes, at);
    if (at !== found.size) throw new AppError("PAYLOAD_DAMAGED", { hash: key });
    return bytes;
  }

  async function* chunksOf(key: string, id: string, chunks: number): AsyncGenerator<Buffer> {
    for (let place = 0; place < chunks; place++) {
      const [row] = await query<{ bytes: Buffer }>(
        "select bytes from blob_chunk where key = $1 and write = $2 and place = $3",
        [key, id, place],
      );
      if (!row) throw new AppError("PAYLOAD_NOT_FOUND", { hash: key });
      yield row.bytes;
    }
  }

  try {
    await query(TABLES);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    put: (key, bytes) => write(key, one(bytes)),
    get,
    write,
    read: async (key) => (await find(key))?.chunks ?? null,
    async delete(key) {
      await query("with gone as (delete from blob where key = $1) delete from blob_chunk where key = $1", [key]);
    },
    close: () => pool.end(),
  };
}

function ownPool({ url, connectionsMax = 4 }: PostgresBlobsOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    idleTimeoutMillis: 300_000,
    connectionTimeoutMillis: 5000,
    application_name: "weftwork blobs",
  });
  // An idle connection that breaks is replaced by the pool; the next query tells if the server is gone.
  pool.on("error", () => undefined);
  return pool;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The same bytes in pieces of one row each. */
async function* rowsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + CHUNK_BYTES - size);
      waiting.push(part);
      size += part.length;
      at += part.length;
      if (size < CHUNK_BYTES) continue;
      yield Buffer.concat(waiting);
      [waiting, size] = [[], 0];
    }
  }
  if (size > 0) yield Buffer.concat(waiting);
}

const DISK_FULL = "53100";

function storeError(error: unknown): AppError {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  const full = (error as { code?: unknown } | null)?.code === DISK_FULL;
  return new AppError(full ? "STORE_FULL" : "STORE_UNAVAILABLE", { reason }, { cause: error });
}
