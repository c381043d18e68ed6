import type { JsonObject } from "@weftwork/core";
import type {
  Conversation,
  ConversationMessage,
  NewConversation,
  NewMessage,
  RunMessage,
  WeftClient,
} from "@weftwork/sdk";
import type { Weft } from "../weft.ts";

/** Where a conversation in the terminal is held: in this process, or by a server. */
export interface Talk {
  publish(source: string): Promise<{ readonly name: string }>;
  create(conversation: NewConversation): Promise<Conversation>;
  /** Null when there is none. */
  find(id: string): Promise<Conversation | null>;
  send(conversation: string, message: NewMessage): Promise<ConversationMessage>;
  message(conversation: string, id: string): Promise<ConversationMessage | null>;
  stream(run: string): AsyncIterable<RunMessage>;
  cancel(run: string): Promise<unknown>;
  answer(
    run: string,
    given: { readonly step: string; readonly scope: string; readonly action: string; readonly form: JsonObject },
  ): Promise<unknown>;
}

export function localTalk({ workflows, conversations, runs }: Weft): Talk {
  return {
    publish: (source) => workflows.publish(source),
    create: (conversation) => conversations.create(conversation),
    find: (id) => conversations.find(id),
    send: (conversation, message) => conversations.send(conversation, message),
    message: (conversation, id) => conversations.message(conversation, id),
    stream: (run) => runs.events(run),
    cancel: (run) => runs.cancel(run, "interrupted"),
    answer: (run, given) => runs.decide(run, { ...given, approved: true }),
  };
}

export function remoteTalk(client: WeftClient): Talk {
  const { conversations } = client;
  return {
    publish: (source) => client.publish(source),
    create: (conversation) => conversations.create(conversation),
    find: (id) => conversations.get(id),
    send: (conversation, message) => conversations.say(conversation, message),
    message: (conversation, id) => conversations.message(conversation, id),
    stream: (run) => client.stream(run),
    cancel: (run) => client.cancel(run, { reason: "interrupted" }),
    answer: (run, given) => client.decide(run, { ...given, approved: true }),
  };
}
