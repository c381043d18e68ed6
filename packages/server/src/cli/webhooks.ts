import type {
  NewWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookDeliveryFilter,
  WebhookEndpoint,
  WebhookRedelivery,
} from "@weftwork/sdk";
import { EXIT, UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";
import { timeAgo } from "./times.ts";

/** Ids of deliveries begin so; those of receivers do not. */
const DELIVERY = "msg_";

/** `weft webhooks ls` */
export function webhooksList(options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const data = await client.webhooks.list();
    print(options, { data, next_cursor: null }, () => (data.length === 0 ? say("webhooks.none") : listing(data)));
  });
}

export interface AddOptions extends RemoteOptions {
  readonly event?: readonly string[];
  readonly workflow?: string;
  readonly description?: string;
}

/** `weft webhooks add URL`: standard output gets the secret alone, which nobody can show again. */
export function webhooksAdd(url: string, options: AddOptions): Promise<number> {
  const { event, workflow, description } = options;
  return remote(options, async (client) => {
    const given = { url, events: event, workflow, description };
    const made = await client.webhooks.create(withoutUndefined(given) as NewWebhookEndpoint);
    print(options, made, () => made.secret);
    process.stderr.write(`${say("webhooks.made", { id: made.id, url: made.url })}\n`);
  });
}

/** `weft webhooks show ID` */
export function webhooksShow(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, async ({ webhooks }) => {
    if (id.startsWith(DELIVERY)) {
      const delivery = await webhooks.delivery(id);
      print(options, delivery, () => detail(delivery));
    } else {
      const endpoint = await webhooks.get(id);
      print(options, endpoint, () => listing([endpoint]));
    }
  });
}

/** `weft webhooks remove ID` */
export function webhooksRemove(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    await client.webhooks.remove(id);
    print(options, { id, removed: true }, () => say("webhooks.removed", { id }));
  });
}

/** `weft webhooks rotate ID`: standard output gets the secret alone. */
export function webhooksRotate(id: string, options: RemoteOptions & { readonly overlap?: string }): Promise<number> {
  const { overlap } = options;
  return remote(options, async (client) => {
    const made = await client.webhooks.rotate(id, overlap === undefined ? {} : { overlap });
    print(options, made, () => made.secret);
    const until = made.old_secret_until;
    process.stderr.write(`${until === null ? say("webhooks.rotated") : say("webhooks.overlap", { until })}\n`);
  });
}

/** `weft webhooks test ID` */
export function webhooksTest(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const delivery = await client.webhooks.test(id);
    print(options, delivery, () => detail(delivery));
    return delivery.status === "delivered" ? EXIT.OK : EXIT.FAILED;
  });
}

export interface DeliveriesOptions extends RemoteOptions {
  readonly status?: string;
  readonly run?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

/** `weft webhooks deliveries ID` */
export function webhooksDeliveries(id: string, options: DeliveriesOptions): Promise<number> {
  const { status, run, limit, cursor } = options;
  return remote(options, async (client) => {
    const filter = withoutUndefined({ status, run, cursor, limit: limit === undefined ? undefined : Number(limit) });
    const page = await client.webhooks.deliveries(id, filter as WebhookDeliveryFilter);
    print(options, page, () => (page.data.length === 0 ? say("webhooks.no_deliveries") : deliveries(page.data)));
    if (page.next_cursor !== null && options.json !== true)
      process.stderr.write(`${say("webhooks.more", { cursor: page.next_cursor })}\n`);
  });
}

export interface RedeliverOptions extends RemoteOptions {
  readonly status?: string;
  readonly run?: string;
  readonly after?: string;
  readonly before?: string;
}

/** `weft webhooks redeliver ID` */
export function webhooksRedeliver(id: string, options: RedeliverOptions): Promise<number> {
  const { status, run, after, before } = options;
  const now = Date.now();
  const filter = withoutUndefined({
    status,
    run,
    after: after === undefined ? undefined : timeAgo(after, now),
    before: before === undefined ? undefined : timeAgo(before, now),
  });
  const isDelivery = id.startsWith(DELIVERY);
  if (isDelivery && Object.keys(filter).length > 0) throw new UsageError(say("webhooks.filter_of_one"));
  return remote(options, async ({ webhooks }) => {
    if (isDelivery) {
      const delivery = await webhooks.redeliver(id);
      print(options, delivery, () => say("webhooks.again", { count: 1 }));
      return;
    }
    const answer = await webhooks.redeliverAll(id, filter as WebhookRedelivery);
    print(options, answer, () => say("webhooks.again", { count: answer.count }));
  });
}

function listing(data: readonly WebhookEndpoint[]): string {
  return table(
    (["id", "url", "events", "workflow", "status", "description"] as const).map((title) => say(`column.${title}`)),
    data.map((one) => [
      one.id,
      one.url,
      one.events.join(" "),
      one.workflow ?? "",
      one.disabled_reason === null ? say(`status.${one.status}`) : `${say("status.disabled")}: ${one.disabled_reason}`,
      one.description ?? "",
    ]),
  );
}

function deliveries(data: readonly WebhookDelivery[]): string {
  return table(
    (["id", "event", "run", "status", "attempts", "next_attempt", "error"] as const).map((title) =>
      say(`column.${title}`),
    ),
    data.map((one) => [
      one.id,
      one.type,
      one.run_id ?? "",
      say(`status.${one.status}`),
      String(one.attempt_count),
      one.next_attempt_at ?? "",
      one.last_error ?? "",
    ]),
  );
}

function detail(delivery: WebhookDeliveryDetail): string {
  const attempts = table(
    (["started", "took", "answer", "error"] as const).map((title) => say(`column.${title}`)),
    delivery.attempts.map((one) => [
      one.started_at,
      `${one.latency_ms} ms`,
      [one.status ?? "", one.answer].join(" ").trim(),
      one.error ?? "",
    ]),
  );
  return [deliveries([delivery]), JSON.stringify(delivery.payload), attempts].join("\n\n");
}

function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
