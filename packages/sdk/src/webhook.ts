import type { Json, JsonObject } from "@weftwork/core";

/** What endpoints can ask for: single events, or all of a kind. */
export type WebhookEventPattern =
  | "*"
  | "run.*"
  | "run.started"
  | "run.paused"
  | "run.succeeded"
  | "run.failed"
  | "run.cancelled";

/** A receiver of the webhooks that the server sends. Its secret is told when it is made and when it is rotated. */
export interface WebhookEndpoint {
  readonly id: string;
  /** Without its query, which may hold a token. */
  readonly url: string;
  readonly events: readonly string[];
  /** Only of runs of this workflow; null: of all. */
  readonly workflow: string | null;
  readonly description: string | null;
  readonly status: "enabled" | "disabled";
  /** Why, where nobody has disabled it by hand. */
  readonly disabled_reason: string | null;
  /** Until then messages are signed with the secret before the present one as well. */
  readonly old_secret_until: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A receiver with its secret, `whsec_…`, which is told this one time. */
export interface WebhookEndpointSecret extends WebhookEndpoint {
  readonly secret: string;
}

/** What `POST /api/webhooks` takes. */
export interface NewWebhookEndpoint {
  readonly url: string;
  /** Left out: `run.*`. */
  readonly events?: readonly string[];
  readonly workflow?: string | null;
  readonly description?: string | null;
  readonly status?: "enabled" | "disabled";
}

/** What `PATCH /api/webhooks/{id}` takes; what is left out stays as it is. */
export type WebhookEndpointChange = Partial<NewWebhookEndpoint>;

/** A message for a receiver. */
export interface WebhookDelivery {
  /** Sent as `webhook-id`, the same in each attempt. */
  readonly id: string;
  /** `callback`: it went to the address that its run was submitted with. */
  readonly endpoint_id: string;
  readonly run_id: string | null;
  readonly type: string;
  /** `dead`: it is not tried any more. */
  readonly status: "pending" | "delivered" | "dead";
  readonly attempt_count: number;
  /** Null once it is not pending any more. */
  readonly next_attempt_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  /** HTTP status of the last attempt; null where no answer came. */
  readonly last_status: number | null;
  readonly last_error: string | null;
}

/** A delivery with what was sent and every attempt, the first one first. */
export interface WebhookDeliveryDetail extends WebhookDelivery {
  readonly payload: JsonObject;
  readonly attempts: readonly WebhookAttempt[];
}

export interface WebhookAttempt {
  readonly number: number;
  readonly started_at: string;
  readonly latency_ms: number;
  readonly status: number | null;
  readonly error: string | null;
  /** First characters of the answer, secrets taken out. */
  readonly answer: string;
}

export interface WebhookDeliveryFilter {
  readonly status?: "pending" | "delivered" | "dead";
  readonly run?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Which deliveries of a receiver are made again. Left out: the dead ones, of any time. */
export interface WebhookRedelivery {
  readonly status?: "dead" | "delivered";
  readonly run?: string;
  /** RFC 3339: those that were made from then on. */
  readonly after?: string;
  /** RFC 3339: those that were made before. */
  readonly before?: string;
}

/** What a receiver gets: the body of a webhook. */
export interface WebhookMessage {
  readonly type: string;
  /** When it happened. */
  readonly timestamp: string;
  readonly data: { readonly [name: string]: Json };
}
