import { contextOf, type Json } from "@weftwork/core";
import { draftMessage, filesIn, type DraftMessage, type DraftPart, type GivenMessage } from "./content.ts";
import { filePart } from "./content.ts";
import type { ModelFields } from "./fields.ts";

/** Messages of a history when the step does not say how many: the newest. */
export const HISTORY_WINDOW = 100;

/** What stands above a conversation, and the conversation. */
export interface Draft {
  readonly system: string | null;
  readonly messages: readonly DraftMessage[];
}

/**
 * A question with all that goes with it. The context is told in the system text, between tags of that name; earlier
 * messages stand behind those of the role `system` and before all others; files are added to the last message of the user.
 */
export function compose(
  system: string | null,
  asked: readonly GivenMessage[],
  fields: Pick<ModelFields, "context" | "history" | "vision">,
): Draft {
  const detail = fields.vision?.detail ?? undefined;
  const messages = asked.map((message) => draftMessage(message, detail));
  const first = messages.findIndex(({ role }) => role !== "system");
  messages.splice(first === -1 ? messages.length : first, 0, ...historyOf(fields.history, detail));
  const files = filesIn(fields.vision?.files).map((file) => filePart(file, detail));
  return { system: withContext(system, fields.context), messages: withFiles(messages, files) };
}

function withContext(system: string | null, context: Json | undefined): string | null {
  const { text } = contextOf(context ?? null);
  if (text === "") return system;
  return [system ?? "", `<context>\n${text}\n</context>`].filter((part) => part !== "").join("\n\n");
}

/** The newest messages of a history, oldest first; it begins with one of the user, for an answer alone says little. */
export function historyOf(history: ModelFields["history"], detail?: string): DraftMessage[] {
  const given = Array.isArray(history) ? { messages: history, window: null } : (history ?? {});
  const window = given.window ?? HISTORY_WINDOW;
  const newest = window === 0 ? [] : (given.messages ?? []).slice(-window);
  const first = newest.findIndex(({ role }) => role === "user");
  return (first === -1 ? [] : newest.slice(first)).map((message) => draftMessage(message, detail));
}

function withFiles(messages: readonly DraftMessage[], files: readonly DraftPart[]): readonly DraftMessage[] {
  if (files.length === 0) return messages;
  const at = messages.findLastIndex(({ role }) => role === "user");
  const last = messages[at];
  if (!last) return [...messages, { role: "user", content: files }];
  const before: readonly DraftPart[] =
    typeof last.content !== "string" ? last.content : last.content === "" ? [] : [{ type: "text", text: last.content }];
  return messages.with(at, { role: "user", content: [...before, ...files] });
}
