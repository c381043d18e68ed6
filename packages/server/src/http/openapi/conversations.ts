import { header, json, jsonBody, query, type Operations } from "./operation.ts";
import { ref, text, whole } from "./schema.ts";

const PAGE = [
  query("limit", whole, "Entries of the page, 1 to 200 (50)."),
  query("cursor", text, "The next_cursor of the page before."),
];

export const CONVERSATION_OPERATIONS: Operations = {
  "GET /api/conversations": {
    id: "listConversations",
    summary: "Conversations with chat apps, those touched last first.",
    tag: "conversations",
    parameters: [query("workflow", text, "Of this app only."), query("user", text, "Of this user only."), ...PAGE],
    answers: { "200": json("A page of them.", "ConversationPage") },
    problems: [400],
  },
  "POST /api/conversations": {
    id: "createConversation",
    summary: "Begins a conversation with a chat app. Its variables have their start values.",
    tag: "conversations",
    body: jsonBody(ref("NewConversation")),
    answers: { "201": json("The conversation.", "Conversation") },
    problems: [400, 404, 415, 422, 503],
  },
  "GET /api/conversations/{id}": {
    id: "getConversation",
    summary: "A conversation with its variables.",
    tag: "conversations",
    answers: { "200": json("The conversation.", "Conversation") },
    problems: [404],
  },
  "DELETE /api/conversations/{id}": {
    id: "removeConversation",
    summary: "Removes a conversation with its messages; the run that answers is cancelled. Runs stay.",
    tag: "conversations",
    answers: { "204": { description: "It is gone." } },
    problems: [404],
  },
  "GET /api/conversations/{id}/messages": {
    id: "listMessages",
    summary: "The messages of a conversation with their answers, oldest first.",
    tag: "conversations",
    parameters: PAGE,
    answers: { "200": json("A page of them.", "MessagePage") },
    problems: [400, 404],
  },
  "GET /api/conversations/{id}/messages/{message}": {
    id: "getMessage",
    summary: "One message with its answer.",
    tag: "conversations",
    answers: { "200": json("The message.", "Message") },
    problems: [404],
  },
  "POST /api/conversations/{id}/messages": {
    id: "sendMessage",
    summary: "Says something in a conversation. One run answers; its stream has the answer as it comes.",
    tag: "conversations",
    parameters: [header("Prefer", text, "wait=SECONDS waits for the answer, up to 60 s.")],
    body: jsonBody(ref("NewMessage")),
    answers: {
      "200": json("Answered within the time of Prefer.", "Message"),
      "202": json("The message, and the run that answers.", "Message"),
    },
    problems: [400, 404, 409, 413, 415, 422, 429, 503],
  },
};
