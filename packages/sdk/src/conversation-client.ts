import type { Api, CallOptions } from "./api.ts";
import { queryOf } from "./client-paths.ts";
import type {
  Conversation,
  ConversationFilter,
  ConversationMessage,
  NewConversation,
  NewMessage,
} from "./conversation.ts";
import type { Page } from "./detail.ts";

/** Conversations with chat apps: one run answers one message. */
export class ConversationClient {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  /** Begins a conversation with a chat app. */
  create(conversation: NewConversation, options: CallOptions = {}): Promise<Conversation> {
    return this.api.json("POST", "/api/conversations", { ...options, body: { ...conversation } });
  }

  /** A page of conversations, those touched last first. */
  list(filter: ConversationFilter = {}, options: CallOptions = {}): Promise<Page<Conversation>> {
    return this.api.json("GET", `/api/conversations${queryOf(filter)}`, options);
  }

  /** A conversation with its variables. */
  get(id: string, options: CallOptions = {}): Promise<Conversation> {
    return this.api.json("GET", pathOf(id), options);
  }

  /** Removes a conversation with its messages; the run that answers is cancelled. */
  async remove(id: string, options: CallOptions = {}): Promise<void> {
    await this.api.send("DELETE", pathOf(id), options);
  }

  /**
   * Says something. `stream(message.run_id)` of the client has the answer as it comes: at each `answer_delta` cut the
   * answer at its `offset`, then add its `text`.
   */
  say(conversation: string, message: NewMessage, options: CallOptions = {}): Promise<ConversationMessage> {
    return this.api.json("POST", `${pathOf(conversation)}/messages`, { ...options, body: { ...message } });
  }

  /** A page of the messages of a conversation with their answers, oldest first. */
  messages(
    conversation: string,
    page: { readonly limit?: number; readonly cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<Page<ConversationMessage>> {
    return this.api.json("GET", `${pathOf(conversation)}/messages${queryOf(page)}`, options);
  }

  /** One message of a conversation with its answer. */
  message(conversation: string, id: string, options: CallOptions = {}): Promise<ConversationMessage> {
    return this.api.json("GET", `${pathOf(conversation)}/messages/${encodeURIComponent(id)}`, options);
  }
}

function pathOf(id: string): string {
  return `/api/conversations/${encodeURIComponent(id)}`;
}
