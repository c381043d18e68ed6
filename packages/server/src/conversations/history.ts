import type { Json } from "@weftwork/core";
import type { ConversationStore } from "./conversations.ts";

/** A message as models are shown it. */
export interface EarlierMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly files: readonly Json[];
}

/**
 * What was said in the conversation before the message that a run answers: the newest so many questions with their
 * answers, oldest first. Empty for a run that answers none. The same at every call, for earlier messages have ended.
 */
export async function historyOf(
  store: ConversationStore,
  tenant: string,
  run: string,
  rounds: number,
): Promise<readonly EarlierMessage[]> {
  const message = await store.byRun(tenant, run);
  if (message === null || rounds <= 0) return [];
  const earlier = await store.answered(tenant, message.conversation, message.position, rounds);
  return earlier.flatMap(({ query, files, answer }) => [
    { role: "user", content: query, files },
    { role: "assistant", content: answer, files: [] },
  ]);
}
