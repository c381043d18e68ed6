import { expect, test } from "vitest";
import { memoryDatabase } from "../db/database-sqlite.ts";
import { processClock } from "../db/database-clock.ts";
import { HandClock } from "../runtime/engine.testing.ts";
import { Directory } from "./directory.ts";
import { EndpointTable, type StoredEndpoint } from "./endpoint-table.ts";
import { openSealer } from "./outgoing.testing.ts";

/** A table whose answers come when the test says so. */
class SlowTable extends EndpointTable {
  readonly answers: ((endpoints: readonly StoredEndpoint[]) => void)[] = [];

  override list(): Promise<readonly StoredEndpoint[]> {
    return new Promise((resolve) => this.answers.push(resolve));
  }
}

test("an answer that comes behind that of a later question is passed over", async () => {
  const clock = new HandClock();
  const database = await memoryDatabase();
  const table = new SlowTable({ database, tenant: "acme", time: processClock(() => clock.now()) });
  const directory = new Directory({
    table,
    sealer: openSealer,
    tenant: "acme",
    clock,
    tell: () => undefined,
    problem: () => undefined,
  });
  const endpoint = { id: "e", workflow: null, status: "enabled" } as StoredEndpoint;
  const [early, late] = [directory.refresh(), directory.refresh()];
  table.answers[1]!([endpoint]);
  await late;
  expect(directory.of("any")).toEqual([endpoint]);
  table.answers[0]!([]);
  await early;
  expect(directory.of("any")).toEqual([endpoint]);
  await directory.close();
  await database.close();
});
