import type { Failure, Json, JsonObject } from "@weftwork/core";

/**
 * Conversations of chat apps, and their messages: one run answers one message.
 *
 * CV1. At most one message of a conversation is `running`; those behind it are `queued`, or were refused.
 * CV2. A message is settled once, whatever is tried: its answer and the variables that its run has set change together.
 * CV3. Positions of the messages of a conversation are 1, 2, 3, … in the order in which they came.
 */
export interface ConversationStore {
  /** The conversation; one that is there already under its id as it is. */
  create(conversation: Conversation): Promise<Conversation>;
  /** Null when there is none. */
  find(tenant: string, id: string): Promise<Conversation | null>;
  /** Those touched last come first. */
  list(tenant: string, query: ConversationQuery): Promise<readonly Conversation[]>;
  /** Removes a conversation with its messages. Whether there was one. */
  remove(tenant: string, id: string): Promise<boolean>;
  /**
   * Adds a message; it is `running`, or `queued` behind another one. One that is there already under its id is returned
   * as it is. Throws `CONVERSATION_NOT_FOUND`, and `CONVERSATION_BUSY` where it may not or cannot wait.
   */
  add(message: NewMessage, options: { readonly mayWait: boolean }): Promise<Message>;
  /** The messages of a conversation behind a position, in order. */
  messages(tenant: string, conversation: string, query: MessageQuery): Promise<readonly Message[]>;
  message(tenant: string, conversation: string, id: string): Promise<Message | null>;
  byRun(tenant: string, run: string): Promise<Message | null>;
  /** The newest messages with an answer that stand before a position, oldest first. */
  answered(tenant: string, conversation: string, before: number, limit: number): Promise<readonly Message[]>;
  /** The messages whose runs have not been seen to end, of all conversations of the tenant. */
  running(tenant: string): Promise<readonly Message[]>;
  /** Records how the run of a message ended. */
  settle(tenant: string, run: string, end: MessageEnd): Promise<Settled>;
  /** Takes back a message whose run could not begin, with its position when it is the last. */
  withdraw(tenant: string, run: string): Promise<Settled>;
}

export interface Conversation {
  readonly tenant: string;
  readonly id: string;
  /** The workflow that answers. */
  readonly app: string;
  readonly user: string | null;
  readonly name: string | null;
  /** Variables of the conversation by name, as the last run has left them. */
  readonly variables: JsonObject;
  /** Id of the run that answers now; null: it takes a message. */
  readonly activeRun: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ConversationQuery {
  readonly app?: string;
  readonly user?: string;
  /** Only those that come behind this one in the order of the list. */
  readonly behind?: { readonly updatedAt: number; readonly id: string };
  readonly limit: number;
}

export interface MessageQuery {
  readonly behind: number;
  readonly limit: number;
}

export type MessageStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface NewMessage {
  readonly tenant: string;
  readonly id: string;
  readonly conversation: string;
  /** Id of the run that answers it, chosen before it begins. */
  readonly run: string;
  readonly query: string;
  /** Fields of the app's form. */
  readonly inputs: JsonObject;
  /** Files of the question. */
  readonly files: readonly Json[];
  readonly user: string | null;
  readonly createdAt: number;
}

export interface Message extends NewMessage {
  /** From 1. */
  readonly position: number;
  readonly status: MessageStatus;
  readonly answer: string;
  /** Files of the answer. */
  readonly answerFiles: readonly Json[];
  readonly error: Failure | null;
  readonly finishedAt: number | null;
}

export interface MessageEnd {
  readonly status: "succeeded" | "failed" | "cancelled";
  readonly answer: string;
  readonly answerFiles: readonly Json[];
  readonly error: Failure | null;
  /** Variables that the run has set, by name. */
  readonly variables: JsonObject;
  readonly finishedAt: number;
}

export interface Settled {
  /** False: it was settled before, or there is no such message. */
  readonly settled: boolean;
  /** The message whose turn it is now. */
  readonly next: Message | null;
}

/** Messages that may wait behind the one that is being answered. */
export const WAITING_MAX = 20;
