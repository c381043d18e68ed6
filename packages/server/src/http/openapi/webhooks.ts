import type { JsonObject } from "@weftwork/core";
import { header, json, jsonBody, query, type Operations } from "./operation.ts";
import { anyObject, choice, described, list, nullable, ref, shape, text, time, whole } from "./schema.ts";

const EVENTS: Readonly<Record<string, string>> = {
  "run.started": "A run has begun.",
  "run.paused": "A run waits for a person or a signal.",
  "run.succeeded": "A run has ended well.",
  "run.failed": "A run has failed.",
  "run.cancelled": "A run was cancelled.",
};
const EVENT_TYPES = Object.keys(EVENTS);

const endpoint: Readonly<Record<string, JsonObject>> = {
  id: text,
  url: described(text, "Without its query, which may hold a token."),
  events: described(list(text), "Single events, run.*, or *."),
  workflow: described(nullable(text), "Only of runs of this workflow; null: of all."),
  description: nullable(text),
  status: choice("enabled", "disabled"),
  disabled_reason: described(nullable(text), "Why, where nobody has disabled it by hand."),
  old_secret_until: described(nullable(time), "Until then the secret before the present one signs as well."),
  created_at: time,
  updated_at: time,
};

const settings: Readonly<Record<string, JsonObject>> = {
  url: described(text, "An address of http or https. Private ones are refused, unless the operator has opened them."),
  events: described(list(choice("*", "run.*", ...EVENT_TYPES)), "Left out: run.*."),
  workflow: nullable(text),
  description: nullable(text),
  status: choice("enabled", "disabled"),
};

const delivery: Readonly<Record<string, JsonObject>> = {
  id: described(text, "Sent as webhook-id, the same in each attempt."),
  endpoint_id: described(text, "callback: it went to the address that its run was submitted with."),
  run_id: nullable(text),
  type: text,
  status: described(choice("pending", "delivered", "dead"), "Dead: it is not tried any more."),
  attempt_count: whole,
  next_attempt_at: nullable(time),
  created_at: time,
  updated_at: time,
  last_status: described(nullable(whole), "HTTP status of the last attempt; null where no answer came."),
  last_error: nullable(text),
};

export const WEBHOOK_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  WebhookEndpoint: shape(endpoint),
  WebhookEndpointPage: shape({ data: list(ref("WebhookEndpoint")), next_cursor: nullable(text) }),
  WebhookEndpointSecret: shape({ ...endpoint, secret: described(text, "whsec_ and Base64; told this one time.") }),
  NewWebhookEndpoint: shape(settings, ["events", "workflow", "description", "status"]),
  WebhookEndpointChange: shape(settings, Object.keys(settings)),
  WebhookDelivery: shape(delivery),
  WebhookDeliveryPage: shape({ data: list(ref("WebhookDelivery")), next_cursor: nullable(text) }),
  WebhookDeliveryDetail: shape({
    ...delivery,
    payload: described(anyObject, "The body that is sent."),
    attempts: list(
      shape({
        number: whole,
        started_at: time,
        latency_ms: whole,
        status: nullable(whole),
        error: nullable(text),
        answer: described(text, "Its first characters, secrets taken out."),
      }),
    ),
  }),
  WebhookRedelivery: shape(
    {
      status: described(choice("dead", "delivered"), "Left out: dead."),
      run: text,
      after: described(time, "Those that were made from then on."),
      before: described(time, "Those that were made before."),
    },
    ["status", "run", "after", "before"],
  ),
  WebhookRedelivered: shape({ count: whole }),
  RunWebhook: shape({
    type: choice(...EVENT_TYPES),
    timestamp: described(time, "When it happened."),
    data: shape({
      id: described(text, "The run."),
      workflow: text,
      version: text,
      status: ref("RunStatus"),
      created_at: time,
      started_at: nullable(time),
      finished_at: nullable(time),
      error: nullable(shape({ code: text, scope: nullable(text), step: nullable(text) })),
      waiting: described(
        list(
          shape({
            scope: text,
            step: text,
            for: choice("approval", "signal"),
            name: described(nullable(text), "Of the signal."),
            until: nullable(time),
          }),
        ),
        "What the run waits for; at most 20 steps.",
      ),
      links: described(shape({ self: text, task: text }), "Paths on the server that sent it."),
    }),
  }),
};

export const WEBHOOK_OPERATIONS: Operations = {
  "GET /api/webhooks": {
    id: "listWebhookEndpoints",
    summary: "The receivers of webhooks that are sent from here, the oldest first. Without their secrets.",
    tag: "webhooks",
    parameters: [
      query("limit", { ...whole, minimum: 1, maximum: 200, default: 200 }, "Entries of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page of them.", "WebhookEndpointPage") },
    problems: [400],
  },
  "POST /api/webhooks": {
    id: "createWebhookEndpoint",
    summary: "Makes a receiver. Its secret is told this one time.",
    tag: "webhooks",
    body: jsonBody(ref("NewWebhookEndpoint")),
    answers: { "201": json("Made.", "WebhookEndpointSecret") },
    problems: [400, 403, 409, 415, 503],
  },
  "GET /api/webhooks/{id}": {
    id: "getWebhookEndpoint",
    summary: "One receiver.",
    tag: "webhooks",
    answers: { "200": json("It.", "WebhookEndpoint") },
    problems: [404],
  },
  "PATCH /api/webhooks/{id}": {
    id: "changeWebhookEndpoint",
    summary: "Changes what is given of a receiver. One that is enabled hears of what happens from then on.",
    tag: "webhooks",
    body: jsonBody(ref("WebhookEndpointChange")),
    answers: { "200": json("Changed.", "WebhookEndpoint") },
    problems: [400, 403, 404, 415, 503],
  },
  "DELETE /api/webhooks/{id}": {
    id: "removeWebhookEndpoint",
    summary: "Removes a receiver with what waits for it.",
    tag: "webhooks",
    answers: { "204": { description: "Removed." } },
    problems: [404, 503],
  },
  "POST /api/webhooks/{id}/rotate": {
    id: "rotateWebhookSecret",
    summary: "Makes a new secret, told this one time. The one before signs beside it for the overlap.",
    tag: "webhooks",
    body: jsonBody(
      shape({ overlap: described(text, "A duration such as 1h, at most 30d. Left out: 24h.") }, ["overlap"]),
      false,
    ),
    answers: { "200": json("The receiver with its new secret.", "WebhookEndpointSecret") },
    problems: [400, 404, 503],
  },
  "POST /api/webhooks/{id}/test": {
    id: "testWebhookEndpoint",
    summary: "Sends a message of the type webhook.test now, once, and answers with how that went.",
    tag: "webhooks",
    answers: { "200": json("How it went.", "WebhookDeliveryDetail") },
    problems: [404, 503],
  },
  "GET /api/webhooks/{id}/deliveries": {
    id: "listWebhookDeliveries",
    summary: "What was sent to a receiver and what is still to be, the newest first. They are kept for 30 days.",
    tag: "webhooks",
    parameters: [
      query("status", choice("pending", "delivered", "dead"), "Only these."),
      query("run", text, "Only of this run."),
      query("limit", { ...whole, minimum: 1, maximum: 200, default: 50 }, "Entries of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page of them.", "WebhookDeliveryPage") },
    problems: [400, 404],
  },
  "POST /api/webhooks/{id}/redeliver": {
    id: "redeliverWebhooks",
    summary: "Makes deliveries of a receiver again: the dead ones, or those that the body means.",
    tag: "webhooks",
    body: jsonBody(ref("WebhookRedelivery"), false),
    answers: { "202": json("How many.", "WebhookRedelivered") },
    problems: [400, 404, 409, 503],
  },
  "GET /api/webhooks/deliveries/{id}": {
    id: "getWebhookDelivery",
    summary: "One delivery with what was sent and every attempt.",
    tag: "webhooks",
    answers: { "200": json("It.", "WebhookDeliveryDetail") },
    problems: [404],
  },
  "POST /api/webhooks/deliveries/{id}/redeliver": {
    id: "redeliverWebhook",
    summary: "Makes a delivery again: the same id and body.",
    tag: "webhooks",
    answers: { "202": json("It, pending.", "WebhookDelivery") },
    problems: [404, 409, 503],
  },
};

/** What is sent to receivers, as the member `webhooks` of OpenAPI has it. */
export const WEBHOOKS: JsonObject = Object.fromEntries(
  EVENT_TYPES.map((type) => [
    type,
    {
      post: {
        summary: EVENTS[type]!,
        tags: ["webhooks"],
        parameters: [
          header("webhook-id", text, "The same in each attempt: what came twice is known by it."),
          header("webhook-timestamp", text, "Seconds since 1970, of this attempt."),
          header(
            "webhook-signature",
            text,
            "v1, and the HMAC-SHA256 of id.timestamp.body in Base64; one for each secret.",
          ),
          header("traceparent", text, "Where the run's metadata has one."),
        ],
        requestBody: jsonBody(ref("RunWebhook")),
        responses: {
          "2XX": { description: "Taken." },
          "410": { description: "No more of them: the receiver is disabled." },
          default: { description: "It is tried again." },
        },
      },
    },
  ]),
);
