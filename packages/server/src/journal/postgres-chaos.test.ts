import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { creation, finish, join, row, TENANT } from "./conformance/fixture.ts";
import type { Opened } from "./conformance/fixture.ts";
import type { Append, Membership, Verdict } from "./journal.ts";
import { postgresJournal } from "./postgres.ts";
import type { Proxy } from "./test-services.ts";
import { postgresForTests, startProxy } from "./test-services.ts";

const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `journal_chaos_${process.pid}`;
const LIMIT = 2;
const SECONDS = Number(process.env["WEFT_TEST_CHAOS_SECONDS"] ?? 6);

/** What all players were told, against which the database is held at the end. */
interface Truth {
  readonly rows: Map<string, string>;
  readonly taken: Map<string, number>;
  readonly offered: Set<string>;
  readonly ids: string[];
}

interface Owned {
  readonly tenant: string;
  readonly id: string;
  readonly epoch: number;
  seq: number;
}

/**
 * Several processes on one database, of which each may crash or lose a connection at any moment: I2 (rows 1..n, epochs
 * never fall), I4 (no row of an old epoch behind a newer one), inputs taken once, slots within their limit, books balanced.
 */
describe.skipIf("skip" in service)(`PostgreSQL and chaos ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  let client: pg.Client;
  let proxy: Proxy;
  const stores: Opened[] = [];
  beforeAll(async () => {
    proxy = await startProxy(url);
    for (const at of [url, proxy.url, url]) {
      const journal = await postgresJournal({ url: at, schema, renewal: "by hand" });
      stores.push({ journal, now: Date.now, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() });
    }
    client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
    await client.connect();
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
    await proxy.close();
  });

  test(
    "what was answered is there, in order, once",
    async () => {
      const truth: Truth = { rows: new Map(), taken: new Map(), offered: new Set(), ids: [] };
      const until = performance.now() + SECONDS * 1000;
      const [direct] = stores;
      const players = [...stores, ...stores].map((store) => new Player(store, direct!, client, truth));
      const watch = watchSlots(client, until);
      let swallowAt = 0;
      await Promise.all(
        players.map(async (player) => {
          await player.start();
          while (performance.now() < until) {
            // By time, and not with each move: however fast the moves are, a repeated statement gets through.
            if (performance.now() > swallowAt) {
              swallowAt = performance.now() + 50 + Math.random() * 200;
              proxy.swallowNextAnswer();
            }
            await player.play();
          }
        }),
      );
      expect(await watch).toBeLessThanOrEqual(LIMIT);
      await new Player(direct!, direct!, client, truth).finishAll();
      await compare(stores[0]!, client, truth);
      expect(proxy.swallowed()).toBeGreaterThan(0);
      expect(truth.rows.size).toBeGreaterThan(50);
    },
    SECONDS * 1000 + 60_000,
  );
});

/** The most slots of one key that were ever held at a time. */
async function watchSlots(client: pg.Client, until: number): Promise<number> {
  let most = 0;
  while (performance.now() < until) {
    const { rows } = await client.query<{ held: number }>(
      "select count(*)::int as held from slot where held group by lane order by held desc limit 1",
    );
    most = Math.max(most, rows[0]?.held ?? 0);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
  return most;
}

async function compare(store: Opened, client: pg.Client, truth: Truth): Promise<void> {
  const entries = await client.query<{ run_key: string; seq: number; epoch: number; body: Buffer }>(
    "select run_key, seq, epoch, body from entry order by run_key, seq",
  );
  let [run, seq, epoch] = ["", 0, 0];
  const stored = new Map<string, string>();
  for (const entry of entries.rows) {
    if (entry.run_key !== run) [run, seq, epoch] = [entry.run_key, 0, 0];
    expect(entry.seq).toBe(seq + 1);
    expect(entry.epoch).toBeGreaterThanOrEqual(epoch);
    [seq, epoch] = [entry.seq, entry.epoch];
    stored.set(`${run}/${seq}`, entry.body.toString());
  }
  for (const [place, body] of truth.rows) expect(stored.get(place), place).toBe(body);
  for (const [input, times] of truth.taken) expect([input, times]).toEqual([input, 1]);
  await store.journal.prune(0);
  const count = async (sql: string): Promise<number> => Number((await client.query(sql)).rows[0].count);
  expect(await count("select count(*) from inbox")).toBe(0);
  expect(await count("select count(*) from slot")).toBe(0);
  const runs = await count("select count(*) from run");
  expect(await store.journal.stats(TENANT)).toMatchObject({ submitted: runs, open: 0, succeeded: runs });
}

class Player {
  private readonly store: Opened;
  /** Inputs go this way: one whose answer is lost may be offered twice, and a repeat after it was taken is a new one. */
  private readonly direct: Opened;
  private readonly client: pg.Client;
  private readonly truth: Truth;
  private member!: Membership;
  private runs = new Map<number, Owned>();

  constructor(store: Opened, direct: Opened, client: pg.Client, truth: Truth) {
    this.store = store;
    this.direct = direct;
    this.client = client;
    this.truth = truth;
  }

  async start(): Promise<void> {
    this.member = await join(this.store.journal);
    this.runs = new Map();
  }

  async play(): Promise<void> {
    const chance = Math.random();
    if (chance < 0.2) return this.submit();
    if (chance < 0.65) return this.advance(false);
    if (chance < 0.8) return this.offer();
    if (chance < 0.9) return this.claim();
    if (chance < 0.95) return this.release();
    return this.crash();
  }

  private async submit(): Promise<void> {
    const slot = { key: `lane_${Math.floor(Math.random() * 2)}`, limit: LIMIT, strategy: "queue" } as const;
    const batch: Append[] = [];
    for (let count = 0; count < 3; count++) {
      const id = `run_${this.truth.ids.length}`;
      this.truth.ids.push(id);
      batch.push(await creation(this.store, id, Math.random() < 0.3 ? { slot } : {}));
    }
    await this.send(batch);
  }

  /** One further row for some of the runs, taking the inputs that wait. */
  private async advance(end: boolean): Promise<void> {
    const inputs = await this.store.journal.inbox(this.member, 100);
    const batch: Append[] = [];
    for (const [runKey, { tenant, epoch, seq }] of this.runs) {
      if (!end && Math.random() < 0.5) continue;
      const inputsTaken = inputs.filter((input) => input.runKey === runKey).map(({ inputId }) => inputId);
      const body = `1{"by":${this.member.workerKey},"at":${Math.random()}}`;
      const ends = end || Math.random() < 0.3 ? finish(this.store) : {};
      batch.push(row({ runKey, tenant }, seq + 1, { epoch, body, inputsTaken, ...ends }));
    }
    await this.send(batch);
  }

  private async send(batch: readonly Append[]): Promise<void> {
    if (batch.length === 0) return;
    const verdicts = await this.store.journal.append(this.member, batch);
    for (const [at, verdict] of verdicts.entries()) this.learn(batch[at]!, verdict);
  }

  private learn(append: Append, verdict: Verdict): void {
    const { runKey, tenant, seq, epoch, create } = append;
    if (verdict.type === "refused") throw new Error(`an answered row is gone: ${JSON.stringify(verdict)}`);
    if (verdict.type !== "committed" || append.change?.finishedAt !== undefined) this.runs.delete(runKey);
    if (verdict.type !== "committed") return;
    this.truth.rows.set(`${runKey}/${seq}`, append.body);
    for (const input of append.inputsTaken) {
      const name = `${runKey}/${input}`;
      this.truth.taken.set(name, (this.truth.taken.get(name) ?? 0) + 1);
    }
    if (append.change?.finishedAt !== undefined) return;
    const owned = this.runs.get(runKey);
    if (owned) owned.seq = seq;
    else this.runs.set(runKey, { tenant, id: create!.id, epoch, seq });
  }

  private async offer(): Promise<void> {
    const ids = [1, 2, 3].map(() => this.truth.ids[Math.floor(Math.random() * this.truth.ids.length)]);
    const inputs = ids.flatMap((runId) =>
      runId === undefined ? [] : [{ tenant: TENANT, runId, inputId: `in_${Math.random()}`, body: "1{}" }],
    );
    await this.direct.journal.offer(inputs);
  }

  private async claim(): Promise<void> {
    const { journal } = this.store;
    // The answer was lost: what it took is owned by a worker that does not know it, and is let go.
    const heads = await journal.claim(this.member, 50).catch(async () => {
      const lost = (await journal.owned(this.member)).filter(
        ({ runKey, epoch }) => this.runs.get(runKey)?.epoch !== epoch,
      );
      await journal.release(
        this.member,
        lost.map((run) => ({ ...run, availableAt: 0 })),
      );
      return [];
    });
    for (const head of heads) {
      const { rows } = await this.store.journal.read(head.runKey);
      this.runs.set(head.runKey, { tenant: head.tenant, id: head.id, epoch: head.epoch, seq: rows.length });
    }
  }

  private async release(): Promise<void> {
    const [first] = this.runs;
    if (!first) return;
    const [runKey, { epoch }] = first;
    this.runs.delete(runKey);
    await this.store.journal.release(this.member, [{ runKey, epoch, availableAt: Date.now() }]);
  }

  /** The memory is gone; a flush may still be under way. Sometimes the worker leaves in order instead. */
  private async crash(): Promise<void> {
    const flush = this.advance(false);
    if (Math.random() < 0.5) {
      await this.client.query("update worker set lease_until = 0 where worker_key = $1", [this.member.workerKey]);
    } else await this.member.leave();
    await flush;
    await this.start();
  }

  /** Takes over all there is, and ends it. */
  async finishAll(): Promise<void> {
    await this.start();
    await this.client.query("update worker set lease_until = 0 where worker_key <> $1", [this.member.workerKey]);
    for (let round = 0; round < 200; round++) {
      await this.claim();
      await this.advance(true);
    }
  }
}
