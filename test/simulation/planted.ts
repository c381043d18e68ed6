import type { Append, Journal, Membership, Verdict } from "../../packages/server/src/journal/journal.ts";
import type { MemoryJournal } from "../../packages/server/src/journal/memory.ts";
import { committed } from "../../packages/server/src/journal/rules.ts";
import type { Random } from "./random.ts";

/** Stores that break one promise of the port each, to try whether the checker finds it. */
export type Plant = (journal: MemoryJournal, random: Random) => MemoryJournal;

/** J3 broken: a flush is taken from whoever sends it, whatever its epoch, as long as its row is the next one. */
export const lostFence: Plant = (journal) => {
  const owners = new Map<number, { readonly membership: Membership; readonly epoch: number }>();
  /** Epochs as the senders gave them, where they were not the present one. */
  const stale = new Map<string, number>();
  return over(journal, {
    async claim(membership, limit) {
      const heads = await journal.claim(membership, limit);
      for (const { runKey, epoch } of heads) owners.set(runKey, { membership, epoch });
      return heads;
    },
    async append(membership, batch) {
      const verdicts: Verdict[] = [];
      for (const append of batch) {
        const owner = owners.get(append.runKey) ?? { membership, epoch: append.epoch };
        if (append.epoch < owner.epoch) stale.set(`${append.runKey}/${append.seq}`, append.epoch);
        verdicts.push(...(await journal.append(owner.membership, [{ ...append, epoch: owner.epoch }])));
      }
      return verdicts;
    },
    async read(runKey, options) {
      const record = await journal.read(runKey, options);
      const rows = record.rows.map((row) => ({ ...row, epoch: stale.get(`${runKey}/${row.seq}`) ?? row.epoch }));
      return { ...record, rows };
    },
  });
};

/** J1 broken: now and then a flush is answered with success before anything is stored, and nothing ever is. */
export const earlySuccess: Plant = (journal, random) =>
  over(journal, {
    append: async (membership, batch) =>
      random.chance(0.01) ? batch.map(() => committed()) : journal.append(membership, batch),
  });

/** J2 broken: a row that is sent again is stored again, behind the one that is there. */
export const storedTwice: Plant = (journal) => {
  const bodies = new Map<string, string>();
  return over(journal, {
    async append(membership, batch) {
      const verdicts: Verdict[] = [];
      for (const append of batch) verdicts.push(await again(journal, bodies, membership, append));
      return verdicts;
    },
  });
};

async function again(
  journal: MemoryJournal,
  bodies: Map<string, string>,
  membership: Membership,
  append: Append,
): Promise<Verdict> {
  const name = `${append.runKey}/${append.seq}`;
  const { rows } = await journal.read(append.runKey);
  const next = rows.length + 1;
  const repeated = bodies.get(name) === append.body && append.seq < next;
  bodies.set(name, append.body);
  const sent = repeated ? { ...append, seq: next, create: null, change: null } : append;
  return (await journal.append(membership, [sent]))[0]!;
}

function over(journal: MemoryJournal, changed: Partial<Journal>): MemoryJournal {
  return Object.assign(Object.create(journal) as MemoryJournal, { capabilities: journal.capabilities }, changed);
}
