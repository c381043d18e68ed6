import type { Json, JsonObject } from "@weftwork/core";
import type { RunLinks } from "./run.ts";

/** A conversation with a chat app. */
export interface Conversation {
  readonly id: string;
  /** The workflow that answers. */
  readonly workflow: string;
  readonly user: string | null;
  readonly name: string | null;
  /** Its variables by name, as the last run has left them. */
  readonly variables: JsonObject;
  /** The run that answers a message now; null: it takes another message. */
  readonly active_run: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly links: { readonly self: string; readonly messages: string };
}

export interface NewConversation {
  /** The workflow that answers; its newest version answers each message. */
  readonly workflow: string;
  /** The caller's own id; left out: one is made. */
  readonly id?: string;
  readonly user?: string;
  readonly name?: string;
}

/** A message of a conversation, and what was answered. */
export interface ConversationMessage {
  readonly id: string;
  readonly conversation_id: string;
  /** From 1. */
  readonly position: number;
  /** The run that answers it: its stream has the answer as it comes (`answer_delta`). */
  readonly run_id: string;
  readonly query: string;
  readonly inputs: JsonObject;
  readonly files: readonly Json[];
  readonly status: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  /** Empty until the run has ended. */
  readonly answer: string;
  readonly answer_files: readonly Json[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly links: RunLinks;
}

/** What `POST /api/conversations/{id}/messages` takes. */
export interface NewMessage {
  readonly query: string;
  /** Fields of the app's form. */
  readonly inputs?: JsonObject;
  /** Uploaded files, as values or as `{id}`. */
  readonly files?: readonly JsonObject[];
  readonly user?: string;
  /** The caller's own id: a repeat with the same id is the same message. */
  readonly id?: string;
  /** Wait behind the message that is being answered. Left out: refused with `conversation_busy`. */
  readonly queue?: boolean;
}

export interface ConversationFilter {
  readonly workflow?: string;
  readonly user?: string;
  readonly limit?: number;
  readonly cursor?: string;
}
