import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";

/** What came back for a request: a result, or an error of the protocol. */
export type RpcAnswer =
  | { readonly type: "result"; readonly result: JsonObject }
  | { readonly type: "error"; readonly code: number; readonly message: string };

/** The answer to the request `id` in a body: one JSON object, or a stream of events with it; null when it is not there. */
export function answerIn(body: string, contentType: string, id: number): RpcAnswer | null {
  const isStream = /^\s*text\/event-stream\b/i.test(contentType);
  for (const text of isStream ? eventData(body) : [body]) {
    const answer = readAnswer(text, id);
    if (answer !== null) return answer;
  }
  return null;
}

function readAnswer(text: string, id: number): RpcAnswer | null {
  let message: Json;
  try {
    message = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (!isJsonObject(message)) return null;
  const { result, error } = message;
  // A server that could not read the request does not know its id.
  if (isJsonObject(error as Json) && (message["id"] === id || message["id"] === null || message["id"] === undefined)) {
    const { code, message: words } = error as JsonObject;
    return { type: "error", code: typeof code === "number" ? code : 0, message: String(words ?? "an error") };
  }
  return message["id"] === id && isJsonObject(result as Json) ? { type: "result", result: result as JsonObject } : null;
}

/** The data of each event in a stream that has ended. */
function eventData(stream: string): string[] {
  return stream.split(/\r\n\r\n|\n\n|\r\r/).map((event) =>
    event
      .split(/\r\n|\n|\r/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(line[5] === " " ? 6 : 5))
      .join("\n"),
  );
}

/** What a tool's result says: its structured value, else its texts; other parts are named and not shown. */
export function resultValue(result: JsonObject): Json {
  const { structuredContent, content } = result;
  if (structuredContent !== undefined && structuredContent !== null) return structuredContent;
  const parts = Array.isArray(content) ? (content as readonly Json[]) : [];
  return parts.map(partText).join("\n");
}

function partText(part: Json): string {
  if (!isJsonObject(part)) return "";
  const { type, text, resource, mimeType, uri } = part;
  if (type === "text" && typeof text === "string") return text;
  const inner = isJsonObject(resource as Json) ? (resource as JsonObject) : {};
  if (typeof inner["text"] === "string") return inner["text"];
  const what = [mimeType ?? inner["mimeType"], uri ?? inner["uri"]].filter((word) => typeof word === "string");
  return `[${String(type)}${what.length > 0 ? ` ${what.join(" ")}` : ""}, not shown]`;
}
