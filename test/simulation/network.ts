import type { BlobStore } from "../../packages/server/src/blob/blob.ts";
import type { Journal, Membership } from "../../packages/server/src/journal/journal.ts";
import type { MemoryJournal } from "../../packages/server/src/journal/memory.ts";
import type { Failpoint } from "./faults.ts";
import { SimLease } from "./lease.ts";
import { LATE_MS_MAX, type Link } from "./link.ts";
import { never } from "./world.ts";

/** The journal as a process sees it from the other end of its link, with the failpoints of a flush and of a claim. */
export function journalOver(link: Link, journal: MemoryJournal): Journal {
  const { world, faults, process } = link;
  const dies = (point: Failpoint): boolean => faults.crashes(point) && process.crash(point);
  const call = <T>(what: string, act: () => Promise<T>, repeatable = false): Promise<T> =>
    link.send(what, act, repeatable);
  /** What is on the wire names the sender as it was then. */
  const sender = ({ workerKey }: Membership): Membership => ({ workerKey, deadline: () => 0, leave: async () => {} });
  return {
    capabilities: journal.capabilities,
    join: async (worker) => {
      const sentAt = world.now;
      const inner = await call("join", () => journal.join(worker));
      return dies("lease granted") ? never() : new SimLease(link, inner, sentAt);
    },
    reserveKeys: (count) => call("reserve keys", () => journal.reserveKeys(count)),
    append: async (present, batch) => {
      const membership = sender(present);
      if (dies("before flush")) {
        // What lay in a buffer may still arrive, long after its sender: the fence alone keeps it out then.
        const arrive = (): void => void journal.append(membership, batch);
        if (world.random.chance(0.6)) world.after(world.random.between(10, LATE_MS_MAX), null, "a late append", arrive);
        return never();
      }
      const arrived = async (): ReturnType<Journal["append"]> => {
        const verdicts = await journal.append(membership, batch);
        // Between the arrival of a flush and its answer the sender may die; it is told nothing then.
        if (process.alive) dies("flush sent but not answered");
        // A zombie: it is told of the success when others have owned its runs for long.
        if (faults.stops()) process.pause(world.random.pick([11_500, 36_000]));
        return verdicts;
      };
      const verdicts = await call("append", arrived, true);
      if (dies("answered but memory not updated")) return never();
      return batch.some(({ snapshot }) => snapshot !== null) && dies("snapshot written") ? never() : verdicts;
    },
    offer: (inputs) => call("offer", () => journal.offer(inputs), true),
    inbox: (present, limit) => {
      const membership = sender(present);
      return call("inbox", () => journal.inbox(membership, limit));
    },
    claim: async (present, limit) => {
      const membership = sender(present);
      const heads = await call("claim", () => journal.claim(membership, limit));
      return heads.length > 0 && dies("run claimed but not loaded") ? never() : heads;
    },
    release: async (present, runs) => {
      const membership = sender(present);
      const count = await call("release", () => journal.release(membership, runs), true);
      return dies("run released but not forgotten") ? never() : count;
    },
    owned: (present) => {
      const membership = sender(present);
      return call("owned", () => journal.owned(membership));
    },
    read: (runKey, options) => call("read", () => journal.read(runKey, options)),
    payloads: (tenant, hashes) => call("payloads", () => journal.payloads(tenant, hashes)),
    known: (tenant, hashes) => call("known", () => journal.known(tenant, hashes)),
    head: (tenant, id) => call("head", () => journal.head(tenant, id)),
    find: (query) => call("find", () => journal.find(query)),
    stats: (tenant) => call("stats", () => journal.stats(tenant)),
    prune: (finishedBefore, options) => call("prune", () => journal.prune(finishedBefore, options)),
    // A word about a new input may be lost or late, as the port says.
    onInbox: (listener) =>
      journal.onInbox!((workerKey) => {
        if (!process.alive || world.random.chance(0.2)) return;
        world.after(world.random.between(0.1, 5), process, "is told of an input", () => listener(workerKey));
      }),
    close: async () => {},
  };
}

export function blobsOver(link: Link, blobs: BlobStore): BlobStore {
  const { faults, process } = link;
  return {
    put: async (key, bytes) => {
      await link.send("blob put", () => blobs.put(key, bytes), true);
      if (faults.crashes("blob written but not referenced") && process.crash("blob written")) await never();
    },
    get: (key) => link.send("blob get", () => blobs.get(key), true),
    // Files are not simulated: only payloads are part of what recovery needs.
    write: (key, source) => link.send("blob write", () => blobs.write(key, source), true),
    read: (key) => link.send("blob read", () => blobs.read(key), true),
    delete: (key) => link.send("blob delete", () => blobs.delete(key), true),
    close: async () => {},
  };
}
