import { decodeRow, type RunEvent } from "@weftwork/core";
import type { Journal } from "../../packages/server/src/journal/journal.ts";
import { postgresJournal } from "../../packages/server/src/journal/postgres.ts";
import { sqliteJournal } from "../../packages/server/src/journal/sqlite.ts";

/** What the journal holds of some runs, read while no server lives. */
export interface Recorded {
  /** Keys of the attempts that have a success. */
  readonly successes: ReadonlySet<string>;
  /** Keys of the attempts that ended otherwise. */
  readonly others: ReadonlySet<string>;
}

export async function readRecorded(store: string, ids: readonly string[]): Promise<Recorded> {
  const journal = await openJournal(store);
  const [successes, others] = [new Set<string>(), new Set<string>()];
  try {
    for (const id of ids) {
      for (const event of await eventsOf(journal, id)) {
        if (!("attempt" in event)) continue;
        const key = `${id}/${event.scope}/${event.node}#${event.attempt}`;
        if (event.type === "task_completed" && successes.has(key)) throw new Error(`${key} is recorded twice`);
        (event.type === "task_completed" ? successes : others).add(key);
      }
    }
  } finally {
    await journal.close();
  }
  return { successes, others };
}

async function eventsOf(journal: Journal, id: string): Promise<readonly RunEvent[]> {
  const head = await journal.head("default", id);
  const { rows } = head ? await journal.read(head.runKey) : { rows: [] };
  return rows.flatMap(({ body }) => decodeRow(body).flatMap(({ events }) => events));
}

function openJournal(store: string): Promise<Journal> {
  return store.startsWith("postgres") ? postgresJournal({ url: store }) : sqliteJournal({ folder: store });
}
