import type { JsonObject } from "@weftwork/core";
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

type Send = (
  method: string,
  path: string,
  options: { readonly body?: JsonObject; readonly signal?: AbortSignal },
) => Promise<Response>;

interface Call {
  readonly signal?: AbortSignal;
}

/** The receivers of webhooks that the server sends, and what was sent to them. */
export class WebhookClient {
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  /** All receivers, the oldest first; no answer holds a secret. */
  async list(options: Call = {}): Promise<readonly WebhookEndpoint[]> {
    return (await this.json<Page<WebhookEndpoint>>("GET", "/api/webhooks", options)).data;
  }

  get(id: string, options: Call = {}): Promise<WebhookEndpoint> {
    return this.json("GET", pathOf(id), options);
  }

  /** Makes a receiver. Its secret is told this one time. */
  create(endpoint: NewWebhookEndpoint, options: Call = {}): Promise<WebhookEndpointSecret> {
    return this.json("POST", "/api/webhooks", { ...options, body: { ...endpoint } as JsonObject });
  }

  /** Changes what is given. */
  change(id: string, change: WebhookEndpointChange, options: Call = {}): Promise<WebhookEndpoint> {
    return this.json("PATCH", pathOf(id), { ...options, body: { ...change } as JsonObject });
  }

  /** Removes a receiver with what waits for it. */
  async remove(id: string, options: Call = {}): Promise<void> {
    await this.send("DELETE", pathOf(id), options);
  }

  /** Makes a new secret; the one before signs beside it for `overlap` (default `24h`). `callback`: that of runs' own addresses. */
  rotate(id: string, options: Call & { readonly overlap?: string } = {}): Promise<WebhookEndpointSecret> {
    const { overlap, ...call } = options;
    return this.json("POST", `${pathOf(id)}/rotate`, { ...call, body: overlap === undefined ? {} : { overlap } });
  }

  /** Sends a test message now, and answers with how that went. */
  test(id: string, options: Call = {}): Promise<WebhookDeliveryDetail> {
    return this.json("POST", `${pathOf(id)}/test`, { ...options, body: {} });
  }

  /** A page of what was sent to a receiver, the newest first. */
  deliveries(id: string, filter: WebhookDeliveryFilter = {}, options: Call = {}): Promise<Page<WebhookDelivery>> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
    return this.json("GET", `${pathOf(id)}/deliveries${query.size === 0 ? "" : `?${query}`}`, options);
  }

  /** One delivery with every attempt. */
  delivery(id: string, options: Call = {}): Promise<WebhookDeliveryDetail> {
    return this.json("GET", `/api/webhooks/deliveries/${encodeURIComponent(id)}`, options);
  }

  /** Makes a delivery again: the same id and body. */
  redeliver(id: string, options: Call = {}): Promise<WebhookDelivery> {
    return this.json("POST", `/api/webhooks/deliveries/${encodeURIComponent(id)}/redeliver`, { ...options, body: {} });
  }

  /** The same for all of a receiver that a filter means; left out: the dead ones. */
  redeliverAll(id: string, filter: WebhookRedelivery = {}, options: Call = {}): Promise<{ readonly count: number }> {
    return this.json("POST", `${pathOf(id)}/redeliver`, { ...options, body: { ...filter } });
  }

  private async json<Answer>(method: string, path: string, options: Parameters<Send>[2]): Promise<Answer> {
    return (await (await this.send(method, path, options)).json()) as Answer;
  }
}

function pathOf(id: string): string {
  return `/api/webhooks/${encodeURIComponent(id)}`;
}
