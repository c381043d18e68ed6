import { randomUUID } from "node:crypto";
import { AppError, parseDuration } from "@weftwork/core";
import type {
  Page,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookDeliveryFilter,
  WebhookEndpoint,
  WebhookEndpointChange,
  WebhookEndpointSecret,
  WebhookRedelivery,
  NewWebhookEndpoint,
} from "@weftwork/sdk";
import type { HttpGuard } from "../nodes/http-guard.ts";
import type { Clock } from "../runtime/clock.ts";
import { addressOf } from "./address.ts";
import type { DeliveryLog, LogFilter, RedeliverFilter } from "./delivery-log.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";
import { callbackPlaceOf, placeOf, type Directory, type SealedEndpoint } from "./directory.ts";
import { CALLBACK, type EndpointContent, type EndpointTable, type StoredEndpoint } from "./endpoint-table.ts";
import { PATTERNS, TEST_EVENT } from "./events.ts";
import { messageId, textOf } from "./message.ts";
import { newSecret, rotated, valid, type Sealer, type SigningSecret } from "./secrets.ts";
import { LEASE_MS, type Sender } from "./sender.ts";
import { deliveryView, detailView, endpointView, STATES } from "./views.ts";

/** Each of them is compared with every run. */
const ENDPOINTS_MAX = 100;
const CHANGES_MAX = 10;
const OVERLAP = "24h";
const OVERLAP_MS_MAX = 30 * 24 * 3_600_000;
const PAGE_MAX = 200;
const CALLBACK_LOOK_MS = 20_000;

export interface ServiceOptions {
  readonly endpoints: EndpointTable;
  readonly queue: DeliveryQueue;
  readonly log: DeliveryLog;
  readonly directory: Directory;
  readonly sender: Sender;
  readonly sealer: Sealer;
  readonly guard: Pick<HttpGuard, "check">;
  readonly clock: Clock;
  readonly tenant: string;
}

/** The receivers of a tenant and what was sent to them, as those who keep them deal with them. */
export class WebhookService {
  private readonly options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.options = options;
  }

  /** All receivers, the oldest first. No answer here holds a secret, nor the query of an address. */
  async list(): Promise<readonly WebhookEndpoint[]> {
    const all = await this.options.endpoints.list();
    return Promise.all(all.filter(({ id }) => id !== CALLBACK).map((one) => this.viewOf(one)));
  }

  /** Throws `WEBHOOK_ENDPOINT_NOT_FOUND`. */
  async get(id: string): Promise<WebhookEndpoint> {
    return this.viewOf(await this.found(id));
  }

  /** Makes a receiver. The only answer that holds its secret, besides that of `rotate`. */
  async create(asked: NewWebhookEndpoint): Promise<WebhookEndpointSecret> {
    const { endpoints, directory, guard } = this.options;
    const address = addressOf(asked.url, guard, "url");
    if ((await endpoints.list()).filter((one) => one.id !== CALLBACK).length >= ENDPOINTS_MAX)
      throw new AppError("WEBHOOK_ENDPOINTS_FULL", { limit: ENDPOINTS_MAX });
    const id = `whe_${randomUUID().replaceAll("-", "")}`;
    const secret = newSecret();
    const added = await endpoints.add(id, {
      shown: address.shown,
      sealed: await this.sealed(id, { url: address.url, secrets: [secret] }),
      events: patternsOf(asked.events ?? ["run.*"]),
      workflow: asked.workflow ?? null,
      description: asked.description ?? null,
      status: asked.status ?? "enabled",
      reason: null,
    });
    if (!added) throw new AppError("STORE_UNAVAILABLE", { reason: "an id was drawn twice; try again" });
    await directory.changed();
    return { ...(await this.get(id)), secret: secret.text };
  }

  /** Changes what is given. Enabling it tells of what happens from then on. Throws `WEBHOOK_ENDPOINT_NOT_FOUND`. */
  async change(id: string, asked: WebhookEndpointChange): Promise<WebhookEndpoint> {
    const { guard } = this.options;
    const address = asked.url === undefined ? null : addressOf(asked.url, guard, "url");
    const events = asked.events === undefined ? null : patternsOf(asked.events);
    await this.update(await this.kept(id), async (before, content) => ({
      content: {
        shown: address?.shown ?? before.shown,
        sealed: address ? await this.sealed(id, { ...content, url: address.url }) : before.sealed,
        events: events ?? before.events,
        workflow: asked.workflow === undefined ? before.workflow : asked.workflow,
        description: asked.description === undefined ? before.description : asked.description,
        status: asked.status ?? before.status,
        reason: asked.status === undefined ? before.reason : null,
      },
      anew:
        (asked.status === "enabled" && before.status !== "enabled") ||
        (asked.workflow !== undefined && asked.workflow !== before.workflow),
    }));
    this.options.sender.poke();
    return this.get(id);
  }

  /** Throws `WEBHOOK_ENDPOINT_NOT_FOUND`. */
  async remove(id: string): Promise<void> {
    const { endpoints, directory } = this.options;
    await this.kept(id);
    await endpoints.remove(id);
    await directory.changed();
  }

  /**
   * Makes a new secret, told this one time. The one before signs beside it for the overlap (default 24 h), so that no
   * message is lost while the receiver changes. `callback`: the secret of the addresses of single runs.
   */
  async rotate(id: string, { overlap = OVERLAP }: { readonly overlap?: string } = {}): Promise<WebhookEndpointSecret> {
    const ms = parseDuration(overlap);
    if (ms === null || ms > OVERLAP_MS_MAX)
      throw new AppError("INVALID_REQUEST", { reason: "overlap must be a duration such as 24h, of at most 30d" });
    const before = id === CALLBACK ? await this.callbackEndpoint() : await this.found(id);
    let secrets: readonly SigningSecret[] = [];
    await this.update(before, async (present, content) => {
      secrets = rotated(content.secrets, this.options.clock.now(), ms);
      return { content: { ...present, sealed: await this.sealed(id, { ...content, secrets }) }, anew: false };
    });
    return { ...(await this.get(id)), secret: secrets[0]!.text };
  }

  /** Sends a message of the type `webhook.test` now, once, and answers with how that went. */
  async test(id: string): Promise<WebhookDeliveryDetail> {
    const { queue, sender, tenant, clock } = this.options;
    const endpoint = await this.kept(id);
    const key = randomUUID();
    const message = {
      id: messageId(tenant, endpoint.id, key, TEST_EVENT),
      endpoint: id,
      // A lane of its own: what waits for the receiver does not delay it.
      lane: `${TEST_EVENT} ${key}`,
      run: key,
      type: TEST_EVENT,
      position: 0,
      body: textOf(TEST_EVENT, clock.now(), { endpoint: id }),
      traceparent: null,
    };
    const claim = `${TEST_EVENT} ${key}`;
    await queue.addClaimed(message, claim, LEASE_MS * 2);
    await sender.attempt({ ...message, tries: 0, claim }, new AbortController().signal);
    return this.delivery(message.id);
  }

  /** A page of what was sent to a receiver, the newest first. Throws `WEBHOOK_ENDPOINT_NOT_FOUND`. */
  async deliveries(id: string, filter: WebhookDeliveryFilter = {}): Promise<Page<WebhookDelivery>> {
    if (id !== CALLBACK) await this.kept(id);
    const limit = Math.min(filter.limit ?? 50, PAGE_MAX);
    const asked: LogFilter = {
      limit: limit + 1,
      ...(filter.status === undefined ? {} : { state: STATES[filter.status] }),
      ...(filter.run === undefined ? {} : { run: filter.run }),
      ...(filter.cursor === undefined ? {} : { behind: readCursor(filter.cursor) }),
    };
    const found = await this.options.log.list(id, asked);
    const page = found.slice(0, limit);
    return { data: page.map(deliveryView), next_cursor: found.length > limit ? cursorOf(page.at(-1)!) : null };
  }

  /** One delivery with every attempt. Throws `WEBHOOK_DELIVERY_NOT_FOUND`. */
  async delivery(id: string): Promise<WebhookDeliveryDetail> {
    const found = await this.options.log.find(id);
    if (found === null) throw new AppError("WEBHOOK_DELIVERY_NOT_FOUND", { delivery: id.slice(0, 200) });
    return detailView(found.delivery, found.attempts);
  }

  /** Makes a delivery again: the same id and body. Throws `WEBHOOK_DELIVERY_NOT_FOUND` and `WEBHOOK_ENDPOINT_DISABLED`. */
  async redeliver(id: string): Promise<WebhookDelivery> {
    const { endpoint_id: endpoint } = await this.delivery(id);
    await this.checkEnabled(endpoint);
    // One that is being sent now needs nothing more.
    await this.options.log.redeliver(id);
    this.options.sender.poke();
    const { attempts: _, payload: __, ...delivery } = await this.delivery(id);
    return delivery;
  }

  /** The same for all of a receiver that a filter means; left out: those that are dead. */
  async redeliverAll(id: string, asked: WebhookRedelivery = {}): Promise<{ readonly count: number }> {
    await this.checkEnabled(id);
    const filter: RedeliverFilter = {
      state: asked.status ?? "dead",
      ...(asked.run === undefined ? {} : { run: asked.run }),
      ...(asked.after === undefined ? {} : { after: Date.parse(asked.after) }),
      ...(asked.before === undefined ? {} : { before: Date.parse(asked.before) }),
    };
    const count = await this.options.log.redeliverAll(id, filter);
    this.options.sender.poke();
    return { count };
  }

  /** Keeps the address of a run before it begins. Throws `INVALID_REQUEST` and `REQUEST_BLOCKED`. */
  async keepCallback(run: string, url: string): Promise<void> {
    const { endpoints, sealer, tenant, guard } = this.options;
    const address = addressOf(url, guard, "callback_url");
    if (this.options.directory.find(CALLBACK) === null) await this.callbackEndpoint();
    const sealed = await sealer.seal(tenant, address.url, callbackPlaceOf(run));
    const lane = `${CALLBACK} ${address.origin}`;
    await endpoints.keepCallback({ run, shown: address.shown, sealed, lane }, CALLBACK_LOOK_MS);
  }

  private async checkEnabled(id: string): Promise<void> {
    const { status } = id === CALLBACK ? await this.callbackEndpoint() : await this.kept(id);
    if (status !== "enabled") throw new AppError("WEBHOOK_ENDPOINT_DISABLED", { endpoint: id });
  }

  private async found(id: string): Promise<StoredEndpoint> {
    const endpoint = await this.options.endpoints.find(id);
    if (endpoint === null) throw new AppError("WEBHOOK_ENDPOINT_NOT_FOUND", { endpoint: id.slice(0, 200) });
    return endpoint;
  }

  /** One that has an address of its own. */
  private async kept(id: string): Promise<StoredEndpoint> {
    if (id === CALLBACK) throw new AppError("WEBHOOK_ENDPOINT_NOT_FOUND", { endpoint: id });
    return this.found(id);
  }

  /** The one that signs for addresses of runs; made when it is first needed. */
  private async callbackEndpoint(): Promise<StoredEndpoint> {
    const { endpoints, directory } = this.options;
    const there = await endpoints.find(CALLBACK);
    if (there !== null) return there;
    const content = { shown: "", events: ["run.*"], workflow: null, description: null, reason: null };
    const sealed = await this.sealed(CALLBACK, { url: null, secrets: [newSecret()] });
    // Another process may be faster; its secret counts then.
    await endpoints.add(CALLBACK, { ...content, sealed, status: "enabled" });
    await directory.changed();
    return this.found(CALLBACK);
  }

  private async update(
    first: StoredEndpoint,
    next: (
      before: StoredEndpoint,
      content: SealedEndpoint,
    ) => Promise<{ readonly content: EndpointContent; readonly anew: boolean }>,
  ): Promise<void> {
    const { endpoints, directory } = this.options;
    let before = first;
    for (let attempt = 0; attempt < CHANGES_MAX; attempt++) {
      const { content, anew } = await next(before, await directory.content(before));
      if (await endpoints.replace(before.id, before.version, content, anew)) return directory.changed();
      before = await this.found(before.id);
    }
    throw new AppError("STORE_UNAVAILABLE", { reason: "others keep changing the same webhook" });
  }

  private sealed(id: string, content: SealedEndpoint): Promise<string> {
    return this.options.sealer.seal(this.options.tenant, JSON.stringify(content), placeOf(id));
  }

  private async viewOf(endpoint: StoredEndpoint): Promise<WebhookEndpoint> {
    let secrets: readonly SigningSecret[] = [];
    try {
      ({ secrets } = await this.options.directory.content(endpoint));
    } catch (error) {
      // One whose seal does not open is listed, so that it can be removed.
      if (!(error instanceof AppError)) throw error;
    }
    return endpointView(endpoint, valid(secrets, this.options.clock.now()));
  }
}

function patternsOf(events: readonly string[]): readonly string[] {
  const wrong = events.find((one) => !PATTERNS.includes(one));
  if (events.length > 0 && wrong === undefined) return [...new Set(events)];
  const reason = `events must be a list of ${PATTERNS.join(", ")}${wrong === undefined ? "" : `, and ${JSON.stringify(wrong.slice(0, 100))} is none`}`;
  throw new AppError("INVALID_REQUEST", { reason });
}

function cursorOf({ createdAt, id }: { readonly createdAt: number; readonly id: string }): string {
  return Buffer.from(`${createdAt} ${id}`).toString("base64url");
}

function readCursor(cursor: string): { readonly createdAt: number; readonly id: string } {
  const [, at, id] = /^(\d{1,15}) ([\w-]{1,100})$/.exec(Buffer.from(cursor, "base64url").toString("utf8")) ?? [];
  if (at !== undefined && id !== undefined) return { createdAt: Number(at), id };
  throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave; begin without one" });
}
