import {
  decodeRow,
  isJsonObject,
  payloadsOf,
  ResponseFollower,
  type Decision,
  type Json,
  type RunCreated,
  type RunEvent,
} from "@weftwork/core";
import type { MessageEnd } from "../conversations/conversations.ts";
import type { Journal } from "../journal/journal.ts";
import { toldAnswer, put } from "./answer-streams.ts";
import { isPinned } from "./commit.ts";
import type { Payloads } from "./payloads.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import type { Workflows } from "./workflows.ts";

export interface MessageEndOptions {
  readonly journal: Journal;
  readonly payloads: Payloads;
  readonly workflows: Workflows;
  readonly buffer: StreamBuffer;
  readonly tenant: string;
}

type Last = Extract<RunEvent, { type: "run_completed" | "run_failed" | "run_cancelled" }>;

/**
 * What a run gave to its conversation, out of its journal: the answer as it was streamed, and the variables as they were
 * set last. Null while the run is open, and where there is none.
 */
export async function messageEnd(options: MessageEndOptions, run: string): Promise<MessageEnd | null> {
  const { journal, payloads, tenant } = options;
  const head = await journal.head(tenant, run);
  if (!head || head.finishedAt === null) return null;
  const { rows } = await journal.read(head.runKey, { snapshot: false });
  const decisions = rows.map(({ body }) => decodeRow(body));
  const events = decisions.flat().flatMap((decision) => decision.events);
  const created = events.find((event) => event.type === "run_created")!;
  const last = events.findLast((event): event is Last => LAST.has(event.type))!;
  if (last.type === "run_completed") await payloads.load(tenant, [last.output]);
  const output = last.type === "run_completed" ? last.output.value : null;
  const files = isJsonObject(output) ? output["files"] : undefined;
  const said = await answerOf(options, created, decisions);
  return {
    status: last.type === "run_completed" ? "succeeded" : last.type === "run_failed" ? "failed" : "cancelled",
    // Of a run that was ended early, what a step had said until then was seen as well.
    answer: last.type === "run_completed" ? said : longer(said, await toldAnswer(options.buffer, head.runKey)),
    answerFiles: Array.isArray(files) ? (files as readonly Json[]) : [],
    error: last.type === "run_failed" ? last.failure : null,
    variables: await assigned(options, events),
    finishedAt: head.finishedAt,
  };
}

/** The answer as it was streamed, of the events alone. */
async function answerOf(
  { payloads, workflows, tenant }: MessageEndOptions,
  { hash, pins }: RunCreated,
  rows: readonly (readonly Decision[])[],
): Promise<string> {
  const { plan, nested } = await workflows.pinned(hash, pins);
  const follower = new ResponseFollower(plan, nested);
  const chunks = [];
  for (const row of rows) {
    const events = row.flatMap((decision) => decision.events);
    const read = events.filter((event) => isPinned(follower.state, event)).flatMap((event) => payloadsOf(event));
    await payloads.load(tenant, read, true);
    chunks.push(...follower.row(row));
  }
  return put(chunks);
}

const LAST: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);
const PREFIX = "conversation.";

/** The variables of the conversation that the run has set: the last event of each name holds. */
async function assigned({ payloads, tenant }: MessageEndOptions, events: readonly RunEvent[]) {
  const last = new Map<string, Extract<RunEvent, { type: "variable_assigned" }>["values"]>();
  for (const event of events)
    if (event.type === "variable_assigned" && event.from === undefined && event.name.startsWith(PREFIX))
      last.set(event.name.slice(PREFIX.length), event.values);
  await payloads.load(tenant, [...last.values()]);
  return Object.fromEntries([...last].map(([name, payload]) => [name, payload.value]));
}

function longer(a: string, b: string): string {
  return b.length > a.length ? b : a;
}
