import { isJsonObject, Payload, type Input, type Json, type Priority, type TaskUsage } from "@weftwork/core";
import type { LiveCodec } from "../live/live.ts";
import { decodeInput, encodeInput } from "../runtime/inbox.ts";

/** Channel of a worker, for what owners hand to it. */
export const handsChannel = (worker: number): string => `hands/${worker}`;
/** Channel of an owner, for what workers answer. */
export const answersChannel = (owner: number): string => `answers/${owner}`;

/** Run and task. */
export type WireName = readonly [run: number, task: string];

/** A task, with all that doing it needs. */
export interface WireTask {
  readonly run: number;
  readonly task: string;
  readonly tenant: string;
  readonly id: string;
  readonly epoch: number;
  readonly pool: string;
  readonly priority: Priority;
  readonly body: string;
}

/** From an owner to a worker. */
export interface Hand {
  readonly type: "hand";
  readonly owner: number;
  readonly tasks: readonly WireTask[];
  /** Numbers of answers that have come, and the results in each that were not taken in. */
  readonly heard: readonly (readonly [number: number, unwanted: readonly WireName[]])[];
  /** Tasks that are no longer wanted. */
  readonly drop: readonly WireName[];
}

export type TaskReported = Extract<Input, { readonly type: "task_reported" }>;

/** The result of a task, and the epoch under which it was handed over. */
export interface WireResult {
  readonly run: number;
  readonly task: string;
  readonly epoch: number;
  readonly input: TaskReported;
}

/** From a worker to an owner. */
export interface Answer {
  readonly type: "answer";
  readonly worker: number;
  /** Heard of again once it has come. */
  readonly number: number;
  readonly results: readonly WireResult[];
  /** Tasks that nobody begins here. */
  readonly returned: readonly WireName[];
  /** Tasks whose results take the way through the store: they are to stand there. */
  readonly stand: readonly WireName[];
}

export type HandoverMessage = Hand | Answer;

/**
 * A line of JSON, and behind it the texts of tasks and results as they are, each with its length in the line: they are JSON
 * themselves, and would be quoted once more.
 */
export const handoverCodec: LiveCodec<HandoverMessage> = {
  encode(message) {
    if (message.type === "hand") {
      const { tasks, ...rest } = message;
      const heads = tasks.map(({ run, task, tenant, id, epoch, pool, priority, body }) => {
        return [run, task, tenant, id, epoch, pool, priority, body.length];
      });
      return `${JSON.stringify({ ...rest, tasks: heads })}\n${tasks.map(({ body }) => body).join("")}`;
    }
    const { results, ...rest } = message;
    let texts = "";
    const heads = results.map((result) => {
      const { head, text } = resultParts(result);
      texts += text;
      return head;
    });
    return `${JSON.stringify({ ...rest, results: heads })}\n${texts}`;
  },
  decode(text) {
    let at = text.indexOf("\n") + 1;
    const head = JSON.parse(text.slice(0, at)) as Json;
    const next = (length: number): string => text.slice(at, (at += length));
    if (has(head, "hand", ["tasks", "heard", "drop"])) {
      const { tasks, ...rest } = head as unknown as Omit<Hand, "tasks"> & { readonly tasks: readonly TaskHead[] };
      return { ...rest, tasks: tasks.map((task) => wireTask(task, next(task[7]))) };
    }
    if (has(head, "answer", ["results", "returned", "stand"])) {
      const { results, ...rest } = head as unknown as Omit<Answer, "results"> & {
        readonly results: readonly ResultHead[];
      };
      return { ...rest, results: results.map((result) => wireResult(result, next(result[3]))) };
    }
    throw new Error("a message of another version");
  },
};

type TaskHead = readonly [
  run: number,
  task: string,
  tenant: string,
  id: string,
  epoch: number,
  pool: string,
  priority: Priority,
  length: number,
];

function wireTask([run, task, tenant, id, epoch, pool, priority]: TaskHead, body: string): WireTask {
  return { run, task, tenant, id, epoch, pool, priority, body };
}

/** Without the last four: the text is the whole input, as an inbox row has it. */
type ResultHead = readonly [
  run: number,
  task: string,
  epoch: number,
  length: number,
  scope?: string,
  node?: string,
  attempt?: number,
  usage?: TaskUsage | null,
];

/** An output that stands in the result itself goes as the text that it is: its owner writes it down as it comes. */
function resultParts({ run, task, epoch, input }: WireResult): { readonly head: ResultHead; readonly text: string } {
  const { scope, node, attempt, outcome } = input;
  if (outcome.type !== "completed" || !outcome.output.inline) {
    const text = encodeInput(input);
    return { head: [run, task, epoch, text.length], text };
  }
  const { text } = outcome.output;
  return { head: [run, task, epoch, text.length, scope, node, attempt, outcome.usage ?? null], text };
}

function wireResult([run, task, epoch, , scope, node, attempt, usage]: ResultHead, text: string): WireResult {
  if (scope === undefined) return { run, task, epoch, input: decodeInput(text) as TaskReported };
  const outcome = { type: "completed" as const, output: Payload.ofJson(text), ...(usage ? { usage } : {}) };
  return { run, task, epoch, input: { type: "task_reported", scope, node: node!, attempt: attempt!, outcome } };
}

function has(message: Json, type: string, lists: readonly string[]): boolean {
  return isJsonObject(message) && message["type"] === type && lists.every((list) => Array.isArray(message[list]));
}
