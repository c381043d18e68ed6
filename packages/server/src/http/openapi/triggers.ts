import type { JsonObject } from "@weftwork/core";
import { json, jsonBody, query, type Operation, type Operations } from "./operation.ts";
import { ref, text, whole } from "./schema.ts";

const ANY_BODY: JsonObject = {
  required: false,
  content: Object.fromEntries(
    [
      "application/json",
      "multipart/form-data",
      "application/x-www-form-urlencoded",
      "text/plain",
      "application/octet-stream",
    ].map((type) => [type, { schema: {} }]),
  ),
};

const ANSWER: JsonObject = {
  description: "What the trigger declares, 200 where it declares nothing. The run has begun, and goes on by itself.",
  content: { "application/json": { schema: {} } },
};

const REFUSAL: JsonObject = {
  description: "Why the call was not taken.",
  content: { "application/json": { schema: ref("WebhookRefusal") } },
};

function call(method: string, hasBody: boolean): Operation {
  return {
    id: `${method.toLowerCase()}Webhook`,
    summary: `A ${method} call of a webhook. Taken where the trigger declares this method; a repeat of its webhook-id or Idempotency-Key begins no second run.`,
    tag: "triggers",
    ...(hasBody ? { body: ANY_BODY } : {}),
    answers: {
      "2XX": ANSWER,
      ...Object.fromEntries(["400", "401", "404", "413", "503"].map((status) => [status, REFUSAL])),
    },
  };
}

const PATH = "/triggers/webhook/{token}";

export const TRIGGER_OPERATIONS: Operations = {
  "GET /api/triggers": {
    id: "listTriggers",
    summary: "The triggers of the newest versions of all workflows. Without the addresses of webhooks.",
    tag: "triggers",
    parameters: [
      query("limit", { ...whole, minimum: 1, maximum: 200, default: 200 }, "Entries of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page of them.", "TriggerPage") },
    problems: [400],
  },
  "POST /api/triggers": {
    id: "rotateTrigger",
    summary: "Makes an address for a webhook, told this one time. The one before is void from then on.",
    tag: "triggers",
    body: jsonBody(ref("TriggerRotation")),
    answers: { "201": json("The webhook with its address.", "TriggerAddress") },
    problems: [400, 404, 415, 422, 503],
  },
  "DELETE /api/triggers/{workflow}/{node}": {
    id: "removeTrigger",
    summary: "Takes its address from a webhook. Calls of it are answered with 404 from then on.",
    tag: "triggers",
    answers: { "204": { description: "Removed." } },
    problems: [404, 503],
  },
  [`GET ${PATH}`]: call("GET", false),
  [`POST ${PATH}`]: call("POST", true),
  [`PUT ${PATH}`]: call("PUT", true),
  [`PATCH ${PATH}`]: call("PATCH", true),
  [`DELETE ${PATH}`]: call("DELETE", true),
};
