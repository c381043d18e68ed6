import type { JsonObject } from "@weftwork/core";
import type { WebhookDelivery, WebhookDeliveryDetail, WebhookEndpoint } from "@weftwork/sdk";
import type { DeliveryState, LoggedAttempt, LoggedDelivery } from "./delivery-log.ts";
import type { StoredEndpoint } from "./endpoint-table.ts";
import type { SigningSecret } from "./secrets.ts";

/** What the log keeps a state as. */
export const STATES = { pending: "open", delivered: "delivered", dead: "dead" } as const;
const STATUS: Readonly<Record<DeliveryState, WebhookDelivery["status"]>> = {
  open: "pending",
  delivered: "delivered",
  dead: "dead",
};

/** The resource `/api/webhooks/{id}`. */
export function endpointView(endpoint: StoredEndpoint, secrets: readonly SigningSecret[]): WebhookEndpoint {
  const { id, shown, events, workflow, description, status, reason, createdAt, updatedAt } = endpoint;
  const before = secrets.find(({ until }) => until !== null);
  return {
    id,
    url: shown,
    events,
    workflow,
    description,
    status,
    disabled_reason: reason,
    old_secret_until: before ? timeOf(before.until!) : null,
    created_at: timeOf(createdAt),
    updated_at: timeOf(updatedAt),
  };
}

/** An entry of `/api/webhooks/{id}/deliveries`. */
export function deliveryView(delivery: LoggedDelivery): WebhookDelivery {
  const { id, endpoint, run, type, state, attempts, dueAt, createdAt, updatedAt } = delivery;
  return {
    id,
    endpoint_id: endpoint,
    run_id: type.startsWith("run.") ? run : null,
    type,
    status: STATUS[state],
    attempt_count: attempts,
    next_attempt_at: dueAt === null ? null : timeOf(dueAt),
    created_at: timeOf(createdAt),
    updated_at: timeOf(updatedAt),
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
  };
}

/** The resource `/api/webhooks/deliveries/{id}`. */
export function detailView(delivery: LoggedDelivery, attempts: readonly LoggedAttempt[]): WebhookDeliveryDetail {
  return {
    ...deliveryView(delivery),
    payload: JSON.parse(delivery.body) as JsonObject,
    attempts: attempts.map(({ number, startedAt, latencyMs, status, error, answer }) => ({
      number,
      started_at: timeOf(startedAt),
      latency_ms: latencyMs,
      status,
      error,
      answer,
    })),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
