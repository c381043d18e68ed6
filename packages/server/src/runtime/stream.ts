import {
  decodeRow,
  encodeEvent,
  payloadsOf,
  type Decision,
  type Json,
  type JsonObject,
  type RunEvent,
} from "@weftwork/core";
import type { RunMessage } from "@weftwork/sdk";
import type { TaskPart } from "../nodes/node.ts";
import type { Journal, RunHead } from "../journal/journal.ts";
import type { Live } from "../live/live.ts";
import type { Clock } from "./clock.ts";
import type { RunNotice } from "./owner.ts";
import type { Payloads } from "./payloads.ts";

/** Values in stream messages; larger ones are named by hash and size, and read from the run. */
const MESSAGE_BYTES_MAX = 1_000_000;
/** Notices kept for a reader that is behind; then it goes on from the journal. */
const BACKLOG_MAX = 1000;
const POLL_MS = 500;

export interface StreamOptions {
  readonly journal: Journal;
  readonly live: Live<RunNotice>;
  readonly payloads: Payloads;
  readonly clock: Clock;
}

/** Where a reader stands: the row, and the event within it, that it has seen. Text: `12.3`. */
interface Position {
  readonly seq: number;
  readonly index: number;
}

/**
 * The events of a run from a position on: those in the journal, then those to come, until the run has ended. No gap and
 * no repeat; progress (tokens, logs) is told while somebody listens and carries no id.
 */
export async function* runMessages(
  options: StreamOptions,
  head: RunHead,
  after: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunMessage> {
  const inbox = new Notices(options, head.runKey, signal);
  try {
    let position = parsePosition(after);
    for (;;) {
      if (signal?.aborted) return;
      const { rows } = await options.journal.read(head.runKey, {
        snapshot: false,
        afterSeq: Math.max(0, position.seq - 1),
        limit: 200,
      });
      for (const row of rows) {
        for (const message of await messagesOf(options, head.tenant, row.seq, decodeRow(row.body), position))
          yield message;
        position = { seq: row.seq, index: Infinity };
        if (hasFinal(decodeRow(row.body))) return;
      }
      if (rows.length === 200) continue;
      // Nothing behind a position that lies at or past the end of an ended run: it has no more to tell.
      if (rows.length === 0 && (await options.journal.head(head.tenant, head.id))?.finishedAt !== null) return;
      for (let notice = await inbox.next(); ; notice = await inbox.next()) {
        if (signal?.aborted) return;
        if (notice === null) break;
        if (notice.type === "progress") {
          yield progressMessage(notice);
          continue;
        }
        if (notice.type === "left" || notice.seq > position.seq + 1) break;
        if (notice.seq <= position.seq) continue;
        for (const message of await messagesOf(options, head.tenant, notice.seq, notice.decisions, position))
          yield message;
        position = { seq: notice.seq, index: Infinity };
        if (hasFinal(notice.decisions)) return;
      }
    }
  } finally {
    inbox.close();
  }
}

function parsePosition(text: string | undefined): Position {
  const match = /^(\d{1,12})\.(\d{1,9})$/.exec(text ?? "");
  return match ? { seq: Number(match[1]), index: Number(match[2]) } : { seq: 0, index: Infinity };
}

function hasFinal(decisions: readonly Decision[]): boolean {
  return decisions.some(({ events }) => events.some((event) => FINAL.has(event.type)));
}

const FINAL: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);

async function messagesOf(
  options: StreamOptions,
  tenant: string,
  seq: number,
  decisions: readonly Decision[],
  after: Position,
): Promise<RunMessage[]> {
  const messages: RunMessage[] = [];
  let index = 0;
  for (const { at, events } of decisions) {
    for (const event of events) {
      index += 1;
      if (seq === after.seq && index <= after.index) continue;
      messages.push({ id: `${seq}.${index}`, event: event.type, data: await eventData(options, tenant, event, at) });
    }
  }
  return messages;
}

async function eventData(options: StreamOptions, tenant: string, event: RunEvent, at: number): Promise<JsonObject> {
  const small = payloadsOf(event).filter((payload) => payload.size <= MESSAGE_BYTES_MAX);
  await options.payloads.load(tenant, small);
  const { type: _, ...members } = JSON.parse(encodeEvent(event)) as { type: string } & JsonObject;
  const data: Record<string, Json> = { at: new Date(at).toISOString(), ...members };
  for (const [name, value] of Object.entries(event)) {
    if (typeof value !== "object" || value === null || !("encode" in value)) continue;
    data[name] = value.size <= MESSAGE_BYTES_MAX && value.loaded ? value.value : { truncated: true, size: value.size };
  }
  return data;
}

function progressMessage(notice: Extract<RunNotice, { type: "progress" }>): RunMessage {
  const { type, ...part } = notice.part as TaskPart;
  return { id: null, event: type, data: { scope: notice.scope, node: notice.node, attempt: notice.attempt, ...part } };
}

/** What was told since the last look, in order; null when the reader should look into the journal again. */
class Notices {
  private readonly waiting: RunNotice[] = [];
  private overflow = false;
  private wake: (() => void) | null = null;
  private readonly unsubscribe: () => void;
  private readonly options: StreamOptions;
  private readonly onAbort = (): void => this.wake?.();
  private readonly signal: AbortSignal | undefined;

  constructor(options: StreamOptions, runKey: number, signal: AbortSignal | undefined) {
    this.options = options;
    this.signal = signal;
    this.unsubscribe = options.live.subscribe(String(runKey), (notice) => {
      if (this.waiting.length >= BACKLOG_MAX) {
        this.overflow = true;
        this.waiting.length = 0;
      }
      this.waiting.push(notice);
      this.wake?.();
    });
    signal?.addEventListener("abort", this.onAbort);
  }

  async next(): Promise<RunNotice | null> {
    if (this.waiting.length === 0 && !this.overflow) {
      await new Promise<void>((resolve) => {
        const cancel = this.options.clock.after(POLL_MS, resolve);
        this.wake = () => {
          cancel();
          resolve();
        };
      });
      this.wake = null;
    }
    if (this.overflow) {
      this.overflow = false;
      return null;
    }
    return this.waiting.shift() ?? null;
  }

  close(): void {
    this.unsubscribe();
    this.signal?.removeEventListener("abort", this.onAbort);
  }
}
