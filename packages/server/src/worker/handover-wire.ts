import { isJsonObject, type Json, type Priority } from "@weftwork/core";

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
  readonly owner: number;
  readonly tasks: readonly WireTask[];
  /** Numbers of answers that have come, and the results in each that were not taken in. */
  readonly heard: readonly (readonly [number: number, unwanted: readonly WireName[]])[];
  /** Tasks that are no longer wanted. */
  readonly drop: readonly WireName[];
}

/** A task, the epoch under which it was handed over, and its result as text of an inbox row. */
export type WireResult = readonly [run: number, task: string, epoch: number, input: string];

/** From a worker to an owner. */
export interface Answer {
  readonly worker: number;
  /** Heard of again once it has come. */
  readonly number: number;
  readonly results: readonly WireResult[];
  /** Tasks that nobody begins here. */
  readonly returned: readonly WireName[];
  /** Tasks whose results take the way through the store: they are to stand there. */
  readonly stand: readonly WireName[];
}

/** Null for what another version may send. */
export function readHand(message: Json): Hand | null {
  return has(message, "owner", ["tasks", "heard", "drop"]) ? (message as unknown as Hand) : null;
}

/** Null for what another version may send. */
export function readAnswer(message: Json): Answer | null {
  return has(message, "worker", ["results", "returned", "stand"]) ? (message as unknown as Answer) : null;
}

function has(message: Json, key: string, lists: readonly string[]): boolean {
  return (
    isJsonObject(message) && typeof message[key] === "number" && lists.every((list) => Array.isArray(message[list]))
  );
}
