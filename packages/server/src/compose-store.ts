import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BlobStore } from "./blob/blob.ts";
import { fsBlobs } from "./blob/fs.ts";
import { memoryBlobs } from "./blob/memory.ts";
import { memoryCatalogue } from "./db/catalogue-memory.ts";
import { sqlCatalogue } from "./db/catalogue-sql.ts";
import type { Catalogue } from "./db/catalogue.ts";
import { memoryDatabase, sqliteDatabase } from "./db/database-sqlite.ts";
import type { Database } from "./db/database.ts";
import type { Journal } from "./journal/journal.ts";
import { memoryJournal } from "./journal/memory.ts";
import { sqliteJournal } from "./journal/sqlite.ts";
import { memoryStreamLog } from "./streamlog/memory.ts";
import { sqliteStreamLog } from "./streamlog/sqlite.ts";
import { memorySearch } from "./search/memory.ts";
import type { SearchIndex } from "./search/search.ts";
import { sqliteSearch } from "./search/sqlite.ts";
import type { StreamLog } from "./streamlog/streamlog.ts";
import type { Clock } from "./runtime/clock.ts";

/** Where a Weftwork keeps its state: `memory`, a folder, or the URL of a PostgreSQL database. */
export type StoreAddress = string;

/** What a Weftwork keeps its state in. */
export interface Store {
  readonly journal: Journal;
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly blobs: BlobStore;
  readonly streamLog: StreamLog;
  /** Runs by their words. */
  readonly search: SearchIndex;
  /** Payloads from this size on go to the blob store; without one of its own the database keeps them all. */
  readonly objectBytesMin: number;
  /** Flushes on their way at the same time. */
  readonly lanes: number;
}

/** Bytes from which a payload is a file of its own instead of a row. */
const OBJECT_BYTES_MIN = 256 * 1024;
export function isPostgres(address: StoreAddress): boolean {
  return /^postgres(ql)?:\/\//.test(address);
}

/** Opens the drivers that an address means. Where one of them fails, those opened before it are closed again. */
export async function openStore(address: StoreAddress, clock: Clock, tenant: string): Promise<Store> {
  const opened: Closable[] = [];
  try {
    return await openDrivers(address, clock, tenant, (one) => {
      opened.push(one);
      return one;
    });
  } catch (error) {
    // What failed is told; that something half open did not end in order either would hide it.
    await Promise.allSettled(opened.toReversed().map((one) => one.close()));
    throw error;
  }
}

interface Closable {
  close(): Promise<void>;
}

async function openDrivers(
  address: StoreAddress,
  clock: Clock,
  tenant: string,
  keep: <One extends Closable>(one: One) => One,
): Promise<Store> {
  if (address === "memory") {
    const journal = memoryJournal({ now: () => clock.now(), autoRenew: true });
    return {
      journal,
      database: await memoryDatabase(),
      catalogue: memoryCatalogue(),
      blobs: memoryBlobs(),
      streamLog: memoryStreamLog(),
      search: memorySearch(),
      objectBytesMin: Infinity,
      lanes: 1,
    };
  }
  if (isPostgres(address)) {
    // Loaded on first use: a laptop never needs the client.
    const [{ postgresJournal }, { postgresDatabase }, { postgresStreamLog }, { postgresBlobs }, { postgresSearch }] =
      await Promise.all([
        import("./journal/postgres.ts"),
        import("./db/database-postgres.ts"),
        import("./streamlog/postgres.ts"),
        import("./blob/postgres.ts"),
        import("./search/postgres.ts"),
      ]);
    const journal = keep(await postgresJournal({ url: address }));
    const database = keep(await postgresDatabase({ url: address }));
    return {
      journal,
      database,
      catalogue: sqlCatalogue(database),
      blobs: keep(await postgresBlobs({ url: address })),
      streamLog: keep(await postgresStreamLog({ url: address })),
      search: keep(await postgresSearch({ url: address, tenant })),
      objectBytesMin: Infinity,
      lanes: 2,
    };
  }
  mkdirSync(address, { recursive: true, mode: 0o700 });
  // The journal first: it holds the lock on the folder.
  const journal = keep(await sqliteJournal({ folder: address }));
  const database = keep(await sqliteDatabase({ folder: address }));
  return {
    journal,
    database,
    catalogue: sqlCatalogue(database),
    blobs: fsBlobs({ folder: join(address, "blobs") }),
    streamLog: sqliteStreamLog({ folder: address }),
    search: sqliteSearch({ folder: address, tenant }),
    objectBytesMin: OBJECT_BYTES_MIN,
    // One is written, one waits in the thread: it never idles for want of rows.
    lanes: 2,
  };
}
