import { fork } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { appendOne, bodies, created, creation, finish, join, payload, row, TENANT } from "./conformance/fixture.ts";
import type { Opened } from "./conformance/fixture.ts";
import type { Append, Journal } from "./journal.ts";
import { sqliteJournal } from "./sqlite.ts";

/** Faults of the embedded store: F24 to F26, and rows that SQLite refuses (F35). */
let folder: string;
const opened: Journal[] = [];

async function open(at = folder): Promise<Opened> {
  const journal = await sqliteJournal({ folder: at, thread: false });
  opened.push(journal);
  return { journal, now: Date.now, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
}

beforeEach(() => {
  folder = mkdtempSync(joinPath(tmpdir(), "journal-faults-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((journal) => journal.close()));
  rmSync(folder, { recursive: true });
});

/** Numbers that look random and are the same every time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

test("a second journal on the folder is refused with the first one's process id (F24)", async () => {
  await open();
  await expect(open()).rejects.toMatchObject({ code: "STORE_IN_USE", details: { pid: String(process.pid) } });
});

test("errors cross from the writing thread as what they are", async () => {
  await open();
  await expect(sqliteJournal({ folder, thread: true })).rejects.toMatchObject({
    code: "STORE_IN_USE",
    details: { folder, pid: String(process.pid) },
  });
  const inner = joinPath(folder, "inner");
  const journal = await sqliteJournal({ folder: inner, thread: true, pagesMax: 40 });
  opened.push(journal);
  const member = await join(journal);
  const store: Opened = {
    journal,
    now: Date.now,
    advance: () => undefined,
    rowBytesMax: 1e6,
    close: () => journal.close(),
  };
  const first = await created(store, member, "run_1");
  const big = row(first, 2, { body: "1" + "x".repeat(500_000) });
  await expect(appendOne(journal, member, big)).rejects.toMatchObject({ code: "STORE_FULL", retryable: true });
  expect((await appendOne(journal, member, row(first, 2))).type).toBe("committed");
  await expect(journal.find({ tenant: TENANT, limit: 1, cursor: "x" })).rejects.toMatchObject({
    code: "INVALID_REQUEST",
  });
});

test("a folder that cannot be made is a typed error", async () => {
  const file = joinPath(folder, "file");
  closeSync(openSync(file, "w"));
  await expect(open(joinPath(file, "below"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
});

test("a process that is killed holds nothing back, and what it was told is there (F24)", async () => {
  const program = `
    import { sqliteJournal } from ${JSON.stringify(new URL("sqlite.ts", import.meta.url).href)};
    import { creation, join, appendOne } from ${JSON.stringify(new URL("conformance/fixture.ts", import.meta.url).href)};
    const journal = await sqliteJournal({ folder: ${JSON.stringify(folder)}, thread: false });
    const member = await join(journal);
    await appendOne(journal, member, await creation({ journal, now: Date.now }, "run_1"));
    process.send("ready");
    setInterval(() => {}, 1000);`;
  const child = fork("-", [], { execArgv: ["--input-type=module-typescript", "--eval", program], stdio: "inherit" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    await new Promise((resolve) => child.once("message", resolve));
    await expect(open()).rejects.toMatchObject({ code: "STORE_IN_USE", details: { pid: String(child.pid) } });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  const { journal } = await open();
  expect(await journal.claim(await join(journal), 10)).toMatchObject([{ id: "run_1", crashCount: 1 }]);
});

test("a foreign lock on the file is a typed error, and work goes on when it ends (F24)", async () => {
  const store = await open();
  const member = await join(store.journal);
  const first = await created(store, member, "run_1");
  const foreign = new DatabaseSync(joinPath(folder, "journal.db"));
  foreign.exec("begin immediate");
  const append = row(first, 2);
  await expect(appendOne(store.journal, member, append)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  foreign.exec("rollback");
  foreign.close();
  expect((await appendOne(store.journal, member, append)).type).toBe("committed");
});

test("a full disk is a typed error that leaves nothing, and work goes on when there is room (F24)", async () => {
  const store = await open();
  const member = await join(store.journal);
  const first = await created(store, member, "run_1");
  await store.journal.close();
  const db = new DatabaseSync(joinPath(folder, "journal.db"));
  const { page_count: pages } = db.prepare("pragma page_count").get() as { page_count: number };
  db.close();
  const full = await sqliteJournal({ folder, thread: false, pagesMax: pages });
  opened.push(full);
  const owner = await join(full);
  await full.claim(owner, 1);
  const big = row(first, 2, { epoch: 2, body: "1" + "x".repeat(100_000) });
  const other = await creation({ ...store, journal: full }, "run_2");
  await expect(full.append(owner, [other, big])).rejects.toMatchObject({ code: "STORE_FULL" });
  expect(await full.head(TENANT, "run_2")).toBeNull();
  await full.close();
  const again = await open();
  const third = await join(again.journal);
  expect(await again.journal.claim(third, 1)).toMatchObject([{ epoch: 3 }]);
  expect((await appendOne(again.journal, third, { ...big, epoch: 3 })).type).toBe("committed");
});

test("a file that is not a database is a typed error", async () => {
  const file = openSync(joinPath(folder, "journal.db"), "w");
  writeSync(file, "this is not a database, and never was one. ".repeat(200));
  closeSync(file);
  await expect(open()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
});

test("a store of a newer version is refused", async () => {
  await (await open()).close();
  const db = new DatabaseSync(joinPath(folder, "journal.db"));
  db.exec("pragma user_version = 999");
  db.close();
  await expect(open()).rejects.toMatchObject({ code: "STORE_VERSION" });
});

test("a row that SQLite refuses is refused alone (F35)", async () => {
  const store = await open();
  const member = await join(store.journal);
  const batch = await Promise.all(Array.from({ length: 64 }, (_, at) => creation(store, `run_${at}`)));
  batch[9] = { ...batch[9]!, create: { ...batch[9]!.create!, createdAt: Number.NaN } };
  batch[50] = { ...batch[50]!, payloads: [{ ...payload("x"), size: Number.NaN }] };
  const verdicts = await store.journal.append(member, batch);
  const others = verdicts.flatMap(({ type }, at) => (type === "committed" ? [] : [[at, type]]));
  expect(others).toEqual([
    [9, "refused"],
    [50, "refused"],
  ]);
  expect((await store.journal.stats(TENANT)).submitted).toBe(62);
});

test("after a power loss at any moment, every answered append is there and the file is whole (F25)", async () => {
  const store = await open();
  const { journal } = store;
  const member = await join(journal);
  const pick = random(25);
  const runs: { runKey: number; rows: number }[] = [];
  let crashes = 0;
  for (let round = 0; round < 120; round++) {
    const firsts = await Promise.all(
      Array.from({ length: 1 + pick(6) }, (_, at) => creation(store, `run_${round}_${at}`)),
    );
    await journal.append(member, firsts);
    for (const { runKey } of firsts) runs.push({ runKey, rows: 1 });
    const grown = runs.filter(() => pick(4) === 0).slice(0, 20);
    await journal.append(
      member,
      grown.map((run) =>
        row({ runKey: run.runKey, tenant: TENANT }, run.rows + 1, { body: "1" + "y".repeat(pick(3000)) }),
      ),
    );
    for (const run of grown) run.rows += 1;
    const durable = walSize(folder);
    // One more flush, of which nothing, a part, or all reaches the disk; its last page may be torn.
    const last = await creation(store, `torn_${round}`);
    await appendOne(journal, member, { ...last, body: "1" + "z".repeat(pick(9000)) });
    for (let cut = 0; cut < 3; cut++) {
      const at = copyOf(folder, `${++crashes}`);
      tear(at, durable, pick);
      await expectWhole(at, runs);
    }
    runs.push({ runKey: last.runKey, rows: 1 });
  }
  expect(crashes).toBe(360);
}, 120_000);

function walSize(at: string): number {
  const wal = joinPath(at, "journal.db-wal");
  return existsSync(wal) ? statSync(wal).size : 0;
}

function copyOf(from: string, name: string): string {
  const to = joinPath(from, `copy-${name}`);
  mkdirSync(to);
  for (const file of ["journal.db", "journal.db-wal"]) {
    if (existsSync(joinPath(from, file))) copyFileSync(joinPath(from, file), joinPath(to, file));
  }
  return to;
}

/** Cuts the log anywhere behind what was synced, and leaves rubbish in what would have been its last page. */
function tear(at: string, durable: number, pick: (below: number) => number): void {
  const wal = joinPath(at, "journal.db-wal");
  const size = walSize(at);
  // A log that was begun anew is as long as before or shorter: then everything in it was synced but its last frames.
  const from = Math.min(durable, size);
  const end = from + pick(size - from + 1);
  truncateSync(wal, end);
  if (end > from && pick(2) === 0) {
    const file = openSync(wal, "r+");
    writeSync(file, Buffer.alloc(Math.min(512, end - from), pick(256)), 0, undefined, Math.max(from, end - 512));
    closeSync(file);
  }
}

async function expectWhole(at: string, runs: readonly { runKey: number; rows: number }[]): Promise<void> {
  const journal = await sqliteJournal({ folder: at, thread: false });
  for (const { runKey, rows } of runs.slice(-40)) expect((await bodies(journal, runKey)).length).toBe(rows);
  await journal.close();
  const db = new DatabaseSync(joinPath(at, "journal.db"));
  expect(db.prepare("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  expect(db.prepare("select count(*) as rows from entry").get()!["rows"]).toBeGreaterThanOrEqual(
    runs.reduce((sum, run) => sum + run.rows, 0),
  );
  db.close();
  rmSync(at, { recursive: true });
}

test("a flipped bit is found, and never becomes a value; other runs stay readable (F26)", async () => {
  const store = await open();
  const member = await join(store.journal);
  const pick = random(26);
  const runs: Written[] = [];
  for (let at = 0; at < 24; at++) {
    const first = await created(store, member, `run_${at}`);
    const blob = payload(`payload ${at} `.repeat(300));
    const snapshot = `1{"of":${at},"state":"${"s".repeat(300)}"}`;
    const rows = [row(first, 2, { payloads: [blob], snapshot }), row(first, 3, finish(store))];
    for (const each of rows) await appendOne(store.journal, member, each);
    runs.push({ rows: [first, ...rows], blob });
  }
  await store.journal.close();
  const whole = readFileSync(joinPath(folder, "journal.db"));
  const pages = pagesOf(joinPath(folder, "journal.db"));
  let mostlyReadable = 0;
  const found: Record<string, number> = {};
  for (let flip = 0; flip < 300; flip++) {
    const table = ["entry", "entry_place", "snapshot", "payload", "payload_hash", "run"][flip % 6]!;
    const own = pages.filter(({ name }) => name === table);
    const { offset, size } = own[pick(own.length)]!;
    const at = joinPath(folder, "flip");
    mkdirSync(at);
    const bytes = Buffer.from(whole);
    bytes[offset + pick(size)]! ^= 1 << pick(8);
    writeFileSync(joinPath(at, "journal.db"), bytes);
    const { errors, readable } = await readAll(at, runs);
    if (errors > 0) found[table] = (found[table] ?? 0) + 1;
    if (readable >= runs.length / 2) mostlyReadable += 1;
    rmSync(at, { recursive: true });
  }
  // The other flips met bytes that hold nothing, or only what a list shows.
  expect(found["entry"]).toBeGreaterThan(20);
  expect(found["payload"]).toBeGreaterThan(20);
  expect(found["entry_place"]).toBeGreaterThan(5);
  expect(mostlyReadable).toBeGreaterThan(250);
}, 60_000);

/** Where the pages of each table and index lie in the file. */
function pagesOf(file: string): { name: string; offset: number; size: number }[] {
  const db = new DatabaseSync(file);
  const rows = db.prepare("select name, pgoffset as offset, pgsize as size from dbstat where aggregate = 0").all();
  db.close();
  return rows.map(({ name, offset, size }) => ({ name: String(name), offset: Number(offset), size: Number(size) }));
}

interface Written {
  readonly rows: readonly Append[];
  readonly blob: ReturnType<typeof payload>;
}

/** Reads everything. Whatever is answered must be what was written. */
async function readAll(at: string, runs: readonly Written[]): Promise<{ errors: number; readable: number }> {
  let [errors, readable] = [0, 0];
  const journal = await sqliteJournal({ folder: at, thread: false });
  for (const { rows, blob } of runs) {
    const [{ runKey }] = rows as [Append];
    try {
      expect(await bodies(journal, runKey)).toEqual(rows.map(({ body }) => body));
      const { snapshot } = await journal.read(runKey, { snapshot: true });
      if (snapshot) expect(snapshot.body).toBe(rows[1]!.snapshot);
      const bytes = (await journal.payloads(TENANT, [blob.hash])).get(blob.hash);
      if (bytes) expect(Buffer.compare(bytes, blob.bytes!)).toBe(0);
      readable += bytes ? 1 : 0;
      errors += bytes ? 0 : 1;
    } catch (error) {
      expect(error).toHaveProperty("code");
      expect(["RUN_DAMAGED", "PAYLOAD_DAMAGED"]).toContain((error as { code: string }).code);
      errors += 1;
    }
  }
  await journal.close();
  return { errors, readable };
}
