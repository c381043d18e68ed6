import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Budget } from "./connections/shares.ts";
import type { Way } from "./connections/way.ts";
import type { BlobStore } from "./blob/blob.ts";
import { fsBlobs } from "./blob/fs.ts";
import { memoryBlobs } from "./blob/memory.ts";
import { memoryCatalogue } from "./db/catalogue-memory.ts";
import { optional } from "./base/optional.ts";
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
import { openAll, type Closable } from "./compose-opened.ts";

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
  /** Its connections to a server, where it has any. */
  readonly connections: StoreConnections | null;
  close(): Promise<void>;
}

/** The connections of a process to the server of its store. */
export interface StoreConnections {
  readonly budget: Budget;
  readonly way: Way;
  /** Begins to share them with the other processes. When this one has joined the store. */
  start(): void;
}

/** Bytes from which a payload is an object of its own instead of a row of the journal. */
const OBJECT_BYTES_MIN = 256 * 1024;
export function isPostgres(address: StoreAddress): boolean {
  return /^postgres(ql)?:\/\//.test(address);
}

/** A bucket of an S3-compatible store. */
export interface ObjectStoreAddress {
  /** Path-style, with a prefix or without: `https://host:9000/bucket`. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * Opens the drivers that an address means. Where one of them fails, those opened before it are closed again. With a
 * bucket, payloads from `OBJECT_BYTES_MIN` on and files lie there. `listenUrl` leads to the same PostgreSQL database, where
 * `address` leads to a pooler.
 */
export function openStore(
  address: StoreAddress,
  clock: Clock,
  tenant: string,
  bucket: ObjectStoreAddress | null = null,
  problem: (message: string, error: unknown) => void = () => undefined,
  listenUrl: string | null = null,
): Promise<Store> {
  return openAll(async (opened) => ({
    ...(await openDrivers(address, clock, tenant, bucket, problem, listenUrl, (one) => opened.keep(one))),
    close: () => opened.close(),
  }));
}

async function openDrivers(
  address: StoreAddress,
  clock: Clock,
  tenant: string,
  bucket: ObjectStoreAddress | null,
  problem: (message: string, error: unknown) => void,
  listenUrl: string | null,
  keep: <One extends Closable>(one: One) => One,
): Promise<Omit<Store, "close">> {
  if (address === "memory") {
    const journal = keep(memoryJournal({ now: () => clock.now(), autoRenew: true }));
    return {
      journal,
      database: keep(await memoryDatabase()),
      catalogue: memoryCatalogue(),
      blobs: bucket === null ? memoryBlobs() : keep(await openBucket(bucket)),
      streamLog: memoryStreamLog(),
      search: memorySearch(),
      objectBytesMin: bucket === null ? Infinity : OBJECT_BYTES_MIN,
      lanes: 1,
      connections: null,
    };
  }
  if (isPostgres(address)) {
    // Loaded on first use: a laptop never needs the client.
    const [
      { ConnectionBudget },
      { Way },
      { postgresJournal },
      { postgresDatabase },
      { postgresStreamLog },
      { postgresBlobs },
      { postgresSearch },
    ] = await Promise.all([
      import("./connections/budget.ts"),
      import("./connections/way.ts"),
      import("./journal/postgres.ts"),
      import("./db/database-postgres.ts"),
      import("./streamlog/postgres.ts"),
      import("./blob/postgres.ts"),
      import("./search/postgres.ts"),
    ]);
    const way = new Way({ url: address, listenUrl: listenUrl ?? undefined, problem });
    const budget = keep(new ConnectionBudget({ url: address, way, problem }));
    const [cold, asked] = [budget.patient(), budget.impatient()];
    const journal = keep(await postgresJournal({ url: address, budget, way }));
    const database = keep(await postgresDatabase({ url: address, connections: asked }));
    return {
      journal,
      database,
      catalogue: sqlCatalogue(database),
      // Either way any process reads what another one has written.
      blobs: keep(await (bucket === null ? postgresBlobs({ url: address, connections: cold }) : openBucket(bucket))),
      streamLog: keep(await postgresStreamLog({ url: address, connections: cold })),
      search: keep(await postgresSearch({ url: address, tenant, connections: asked })),
      objectBytesMin: OBJECT_BYTES_MIN,
      lanes: 2,
      connections: { budget, way, start: () => budget.start() },
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
    blobs: bucket === null ? fsBlobs({ folder: join(address, "blobs") }) : keep(await openBucket(bucket)),
    streamLog: keep(sqliteStreamLog({ folder: address })),
    search: keep(sqliteSearch({ folder: address, tenant })),
    objectBytesMin: OBJECT_BYTES_MIN,
    // One is written, one waits in the thread: it never idles for want of rows.
    lanes: 2,
    connections: null,
  };
}

/** The client is loaded on first use: most installations need none. */
async function openBucket(bucket: ObjectStoreAddress): Promise<BlobStore> {
  const { s3Blobs } = await import("./blob/s3.ts");
  return s3Blobs({
    ...bucket,
    load: () => optional("s3mini", "payloads and files in an object store (WEFT_S3_URL)", () => import("s3mini")),
  });
}
