import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { ChildServer } from "./child.ts";
import { readRecorded } from "./record.ts";
import { RecordingEndpoint } from "./recorder.ts";
import { STEPS } from "./workflow.ts";

/** Real processes on real stores, killed at random points under load (F1, F9; show 4). */
const RUNS = 300;
const ids = Array.from({ length: RUNS }, (_, at) => `run-${at}`);
const postgres = await testPostgres();
if (!postgres) {
  if (process.env["CI"] === "true") throw new Error("the whole check needs PostgreSQL on 127.0.0.1:5432");
  process.stderr.write("Skipped: no PostgreSQL answers on 127.0.0.1:5432, and WEFT_TEST_POSTGRES_URL is not set.\n");
}

interface Store {
  readonly address: string;
  drop(): Promise<void>;
}

async function folder(): Promise<Store> {
  const address = mkdtempSync(join(tmpdir(), "weft-chaos-"));
  return { address, drop: async () => rmSync(address, { recursive: true, force: true }) };
}

async function database(): Promise<Store> {
  const { url, drop } = await postgres!.create();
  return { address: url, drop };
}

/** After a kill PostgreSQL waits for the dead worker's lease; the folder of SQLite is free at once. */
const STORES = [
  { name: "SQLite", open: folder, kills: 4, skip: false },
  { name: "PostgreSQL", open: database, kills: 2, skip: postgres === null },
] as const;

describe.each(STORES)("$name", ({ open, kills, skip }) => {
  let store: Store;
  let endpoint: RecordingEndpoint;
  let server: ChildServer | null = null;

  beforeEach(async (context) => {
    if (skip) context.skip("no PostgreSQL answers on 127.0.0.1:5432");
    [store, endpoint] = [await open(), await RecordingEndpoint.open()];
  });
  afterEach(async () => {
    if (skip) return;
    await server?.kill();
    await endpoint.close();
    await store.drop();
  });

  /** Submits what was not answered yet; a server that dies meanwhile answers no more. */
  async function submitAll(to: ChildServer, accepted: Set<string>): Promise<void> {
    const left = ids.filter((id) => !accepted.has(id));
    const one = async (id: string): Promise<void> => {
      try {
        await to.submit(id, 1);
        accepted.add(id);
      } catch {
        // Sent again to the next server, with the same id.
      }
    };
    while (left.length > 0) await Promise.all(left.splice(0, 32).map(one));
  }

  test(`kill -9 at ${kills} random points of ${RUNS} runs loses nothing and repeats only what was in flight`, async () => {
    const accepted = new Set<string>();
    const doneBefore: { successes: ReadonlySet<string>; before: ReadonlyMap<string, number> }[] = [];
    let inFlight = 0;
    for (let kill = 1; kill <= kills; kill++) {
      const running = (server = await ChildServer.start(store.address, endpoint.url));
      const submitting = submitAll(running, accepted);
      // Anywhere in this share of all steps, while the last share is left for the end.
      const share = (RUNS * STEPS) / (kills + 1);
      await endpoint.reached(Math.floor(endpoint.total + share * (0.2 + 0.7 * Math.random())));
      await running.kill();
      await submitting;
      const before = new Map(endpoint.calls);
      const { successes, others } = await readRecorded(store.address, ids);
      expect([...others]).toEqual([]);
      expect([...successes].filter((key) => !before.has(key))).toEqual([]);
      inFlight += [...before.keys()].filter((key) => !successes.has(key)).length;
      doneBefore.push({ successes, before });
    }
    server = await ChildServer.start(store.address, endpoint.url);
    await submitAll(server, accepted);
    expect(accepted.size).toBe(RUNS);
    const ends = await Promise.all(ids.map((id) => server!.end(id)));
    expect(ends.filter(({ status }) => status !== "succeeded")).toEqual([]);
    expect(ends[0]!.outputs).toEqual({ [`s${STEPS - 1}`]: { n: STEPS, node: `s${STEPS - 1}` } });

    // No step whose result was recorded at a kill was called again behind it.
    for (const { successes, before } of doneBefore)
      for (const key of successes) expect(endpoint.calls.get(key), key).toBe(before.get(key));
    expect(endpoint.calls.size).toBe(RUNS * STEPS);
    const repeats = endpoint.total - RUNS * STEPS;
    expect(repeats).toBeLessThanOrEqual(inFlight);
    process.stdout.write(`${kills} kills: ${inFlight} steps in flight, ${repeats} of them called again\n`);
  });

  test("SIGTERM under load ends in order: exit 0, no attempt is counted, nothing is called twice (F9)", async () => {
    server = await ChildServer.start(store.address, endpoint.url);
    const accepted = new Set<string>();
    const submitting = submitAll(server, accepted);
    await endpoint.reached(Math.floor((RUNS * STEPS) / 4));
    expect(await server.terminate(), server.errors).toBe(0);
    await submitting;
    const { successes, others } = await readRecorded(store.address, ids);
    expect([...others]).toEqual([]);
    // All that ran had time to end within the grace, and was recorded.
    expect([...endpoint.calls.keys()].filter((key) => !successes.has(key))).toEqual([]);
    server = await ChildServer.start(store.address, endpoint.url);
    await submitAll(server, accepted);
    const ends = await Promise.all(ids.map((id) => server!.end(id)));
    expect(ends.filter(({ status }) => status !== "succeeded")).toEqual([]);
    expect(endpoint.total).toBe(RUNS * STEPS);
    expect([...endpoint.calls.keys()].filter((key) => !key.endsWith("#1"))).toEqual([]);
  });
});
