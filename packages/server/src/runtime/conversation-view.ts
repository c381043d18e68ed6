import { AppError } from "@weftwork/core";
import type { Conversation, ConversationMessage } from "@weftwork/sdk";
import type { Conversation as StoredConversation, Message } from "../conversations/conversations.ts";
import { linksOf } from "./view.ts";

/** A conversation as callers see it. */
export function conversationView(stored: StoredConversation): Conversation {
  const { id, app: workflow, user, name, variables, activeRun } = stored;
  const self = `/api/conversations/${encodeURIComponent(id)}`;
  return {
    id,
    workflow,
    user,
    name,
    variables,
    active_run: activeRun,
    created_at: timeOf(stored.createdAt),
    updated_at: timeOf(stored.updatedAt),
    links: { self, messages: `${self}/messages` },
  };
}

export function messageView(message: Message): ConversationMessage {
  const { id, conversation, position, run, query, inputs, files, status, answer, error } = message;
  return {
    id,
    conversation_id: conversation,
    position,
    run_id: run,
    query,
    inputs,
    files,
    status,
    answer,
    answer_files: message.answerFiles,
    error: error && { code: error.code.toLowerCase(), message: error.message },
    created_at: timeOf(message.createdAt),
    finished_at: message.finishedAt === null ? null : timeOf(message.finishedAt),
    links: linksOf(run),
  };
}

/** The place of the last entry of a page. */
export function conversationCursor({ updatedAt, id }: StoredConversation): string {
  return `${updatedAt}.${Buffer.from(id).toString("base64url")}`;
}

/** Reads what `conversationCursor` wrote. Throws `INVALID_REQUEST`. */
export function readConversationCursor(cursor: string): { readonly updatedAt: number; readonly id: string } {
  const found = /^(\d{1,15})\.([\w-]{1,500})$/.exec(cursor);
  if (found) return { updatedAt: Number(found[1]), id: Buffer.from(found[2]!, "base64url").toString("utf8") };
  throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave; begin without one" });
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
