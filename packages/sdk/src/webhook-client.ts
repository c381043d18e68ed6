import type { Api, CallOptions } from "./api.ts";
import { queryOf } from "./client-paths.ts";
import type { Page } from "./detail.ts";
import type {
  NewWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookDeliveryFilter,
  WebhookEndpoint,
  WebhookEndpointChange,
  WebhookEndpointSecret,
  WebhookRedelivery,
} from "./webhook.ts";

/** The receivers of webhooks that the server sends, and what was sent to them. */
export class WebhookClient {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  /** All receivers, the oldest first; no answer holds a secret. */
  async list(options: CallOptions = {}): Promise<readonly WebhookEndpoint[]> {
    return (await this.api.json<Page<WebhookEndpoint>>("GET", "/api/webhooks", options)).data;
  }

  get(id: string, options: CallOptions = {}): Promise<WebhookEndpoint> {
    return this.api.json("GET", pathOf(id), options);
  }

  /** Makes a receiver. Its secret is told this one time. */
  create(endpoint: NewWebhookEndpoint, options: CallOptions = {}): Promise<WebhookEndpointSecret> {
    return this.api.json("POST", "/api/webhooks", { ...options, body: { ...endpoint } });
  }

  /** Changes what is given. */
  change(id: string, change: WebhookEndpointChange, options: CallOptions = {}): Promise<WebhookEndpoint> {
    return this.api.json("PATCH", pathOf(id), { ...options, body: { ...change } });
  }

  /** Removes a receiver with what waits for it. */
  async remove(id: string, options: CallOptions = {}): Promise<void> {
    await this.api.send("DELETE", pathOf(id), options);
  }

  /** Makes a new secret; the one before signs beside it for `overlap` (default `24h`). `callback`: that of runs' own addresses. */
  rotate(id: string, options: CallOptions & { readonly overlap?: string } = {}): Promise<WebhookEndpointSecret> {
    const { overlap, ...call } = options;
    return this.api.json("POST", `${pathOf(id)}/rotate`, { ...call, body: overlap === undefined ? {} : { overlap } });
  }

  /** Sends a test message now, and answers with how that went. */
  test(id: string, options: CallOptions = {}): Promise<WebhookDeliveryDetail> {
    return this.api.json("POST", `${pathOf(id)}/test`, { ...options, body: {} });
  }

  /** A page of what was sent to a receiver, the newest first. */
  deliveries(
    id: string,
    filter: WebhookDeliveryFilter = {},
    options: CallOptions = {},
  ): Promise<Page<WebhookDelivery>> {
    return this.api.json("GET", `${pathOf(id)}/deliveries${queryOf(filter)}`, options);
  }

  /** One delivery with every attempt. */
  delivery(id: string, options: CallOptions = {}): Promise<WebhookDeliveryDetail> {
    return this.api.json("GET", `/api/webhooks/deliveries/${encodeURIComponent(id)}`, options);
  }

  /** Makes a delivery again: the same id and body. */
  redeliver(id: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    return this.api.json("POST", `/api/webhooks/deliveries/${encodeURIComponent(id)}/redeliver`, {
      ...options,
      body: {},
    });
  }

  /** The same for all of a receiver that a filter means; left out: the dead ones. */
  redeliverAll(
    id: string,
    filter: WebhookRedelivery = {},
    options: CallOptions = {},
  ): Promise<{ readonly count: number }> {
    return this.api.json("POST", `${pathOf(id)}/redeliver`, { ...options, body: { ...filter } });
  }
}

function pathOf(id: string): string {
  return `/api/webhooks/${encodeURIComponent(id)}`;
}
