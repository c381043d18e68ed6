import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { testPostgres, type TestPostgres } from "../../packages/server/src/db/test-postgres.ts";

export const STORES = ["memory", "sqlite", "postgres"] as const;
export type StoreName = (typeof STORES)[number];

/** A fresh, empty place for one contender and one round. */
export interface Place {
  /** As `openWeft` takes it. */
  readonly address: string;
  remove(): Promise<void>;
}

export type Places = () => Promise<Place>;

export function memoryPlaces(): Places {
  return async () => ({ address: "memory", remove: async () => undefined });
}

export function folderPlaces(parent: string): Places {
  return async () => {
    const address = mkdtempSync(join(parent, "weft-bench-"));
    return { address, remove: async () => rmSync(address, { recursive: true, force: true }) };
  };
}

export function databasePlaces(server: TestPostgres): Places {
  return async () => {
    const { url, drop } = await server.create();
    return { address: url, remove: drop };
  };
}

/** The places of each store that this machine has; PostgreSQL is passed over where none answers. */
export async function placesOf(stores: readonly StoreName[], folder: string): Promise<ReadonlyMap<StoreName, Places>> {
  const places = new Map<StoreName, Places>();
  for (const store of stores) {
    if (store === "memory") places.set(store, memoryPlaces());
    if (store === "sqlite") places.set(store, folderPlaces(folder));
    if (store === "postgres") {
      const server = await testPostgres();
      if (server) places.set(store, databasePlaces(server));
      else process.stderr.write("no PostgreSQL answers on loopback (see WEFT_TEST_POSTGRES_URL): passed over\n");
    }
  }
  return places;
}
