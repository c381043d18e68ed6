import { AppError, isJsonObject, type Json } from "@weftwork/core";
import type { NewConversation, NewMessage } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { jsonObjectOf } from "../body.ts";
import { anyText, checkMembers, object, type MemberCheck, type MemberRule } from "../members.ts";
import { limit } from "../paging.ts";
import { readPrefer } from "../prefer.ts";
import { readQuery } from "../query.ts";
import { sendJson, type Surface } from "../surface.ts";
import { id } from "./submission.ts";
import { waitForEnd } from "./runs.ts";

interface ById {
  readonly Params: { readonly id: string };
}

interface ByMessage {
  readonly Params: { readonly id: string; readonly message: string };
}

const QUERY_CHARACTERS_MAX = 1_000_000;
const FILES_MAX = 50;

const files: MemberCheck = (value) =>
  Array.isArray(value) && value.length <= FILES_MAX && (value as readonly Json[]).every(isJsonObject)
    ? null
    : `must be a list of at most ${FILES_MAX} files, such as {"id": "file-…"}`;
const flag: MemberCheck = (value) => (typeof value === "boolean" ? null : "must be true or false");

const CONVERSATION: Readonly<Record<string, MemberRule>> = {
  workflow: { check: anyText(200), required: true },
  id: { check: id },
  user: { check: anyText(200) },
  name: { check: anyText(200) },
};
const MESSAGE: Readonly<Record<string, MemberRule>> = {
  query: { check: anyText(QUERY_CHARACTERS_MAX), required: true },
  inputs: { check: object },
  files: { check: files },
  user: { check: anyText(200) },
  id: { check: id },
  queue: { check: flag },
};
const PAGE = { limit: { check: limit }, cursor: { check: anyText(600) } };
const LIST = { ...PAGE, workflow: { check: anyText(200) }, user: { check: anyText(200) } };

/** `/api/conversations`: talk to chat apps, and look at what was said. */
export function conversationRoutes(app: FastifyInstance, surface: Surface): void {
  const { conversations } = surface.engine;

  app.get("/api/conversations", async (request, reply) => {
    const asked = readQuery(request.query, LIST);
    return sendJson(reply, 200, await conversations.list({ ...asked, ...sizeOf(asked.limit) }));
  });

  app.post("/api/conversations", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, CONVERSATION);
    const made = await conversations.create(body as unknown as NewConversation);
    return sendJson(reply.header("location", made.links.self), 201, made);
  });

  app.get<ById>("/api/conversations/:id", async ({ params }, reply) =>
    sendJson(reply, 200, (await conversations.find(params.id)) ?? notFound(params.id)),
  );

  app.delete<ById>("/api/conversations/:id", async ({ params }, reply) => {
    await conversations.remove(params.id);
    return reply.code(204).send();
  });

  app.get<ById>("/api/conversations/:id/messages", async ({ params, query }, reply) => {
    const { cursor, ...asked } = readQuery(query, PAGE);
    const page = { ...sizeOf(asked.limit), ...(cursor === undefined ? {} : { cursor }) };
    return sendJson(reply, 200, await conversations.messages(params.id, page));
  });

  app.get<ByMessage>("/api/conversations/:id/messages/:message", async ({ params }, reply) => {
    const found = await conversations.message(params.id, params.message);
    return sendJson(reply, 200, found ?? notFound(`${params.id} with a message ${params.message}`));
  });

  app.post<ById>("/api/conversations/:id/messages", async (request, reply) => {
    surface.refuseWhileDraining();
    const body = jsonObjectOf(request.body);
    checkMembers(body, MESSAGE);
    const prefer = readPrefer(request.headers["prefer"]);
    const message = await conversations.send(request.params.id, body as unknown as NewMessage);
    reply.header("location", `/api/conversations/${encodeURIComponent(request.params.id)}/messages/${message.id}`);
    if (prefer.applied !== null) reply.header("preference-applied", prefer.applied);
    const ended = prefer.waitMs > 0 && (await waitForEnd(surface, reply, message.run_id, prefer.waitMs)) !== null;
    if (!ended) return sendJson(reply, 202, message);
    return sendJson(reply, 200, (await conversations.message(request.params.id, message.id)) ?? message);
  });
}

function sizeOf(asked: string | undefined): { readonly limit: number } {
  return { limit: asked === undefined ? 50 : Number(asked) };
}

function notFound(what: string): never {
  throw new AppError("CONVERSATION_NOT_FOUND", { conversation: what.slice(0, 300) });
}
