import type { Failure, Json, JsonObject } from "@weftwork/core";
import type { Selectable } from "kysely";
import type { Tables } from "../db/schema.ts";
import type { Conversation, Message, MessageStatus } from "./conversations.ts";

export type ConversationRow = Selectable<Tables["conversation"]>;
export type MessageRow = Selectable<Tables["conversation_message"]>;

/** PostgreSQL holds no NUL; what has one is no name that was ever kept. */
export function isText(text: string): boolean {
  return !text.includes("\0");
}

export function conversationOf(row: ConversationRow): Conversation {
  const { tenant, id, app, user_id: user, name, variables, active_run: activeRun } = row;
  return {
    tenant,
    id,
    app,
    user,
    name,
    variables: JSON.parse(variables) as JsonObject,
    activeRun,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}

export function messageOf(row: MessageRow): Message {
  const { tenant, id, conversation, run, position, query, user_id: user, answer } = row;
  return {
    tenant,
    id,
    conversation,
    run,
    position,
    query,
    inputs: JSON.parse(row.inputs) as JsonObject,
    files: JSON.parse(row.files) as readonly Json[],
    user,
    status: row.status as MessageStatus,
    answer,
    answerFiles: JSON.parse(row.answer_files) as readonly Json[],
    error: row.error === null ? null : (JSON.parse(row.error) as Failure),
    createdAt: Number(row.created_at),
    finishedAt: row.finished_at === null ? null : Number(row.finished_at),
  };
}
