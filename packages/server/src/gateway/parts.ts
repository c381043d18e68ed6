import type { ContentPart, Message, ModelRequest } from "./model.ts";

/** The text of a message; images and files have none, tool results are written as JSON. */
export function textOf(message: Message): string {
  if (typeof message.content === "string") return message.content;
  return message.content
    .map(textOfPart)
    .filter((text) => text !== "")
    .join("\n");
}

function textOfPart(part: ContentPart): string {
  if (part.type === "text") return part.text;
  if (part.type === "tool_result") return typeof part.output === "string" ? part.output : JSON.stringify(part.output);
  return "";
}

/** The instruction above the conversation: `system` and the messages of that role. */
export function systemText(request: ModelRequest): string {
  const said = request.messages.filter((message) => message.role === "system").map(textOf);
  return [request.system ?? "", ...said].filter((text) => text.trim() !== "").join("\n\n");
}

/** What users and tools said, oldest first, without empty messages. */
export function givenTexts(request: ModelRequest): string[] {
  const given = request.messages.filter((message) => message.role === "user" || message.role === "tool");
  return given.map(textOf).filter((text) => text.trim() !== "");
}
