import { AppError, type Decision } from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import type { Clock } from "../runtime/clock.ts";
import type { RunObserver } from "../runtime/engine.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { DeliveryLog } from "./delivery-log.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";
import { wants, type Directory } from "./directory.ts";
import { CALLBACK, type EndpointTable, type StoredCallback } from "./endpoint-table.ts";
import { isEnd, newsOf, RANKS, type RunNews } from "./events.ts";
import { messageOf, type Message, type ToldRun } from "./message.ts";
import { readNews } from "./read-news.ts";

/** Jobs of one transaction. */
const STEP = 100;
/** Jobs that wait in memory; what comes behind them is read from the journal later. */
const WAITING_MAX = 20_000;
const RETRY_MS = [100, 500, 2000] as const;

export interface TellerOptions {
  readonly journal: Pick<Journal, "read">;
  readonly directory: Directory;
  readonly endpoints: EndpointTable;
  readonly queue: DeliveryQueue;
  readonly log: DeliveryLog;
  readonly clock: Clock;
  /** Something is due. */
  readonly added: () => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** What happened, or a run whose journal is to be asked what happened. */
type Job = Told | { readonly run: ToldRun; readonly runKey: number };

interface Told {
  readonly run: ToldRun;
  readonly news: readonly RunNews[];
}

/**
 * Makes messages of what is recorded.
 *
 * T1. Only what the journal has acknowledged is told (I7), and everything of it: what a crash has cut off is told by the
 *     next owner of the run, or by the scanner when the run has ended.
 * T2. The messages of a run are stored in the order of its rows: jobs are done one after the other, and one that the store
 *     does not take is tried until it does.
 * T3. Where no endpoint wants a run, telling costs a look into memory.
 */
export class Teller implements RunObserver {
  private readonly options: TellerOptions;
  private jobs: Job[] = [];
  /** Runs for which there was no room, by key. */
  private readonly again = new Map<number, ToldRun>();
  private working: Promise<void> | null = null;
  private closed = false;

  constructor(options: TellerOptions) {
    this.options = options;
  }

  recorded(run: HotRun, seq: number, decisions: readonly Decision[]): void {
    const { created, createdAt, startedAt } = run.state;
    if (!created || !this.isWanted(created)) return;
    const news = newsOf(seq, decisions);
    if (news.length === 0) return;
    const told = { created, createdAt, startedAt };
    if (this.jobs.length < WAITING_MAX && !this.again.has(run.key)) this.jobs.push({ run: told, news });
    else this.again.set(run.key, told);
    this.poke();
  }

  adopted(run: HotRun): void {
    const { created, createdAt, startedAt } = run.state;
    if (!created || !this.isWanted(created)) return;
    const told = { created, createdAt, startedAt };
    if (this.jobs.length < WAITING_MAX) this.jobs.push({ run: told, runKey: run.key });
    else this.again.set(run.key, told);
    this.poke();
  }

  /** Stores the messages of a run that nobody owns. `isOver`: nothing more comes of it. */
  async tell({ run, news }: Told, isOver: boolean): Promise<void> {
    const own = await this.callbacksOf([{ run, news }]);
    const messages = this.messagesOf({ run, news }, own);
    await this.options.queue.add(messages, isOver ? [run.created.runId] : []);
    if (messages.length > 0) this.options.added();
  }

  /** Resolves when everything that was told is stored. */
  async drain(): Promise<void> {
    while (this.working) await this.working;
  }

  /** Stops trying where the store does not answer. */
  async close(): Promise<void> {
    this.closed = true;
    await this.drain();
  }

  private isWanted({ workflow, callback }: ToldRun["created"]): boolean {
    return callback === true || this.options.directory.of(workflow).length > 0;
  }

  private poke(): void {
    if (this.working) return;
    this.working = this.work().finally(() => {
      this.working = null;
      if (this.jobs.length + this.again.size > 0 && !this.closed) this.poke();
    });
  }

  private async work(): Promise<void> {
    // Runs that are recorded in the same moment share a transaction.
    await new Promise<void>((resolve) => this.options.clock.soon(resolve));
    while (this.jobs.length + this.again.size > 0) {
      if (this.jobs.length === 0) {
        for (const [runKey, run] of this.again) this.jobs.push({ run, runKey });
        this.again.clear();
      }
      await this.stored(this.jobs.splice(0, STEP));
    }
  }

  /** Stores what jobs tell, and tries again until the store takes it. One that can never be stored keeps back no other. */
  private async stored(step: readonly Job[]): Promise<void> {
    const { clock, problem } = this.options;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.store(step);
      } catch (error) {
        if (!mayPass(error)) {
          if (step.length === 1) return problem(`no webhook tells of the run ${step[0]!.run.created.runId}`, error);
          for (const job of step) await this.stored([job]);
          return;
        }
        if (this.closed) {
          this.jobs = [];
          this.again.clear();
          return problem("webhooks could not be stored; they are found after the next start", error);
        }
        if (attempt === 0) problem("webhooks could not be stored; trying again", error);
        const ms = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!;
        await new Promise<void>((resolve) => void clock.after(ms, resolve));
      }
    }
  }

  private async store(step: readonly Job[]): Promise<void> {
    const messages: Message[] = [];
    const over: string[] = [];
    const told: Told[] = [];
    for (const job of step) told.push("news" in job ? job : await this.read(job));
    const own = await this.callbacksOf(told);
    for (const one of told) {
      messages.push(...this.messagesOf(one, own));
      if (one.news.some(isEnd)) over.push(one.run.created.runId);
    }
    await this.options.queue.add(messages, over);
    if (messages.length > 0) this.options.added();
  }

  /** What the journal has behind the last message that was stored of the run, that row once more. */
  private async read({ run, runKey }: Extract<Job, { readonly runKey: number }>): Promise<Told> {
    const { journal, log } = this.options;
    const { runId } = run.created;
    const last = (await log.lastPositions([runId])).get(runId) ?? 0;
    const found = await readNews(journal, runKey, Math.max(1, Math.floor(last / RANKS)));
    return { run, news: found?.news ?? [] };
  }

  /** The runs' own addresses. */
  private callbacksOf(told: readonly Told[]): Promise<ReadonlyMap<string, StoredCallback>> {
    const asking = told.filter(({ run, news }) => run.created.callback === true && news.length > 0);
    return this.options.endpoints.callbacks([...new Set(asking.map(({ run }) => run.created.runId))]);
  }

  private messagesOf({ run, news }: Told, callbacks: ReadonlyMap<string, StoredCallback>): readonly Message[] {
    const { directory } = this.options;
    const { workflow, runId } = run.created;
    const messages: Message[] = [];
    const own = callbacks.get(runId);
    for (const one of news) {
      for (const endpoint of directory.of(workflow)) {
        if (wants(endpoint, one.type, one.at))
          messages.push(messageOf(run, one, { endpoint: endpoint.id, lane: endpoint.id }));
      }
      if (own?.status === "enabled") messages.push(messageOf(run, one, { endpoint: CALLBACK, lane: own.lane }));
    }
    return messages;
  }
}

/** Whether the same may succeed later: the store is away or full. */
function mayPass(error: unknown): boolean {
  return error instanceof AppError && error.retryable;
}
