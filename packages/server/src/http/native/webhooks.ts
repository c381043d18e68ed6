import type { Json } from "@weftwork/core";
import type {
  NewWebhookEndpoint,
  WebhookDeliveryFilter,
  WebhookEndpointChange,
  WebhookRedelivery,
} from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { jsonObjectOf, optionalJsonObjectOf } from "../body.ts";
import { checkMembers, text, time, type MemberCheck, type MemberRule } from "../members.ts";
import { limit, pageOf, PAGING } from "../paging.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";

interface ById {
  readonly Params: { readonly id: string };
}

const nullable =
  (check: MemberCheck): MemberCheck =>
  (value) =>
    value === null ? null : check(value);

const oneOf =
  (...known: readonly string[]): MemberCheck =>
  (value) =>
    known.some((one) => one === value) ? null : `must be one of ${known.join(", ")}`;

const ENDPOINT: Readonly<Record<string, MemberRule>> = {
  url: { check: text(2000) },
  events: { check: texts },
  workflow: { check: nullable(text(200)) },
  description: { check: nullable(text(1000)) },
  status: { check: oneOf("enabled", "disabled") },
};
const NEW_ENDPOINT = { ...ENDPOINT, url: { ...ENDPOINT["url"]!, required: true as const } };
const ROTATION = { overlap: { check: text(20) } };
const FILTER = {
  status: { check: oneOf("pending", "delivered", "dead") },
  run: { check: text(200) },
  limit: { check: limit },
  cursor: { check: text(500) },
};
const REDELIVERY = {
  status: { check: oneOf("dead", "delivered") },
  run: { check: text(200) },
  after: { check: time },
  before: { check: time },
};

/** `/api/webhooks`: the receivers of webhooks that are sent from here. Secrets are told once, when they are made. */
export function outgoingWebhookRoutes(app: FastifyInstance, surface: Surface): void {
  const { webhooks } = surface.engine;

  app.get("/api/webhooks", async ({ query }, reply) =>
    sendJson(
      reply,
      200,
      pageOf(await webhooks.list(), readQuery(query, PAGING), ({ id }) => id),
    ),
  );

  app.post("/api/webhooks", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, NEW_ENDPOINT);
    return sendJson(reply, 201, await webhooks.create(body as unknown as NewWebhookEndpoint));
  });

  app.get<ById>("/api/webhooks/:id", async ({ params: { id } }, reply) => sendJson(reply, 200, await webhooks.get(id)));

  app.patch<ById>("/api/webhooks/:id", async (request, reply) => {
    const body = jsonObjectOf(request.body);
    checkMembers(body, ENDPOINT);
    return sendJson(reply, 200, await webhooks.change(request.params.id, body as unknown as WebhookEndpointChange));
  });

  app.delete<ById>("/api/webhooks/:id", async ({ params: { id } }, reply) => {
    await webhooks.remove(id);
    return reply.code(204).send();
  });

  app.post<ById>("/api/webhooks/:id/rotate", async (request, reply) => {
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, ROTATION);
    const { overlap } = body as { readonly overlap?: string };
    return sendJson(reply, 200, await webhooks.rotate(request.params.id, overlap === undefined ? {} : { overlap }));
  });

  app.post<ById>("/api/webhooks/:id/test", async (request, reply) => {
    surface.refuseWhileDraining();
    checkMembers(optionalJsonObjectOf(request.body), {});
    return sendJson(reply, 200, await webhooks.test(request.params.id));
  });

  app.get<ById>("/api/webhooks/:id/deliveries", async ({ params: { id }, query }, reply) => {
    const { limit: size, ...filter } = readQuery(query, FILTER);
    const asked = { ...filter, ...(size === undefined ? {} : { limit: Number(size) }) } as WebhookDeliveryFilter;
    return sendJson(reply, 200, await webhooks.deliveries(id, asked));
  });

  app.get<ById>("/api/webhooks/deliveries/:id", async ({ params: { id } }, reply) =>
    sendJson(reply, 200, await webhooks.delivery(id)),
  );

  app.post<ById>("/api/webhooks/deliveries/:id/redeliver", async (request, reply) => {
    checkMembers(optionalJsonObjectOf(request.body), {});
    return sendJson(reply, 202, await webhooks.redeliver(request.params.id));
  });

  app.post<ById>("/api/webhooks/:id/redeliver", async (request, reply) => {
    const body = optionalJsonObjectOf(request.body);
    checkMembers(body, REDELIVERY);
    return sendJson(reply, 202, await webhooks.redeliverAll(request.params.id, body as WebhookRedelivery));
  });
}

function texts(value: Json): string | null {
  const isList = Array.isArray(value) && value.length <= 50 && value.every((one) => typeof one === "string");
  return isList ? null : "must be a list of texts";
}
