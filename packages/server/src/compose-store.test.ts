import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openWeft } from "./weft.ts";

test("a folder that cannot be opened whole is let go of, and says the same the next time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-store-"));
  await (await openWeft({ store: folder })).close();
  const db = new DatabaseSync(join(folder, "catalogue.db"));
  db.exec("insert into catalogue_migration (name, timestamp) values ('9999_future_breaking', '2030')");
  for (const _ of [1, 2]) await expect(openWeft({ store: folder })).rejects.toMatchObject({ code: "STORE_VERSION" });
  db.exec("delete from catalogue_migration where name = '9999_future_breaking'");
  db.close();
  await (await openWeft({ store: folder })).close();
  rmSync(folder, { recursive: true });
});
