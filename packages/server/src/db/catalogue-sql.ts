import { AppError } from "@weftwork/core";
import { sql, type Selectable, type Transaction } from "kysely";
import type { Catalogue, NewVersion, StoredVersion } from "./catalogue.ts";
import type { Database } from "./database.ts";
import type { Tables } from "./schema.ts";
import { nextVersion } from "./version-number.ts";

/**
 * The catalogue on the database of the cold tables, once for all that Kysely speaks.
 *
 * Two publishers of one name are put in a row by the first statement of the transaction, which writes the workflow's
 * row: the second waits there, and then reads what the first has committed (PostgreSQL: READ COMMITTED).
 */
export function sqlCatalogue(database: Database): Catalogue {
  const { call } = database;
  return {
    publish: (given) => call((db) => db.transaction().execute((transaction) => publish(transaction, given))),
    find: (tenant, name, version) =>
      call(async (db) => {
        if (!isText(name + (version ?? ""))) return null;
        const named = db
          .selectFrom("workflow_version")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("name", "=", name);
        const wanted =
          version === null ? named.orderBy("place", "desc").limit(1) : named.where("version", "=", version);
        return stored(await wanted.executeTakeFirst());
      }),
    byHash: (tenant, hash) =>
      call(async (db) => {
        const named = db
          .selectFrom("workflow_version")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("hash", "=", hash);
        return stored(await named.orderBy("created_at", "desc").orderBy("place", "desc").limit(1).executeTakeFirst());
      }),
    list: (tenant) =>
      call(async (db) => {
        const newest = db
          .selectFrom("workflow_version as v")
          .innerJoin("workflow as w", (join) =>
            join
              .onRef("w.tenant", "=", "v.tenant")
              .onRef("w.name", "=", "v.name")
              .onRef("w.version_count", "=", "v.place"),
          )
          .selectAll("v")
          .where("v.tenant", "=", tenant);
        const found = (await newest.execute()).map((row) => stored(row)!);
        // Ordered here: the database may order text by the rules of a language.
        return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      }),
    versions: (tenant, name) =>
      call(async (db) => {
        if (!isText(name)) return [];
        const named = db
          .selectFrom("workflow_version")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("name", "=", name);
        return (await named.orderBy("place", "desc").execute()).map((row) => stored(row)!);
      }),
  };
}

/** Whether a name can stand in the database at all: PostgreSQL takes no NUL. What cannot be stored was never published. */
function isText(name: string): boolean {
  return !name.includes("\0");
}

async function publish(db: Transaction<Tables>, given: NewVersion): Promise<StoredVersion> {
  const { tenant, name } = given;
  const raised = await db
    .insertInto("workflow")
    .values({ tenant, name, version_count: 1 })
    .onConflict((conflict) =>
      conflict.columns(["tenant", "name"]).doUpdateSet({ version_count: sql`workflow.version_count + 1` }),
    )
    .returning("version_count")
    .executeTakeFirstOrThrow();
  const place = Number(raised.version_count);
  const all = db.selectFrom("workflow_version").where("tenant", "=", tenant).where("name", "=", name);
  const same =
    given.version === null
      ? await all
          .selectAll()
          .where("place", "=", place - 1)
          .where("hash", "=", given.hash)
          .executeTakeFirst()
      : await all.selectAll().where("version", "=", given.version).executeTakeFirst();
  if (same) {
    if (same.hash !== given.hash) {
      throw new AppError("WORKFLOW_VERSION_EXISTS", { version: same.version, workflow: name });
    }
    // Nothing is added, so the count goes back to what it was.
    const back = db.updateTable("workflow").set({ version_count: place - 1 });
    await back.where("tenant", "=", tenant).where("name", "=", name).execute();
    return stored(same)!;
  }
  const taken = given.version === null ? await all.select("version").execute() : [];
  const version = given.version ?? nextVersion(taken.map((row) => row.version));
  const { hash, source, createdAt } = given;
  await db
    .insertInto("workflow_version")
    .values({ tenant, name, version, place, hash, source, created_at: createdAt })
    .execute();
  return { ...given, version };
}

function stored(row: Selectable<Tables["workflow_version"]> | undefined): StoredVersion | null {
  if (!row) return null;
  const { tenant, name, version, hash, source, created_at: createdAt } = row;
  return { tenant, name, version, hash, source, createdAt: Number(createdAt) };
}
