import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Open, Opened } from "./fixture.ts";
import { appendOne, bodies, created, finish, join, payload, row, TENANT } from "./fixture.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

export function payloadFacts(open: Open): void {
  describe("payloads and pruning", () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    test("bytes come back by tenant and hash, and by nothing else", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "one");
      const [a, b, empty] = [payload("first"), payload("second\u0000\ufeff"), payload("")];
      await appendOne(journal, member, row(first, 2, { payloads: [a, b, empty] }));
      const found = await journal.payloads(TENANT, [b.hash, a.hash, empty.hash, "0".repeat(64)]);
      expect([...found.keys()].toSorted()).toEqual([a.hash, b.hash, empty.hash].toSorted());
      expect(text(found.get(b.hash))).toBe("second\u0000\ufeff");
      expect(found.get(empty.hash)).toHaveLength(0);
      expect(await journal.payloads("other", [a.hash])).toEqual(new Map());
      expect(await journal.payloads(TENANT, [])).toEqual(new Map());
    });

    test("a payload is stored once, however many runs of the tenant name it", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const shared = payload("shared prefix");
      const one = await created(opened, member, "one");
      const two = await created(opened, member, "two");
      const three = await created(opened, member, "three", { tenant: "other" });
      const batch = [one, two, three].map((first) => row(first, 2, { payloads: [shared, shared] }));
      expect(new Set((await journal.append(member, batch)).map(({ type }) => type))).toEqual(new Set(["committed"]));
      await appendOne(journal, member, row(one, 3, { payloads: [{ ...shared, bytes: null }] }));
      expect(text((await journal.payloads(TENANT, [shared.hash])).get(shared.hash))).toBe("shared prefix");
      expect(text((await journal.payloads("other", [shared.hash])).get(shared.hash))).toBe("shared prefix");
    });

    test("a payload that the object store holds is only named here", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "one");
      const far = { ...payload("far away"), bytes: null };
      expect((await appendOne(journal, member, row(first, 2, { payloads: [far] }))).type).toBe("committed");
      expect(await journal.payloads(TENANT, [far.hash])).toEqual(new Map());
    });

    test("a payload of a megabyte comes back byte for byte", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const first = await created(opened, member, "one");
      const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => at % 128));
      const big = payload(bytes.toString("latin1"));
      await appendOne(journal, member, row(first, 2, { payloads: [big] }));
      const found = (await journal.payloads(TENANT, [big.hash])).get(big.hash)!;
      expect(Buffer.compare(found, big.bytes!)).toBe(0);
    });

    test("pruning deletes runs that ended before, and neither open nor later ones", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const old = await created(opened, member, "old");
      const still = await created(opened, member, "open");
      await appendOne(journal, member, row(old, 2, { ...finish(opened), snapshot: "1{}" }));
      await opened.advance(1000);
      const border = opened.now();
      const late = await created(opened, member, "late");
      await appendOne(journal, member, row(late, 2, finish(opened)));
      expect(await journal.prune(border)).toEqual({ runs: 1, payloads: 0 });
      expect(await journal.head(TENANT, "old")).toBeNull();
      expect(await journal.read(old.runKey, { snapshot: true })).toEqual({ snapshot: null, rows: [] });
      expect(await bodies(journal, still.runKey)).toHaveLength(1);
      expect(await bodies(journal, late.runKey)).toHaveLength(2);
      expect(await journal.stats(TENANT)).toMatchObject({ submitted: 3, open: 1, succeeded: 2 });
      expect(await journal.prune(border)).toEqual({ runs: 0, payloads: 0 });
      expect((await journal.find({ tenant: TENANT, limit: 10 })).runs.map(({ id }) => id)).toEqual(["late", "open"]);
    });

    test("a workflow with a border of its own goes by it, shorter or longer; one tenant's border is not another's", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const name = (id: string, workflow: string, tenant = TENANT) => created(opened, member, id, { workflow, tenant });
      const runs = await Promise.all([
        name("long", "kept"),
        name("short", "brief"),
        name("other", "plain"),
        name("theirs", "brief", "other"),
      ]);
      for (const run of runs) await appendOne(journal, member, row(run, 2, finish(opened)));
      const still = await name("open", "brief");
      await opened.advance(1000);
      const past = opened.now() - 500_000;
      const own = [{ tenant: TENANT, workflow: "brief", finishedBefore: opened.now() }];
      expect(await journal.prune(past, { own })).toEqual({ runs: 1, payloads: 0 });
      expect(await journal.head(TENANT, "short")).toBeNull();
      expect(await bodies(journal, still.runKey)).toHaveLength(1);
      const longer = [{ tenant: TENANT, workflow: "kept", finishedBefore: past }];
      expect((await journal.prune(opened.now(), { own: longer })).runs).toBe(2);
      expect(await journal.head(TENANT, "long")).not.toBeNull();
      expect(await journal.head("other", "theirs")).toBeNull();
    });

    test("pruning stops where it is told to, and goes on from there another time", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const one = await created(opened, member, "one");
      await appendOne(journal, member, row(one, 2, finish(opened)));
      await opened.advance(1);
      await journal.prune(opened.now(), { goOn: () => false });
      expect((await journal.prune(opened.now(), { goOn: () => true })).runs).toBeLessThanOrEqual(1);
      expect(await journal.head(TENANT, "one")).toBeNull();
    });

    test("a hash is known from its commit until a day after its last run has gone, wherever its bytes are", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const one = await created(opened, member, "one");
      const [here, far] = [payload("here"), { ...payload("far"), bytes: null }];
      const hashes = [here.hash, far.hash, "0".repeat(64)];
      expect(await journal.known(TENANT, hashes)).toEqual(new Set());
      await appendOne(journal, member, row(one, 2, { payloads: [here, far], ...finish(opened) }));
      expect(await journal.known(TENANT, hashes)).toEqual(new Set([here.hash, far.hash]));
      expect(await journal.known("other", hashes)).toEqual(new Set());
      await opened.advance(1);
      await journal.prune(opened.now());
      expect((await journal.known(TENANT, hashes)).size).toBe(2);
      await opened.advance(DAY_MS + 1);
      await journal.prune(opened.now());
      expect(await journal.known(TENANT, hashes)).toEqual(new Set());
    });

    test("a payload is kept while a run names it, and a day longer (F40)", async () => {
      const { journal } = opened;
      const shared = payload("used by a fork");
      const alone = payload("used by one");
      const member = await join(journal);
      const one = await created(opened, member, "one");
      const fork = await created(opened, member, "fork");
      await appendOne(journal, member, row(one, 2, { payloads: [shared, alone], ...finish(opened) }));
      await appendOne(journal, member, row(fork, 2, { payloads: [{ ...shared, bytes: null }] }));
      await opened.advance(1);
      const hashes = [shared.hash, alone.hash];
      expect(await journal.prune(opened.now())).toEqual({ runs: 1, payloads: 0 });
      expect((await journal.payloads(TENANT, hashes)).size).toBe(2);
      await opened.advance(DAY_MS + 1);
      expect(await journal.prune(opened.now())).toEqual({ runs: 0, payloads: 1 });
      const left = await journal.payloads(TENANT, hashes);
      expect([...left.keys()]).toEqual([shared.hash]);
    });

    test("a payload that is named again within its day stays", async () => {
      const { journal } = opened;
      const again = payload("named again");
      const member = await join(journal);
      const one = await created(opened, member, "one");
      await appendOne(journal, member, row(one, 2, { payloads: [again], ...finish(opened) }));
      await opened.advance(1);
      expect((await journal.prune(opened.now())).runs).toBe(1);
      const other = await created(opened, member, "other");
      await appendOne(journal, member, row(other, 2, { payloads: [{ ...again, bytes: null }] }));
      await opened.advance(DAY_MS + 1);
      expect((await journal.prune(opened.now())).payloads).toBe(0);
      expect(text((await journal.payloads(TENANT, [again.hash])).get(again.hash))).toBe("named again");
    });

    test("after pruning, the id and the idempotency key are free", async () => {
      const { journal } = opened;
      const member = await join(journal);
      const keyed = { idempotency: { key: "K", fingerprint: "f", expiresAt: opened.now() + DAY_MS } };
      const one = await created(opened, member, "one", keyed);
      await appendOne(journal, member, row(one, 2, finish(opened)));
      await opened.advance(1);
      await journal.prune(opened.now());
      const two = await created(opened, member, "one", keyed);
      expect((await journal.head(TENANT, "one"))!.runKey).toBe(two.runKey);
    });
  });
}
