import { decodeRow, type RunCreated } from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import { mayTell, newsOf, type RunNews } from "./events.ts";
import type { ToldRun } from "./message.ts";

/** Rows of one read. */
const STEP = 500;

/** News of a run with what messages say of the run itself. */
export interface NewsOfRun {
  readonly run: ToldRun;
  readonly news: readonly RunNews[];
}

/** What a run's journal tells from a row on. Null: the run is not there. */
export async function readNews(
  journal: Pick<Journal, "read">,
  runKey: number,
  fromSeq: number,
): Promise<NewsOfRun | null> {
  let run: ToldRun | null = null;
  const news: RunNews[] = [];
  const take = (seq: number, body: string): void => {
    if (!mayTell(body)) return;
    const decisions = decodeRow(body);
    const created = decisions[0]?.events.find((event): event is RunCreated => event.type === "run_created");
    if (created) run = { created, createdAt: decisions[0]!.at, startedAt: null };
    for (const one of newsOf(seq, decisions)) {
      if (one.type === "run.started" && run) run = { ...run, startedAt: one.at };
      if (seq >= fromSeq) news.push(one);
    }
  };
  // The first row says whose news these are.
  if (fromSeq > 1)
    for (const { seq, body } of (await journal.read(runKey, { snapshot: false, limit: 1 })).rows) take(seq, body);
  for (let afterSeq = fromSeq - 1; ;) {
    const { rows } = await journal.read(runKey, { snapshot: false, afterSeq, limit: STEP });
    for (const { seq, body } of rows) take(seq, body);
    if (rows.length < STEP) return run && { run, news };
    afterSeq = rows.at(-1)!.seq;
  }
}
