import { createHash, randomBytes } from "node:crypto";
import { AppError, checkWebhookHead, mediaType, rootsOf, webhookInputs, webhookResponse } from "@weftwork/core";
import type { Json, JsonObject, Plan, StartStep, WebhookBody, WebhookSpec } from "@weftwork/core";
import type { Run, RunSubmission, Schedule, Trigger, TriggerAddress, TriggerRotation } from "@weftwork/sdk";
import type { BoundSecret } from "../secrets/secrets.ts";
import { isSigned, KEY_BYTES_MIN, signingKey } from "./signature.ts";
import type { StoredWebhook, WebhookTable } from "./store.ts";

export interface WebhooksOptions {
  readonly table: WebhookTable;
  readonly tenant: string;
  readonly now: () => number;
  /** The newest version of a workflow. Throws `WORKFLOW_NOT_FOUND`. */
  readonly plan: (workflow: string) => Promise<Plan>;
  /** The newest versions of all workflows that have triggers. */
  readonly plans: () => Promise<readonly Plan[]>;
  readonly start: (
    submission: RunSubmission & { readonly idempotencyKey?: string; readonly same?: JsonObject },
  ) => Promise<{ readonly run: Run; readonly created: boolean }>;
  /** The schedules there are. Of several at one trigger the first is shown. */
  readonly schedules: () => Promise<readonly Pick<Schedule, "name" | "workflow" | "root" | "created_at">[]>;
  readonly secrets: {
    load(tenant: string, names: readonly string[]): Promise<ReadonlyMap<string, BoundSecret | AppError>>;
  };
}

/** The head of a call. Names of headers are in lower case. */
export interface WebhookHead {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A call whose body has arrived. */
export interface WebhookArrival extends WebhookHead {
  readonly params: Readonly<Record<string, string>>;
  /** As it came, byte for byte. */
  readonly bytes: Uint8Array;
  /** Takes the body apart. Asked when the call is known to be genuine: files are stored then. */
  readonly body: () => Promise<WebhookBody>;
  /** The id that its sender gave it; a repeat of it begins no second run. */
  readonly id: string | null;
}

export interface WebhookAnswer {
  readonly status: number;
  readonly body: Json;
  /** False: the call is a repeat of an earlier one. */
  readonly created: boolean;
}

/** A webhook that a token leads to. */
export interface OpenWebhook {
  readonly spec: WebhookSpec;
  receive(call: WebhookArrival): Promise<WebhookAnswer>;
}

const TOKEN_BYTES = 32;

/**
 * The webhooks of a tenant.
 *
 * WH1. A call begins a run of a published workflow, in its newest version; nothing in a call is ever a definition.
 * WH2. A token is told once and kept as its hash. It opens one webhook of one workflow, and nothing else.
 * WH3. Where a secret is set, nothing of a call is taken apart or stored before its signature is found right.
 * WH4. The answer leaves when the run is durable; it tells nothing of the run.
 */
export class Webhooks {
  private readonly options: WebhooksOptions;

  constructor(options: WebhooksOptions) {
    this.options = options;
  }

  /** The triggers of all workflows, by workflow and node; without the addresses. */
  async list(): Promise<readonly Trigger[]> {
    const { table, tenant, plans } = this.options;
    const stored = new Map((await table.list(tenant)).map((one) => [placeOf(one), one]));
    const schedules = await this.options.schedules();
    return (await plans())
      .flatMap((plan) =>
        rootsOf(plan.workflow.steps).flatMap((step) => {
          const webhook = stored.get(placeOf({ workflow: plan.name, node: step.id })) ?? null;
          const schedule = schedules.find(({ workflow, root }) => workflow === plan.name && root === step.id) ?? null;
          return triggerOf(plan, step, webhook, schedule);
        }),
      )
      .toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  }

  /** Makes an address, in the place of the one there may be. Throws `TRIGGER_NOT_FOUND` and `WORKFLOW_NOT_FOUND`. */
  async rotate({ workflow, node, secret }: TriggerRotation): Promise<TriggerAddress> {
    const { table, tenant, now } = this.options;
    const plan = await this.options.plan(workflow);
    const step = webhookOf(plan, node);
    if (step === null) throw new AppError("TRIGGER_NOT_FOUND", { workflow, node: node.slice(0, 200) });
    if (typeof secret === "string") await this.signingKeyOf(secret);
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    const place = { tenant, workflow: plan.name, node };
    const stored = await table.put({ ...place, tokenHash: hashOf(token), secret, createdAt: now() });
    return { ...triggerOf(plan, step, stored, null)[0]!, path: `/triggers/webhook/${token}` };
  }

  /** Takes its address from a webhook. Throws `TRIGGER_NOT_FOUND` where it has none. */
  async remove(workflow: string, node: string): Promise<void> {
    const isText = !`${workflow}${node}`.includes("\0");
    if (isText && (await this.options.table.remove(this.options.tenant, workflow, node))) return;
    throw new AppError("TRIGGER_NOT_FOUND", { workflow: workflow.slice(0, 200), node: node.slice(0, 200) });
  }

  /** The webhook of a token, if it takes such a call. Throws `WEBHOOK_UNKNOWN` and `WEBHOOK_REFUSED`. */
  async open(token: string, head: WebhookHead): Promise<OpenWebhook> {
    const stored = await this.options.table.byToken(this.options.tenant, hashOf(token));
    if (stored === null) throw new AppError("WEBHOOK_UNKNOWN");
    // The newest version may have lost it.
    const spec = webhookOf(await this.options.plan(stored.workflow), stored.node)?.root?.webhook;
    if (!spec) throw new AppError("WEBHOOK_UNKNOWN");
    checkWebhookHead(spec, head.method, head.headers["content-type"] ?? null);
    return { spec, receive: (call) => this.receive(stored, spec, call) };
  }

  private async receive(stored: StoredWebhook, spec: WebhookSpec, call: WebhookArrival): Promise<WebhookAnswer> {
    const { method, headers, params, bytes } = call;
    await this.checkSignature(stored, { headers, body: bytes });
    const contentType = headers["content-type"] ?? null;
    const inputs = webhookInputs(spec, { method, contentType, headers, params, body: await call.body() });
    const { workflow, node } = stored;
    // Only what is signed can be trusted to name a call.
    const id = stored.secret === null ? call.id : headers["webhook-id"]!;
    const { created } = await this.options.start({
      workflow,
      root: node,
      inputs,
      metadata: { trigger: "webhook", node },
      ...(id === null
        ? {}
        : {
            idempotencyKey: `webhook:${hashOf(JSON.stringify([workflow, node, id]))}`,
            // Times, signatures and the ids of stored files are others in each repeat.
            same: { node, params, type: mediaType(contentType), body: contentHash(bytes, contentType) },
          }),
    });
    return { ...webhookResponse(spec), created };
  }

  private async checkSignature({ secret: name }: StoredWebhook, call: Parameters<typeof isSigned>[0]): Promise<void> {
    if (name === null) return;
    let key: Buffer;
    try {
      key = await this.signingKeyOf(name);
    } catch (error) {
      // Whoever calls is not to learn its name.
      if (error instanceof AppError) throw new AppError("WEBHOOK_UNCHECKED", {}, { cause: error });
      throw error;
    }
    if (!isSigned(call, key, this.options.now())) throw new AppError("WEBHOOK_SIGNATURE_INVALID");
  }

  /** Throws `SECRET_NOT_FOUND`, `SECRET_INVALID`, and what stands in the way of reading it. */
  private async signingKeyOf(name: string): Promise<Buffer> {
    const found = (await this.options.secrets.load(this.options.tenant, [name])).get(name);
    if (found === undefined) throw new AppError("SECRET_NOT_FOUND", { secret: name.slice(0, 100) });
    if (found instanceof AppError) throw found;
    const key = signingKey(found.value.reveal());
    if (key !== null) return key;
    const reason = `calls cannot be signed with it: that takes ${KEY_BYTES_MIN} bytes, as text or as Base64 behind whsec_`;
    throw new AppError("SECRET_INVALID", { secret: name, reason });
  }
}

function webhookOf(plan: Plan, node: string): StartStep | null {
  return rootsOf(plan.workflow.steps).find(({ id, root }) => id === node && root?.type === "webhook") ?? null;
}

function triggerOf(
  plan: Plan,
  { id, root }: StartStep,
  stored: StoredWebhook | null,
  enabled: Pick<Schedule, "name" | "created_at"> | null,
): readonly Trigger[] {
  if (!root || root.type === "start") return [];
  const { type, webhook, schedule } = root;
  const active = type === "webhook" && stored !== null;
  return [
    {
      workflow: plan.name,
      version: plan.version,
      node: id,
      type,
      active: active || enabled !== null,
      method: webhook?.method ?? null,
      content_type: webhook?.contentType ?? null,
      secret: active ? stored.secret : null,
      created_at: active ? new Date(stored.createdAt).toISOString() : (enabled?.created_at ?? null),
      cron: schedule?.cron ?? null,
      zone: schedule?.zone ?? null,
      schedule: enabled?.name ?? null,
    },
  ];
}

function placeOf({ workflow, node }: { readonly workflow: string; readonly node: string }): string {
  return `${workflow}/${node}`;
}

/** Equal for the same body, also when a form is sent again with another boundary. */
function contentHash(bytes: Uint8Array, contentType: string | null): string {
  const boundary = /;\s*boundary="?([^";]{1,70})/i.exec(contentType ?? "")?.[1];
  if (boundary === undefined) return hashOf(bytes);
  return hashOf(Buffer.from(bytes).toString("latin1").replaceAll(boundary, ""));
}

function hashOf(value: string | Uint8Array): string {
  return createHash("sha256").update(value).digest("hex");
}
