import type { JsonObject } from "@weftwork/core";
import type {
  Conversation,
  ConversationFilter,
  ConversationMessage,
  NewConversation,
  NewMessage,
} from "./conversation.ts";
import type { Page } from "./detail.ts";

type Send = (
  method: string,
  path: string,
  options: { readonly body?: JsonObject; readonly signal?: AbortSignal },
) => Promise<Response>;

interface Call {
  readonly signal?: AbortSignal;
}

/** Conversations with chat apps: one run answers one message. */
export class ConversationClient {
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  /** Begins a conversation with a chat app. */
  create(conversation: NewConversation, options: Call = {}): Promise<Conversation> {
    return this.json("POST", "/api/conversations", { ...options, body: { ...conversation } });
  }

  /** A page of conversations, those touched last first. */
  list(filter: ConversationFilter = {}, options: Call = {}): Promise<Page<Conversation>> {
    return this.json("GET", `/api/conversations${queryOf(filter)}`, options);
  }

  /** A conversation with its variables. */
  get(id: string, options: Call = {}): Promise<Conversation> {
    return this.json("GET", pathOf(id), options);
  }

  /** Removes a conversation with its messages; the run that answers is cancelled. */
  async remove(id: string, options: Call = {}): Promise<void> {
    await this.send("DELETE", pathOf(id), options);
  }

  /**
   * Says something. `stream(message.run_id)` of the client has the answer as it comes: at each `answer_delta` cut the
   * answer at its `offset`, then add its `text`.
   */
  say(conversation: string, message: NewMessage, options: Call = {}): Promise<ConversationMessage> {
    return this.json("POST", `${pathOf(conversation)}/messages`, { ...options, body: { ...message } });
  }

  /** A page of the messages of a conversation with their answers, oldest first. */
  messages(
    conversation: string,
    page: { readonly limit?: number; readonly cursor?: string } = {},
    options: Call = {},
  ): Promise<Page<ConversationMessage>> {
    return this.json("GET", `${pathOf(conversation)}/messages${queryOf(page)}`, options);
  }

  /** One message of a conversation with its answer. */
  message(conversation: string, id: string, options: Call = {}): Promise<ConversationMessage> {
    return this.json("GET", `${pathOf(conversation)}/messages/${encodeURIComponent(id)}`, options);
  }

  private async json<Answer>(method: string, path: string, options: Parameters<Send>[2]): Promise<Answer> {
    return (await (await this.send(method, path, options)).json()) as Answer;
  }
}

function pathOf(id: string): string {
  return `/api/conversations/${encodeURIComponent(id)}`;
}

function queryOf(members: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query}`;
}
