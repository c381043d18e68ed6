import { createHash, createHmac } from "node:crypto";
import type { JsonObject, RunCreated } from "@weftwork/core";
import { positionOf, type RunNews } from "./events.ts";

/** Bytes of a body: a thin message and a link. */
const BODY_BYTES_MAX = 20_000;
const ID_CHARS = 32;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A run as far as messages tell of it. */
export interface ToldRun {
  readonly created: RunCreated;
  readonly createdAt: number;
  readonly startedAt: number | null;
}

/** A message as it is kept until it is delivered. */
export interface Message {
  readonly id: string;
  readonly endpoint: string;
  readonly lane: string;
  readonly run: string;
  readonly type: string;
  readonly position: number;
  readonly body: string;
  readonly traceparent: string | null;
}

/** The message for one endpoint. Its id is derived: whoever tells of the same row makes the same message. */
export function messageOf(
  run: ToldRun,
  news: RunNews,
  to: { readonly endpoint: string; readonly lane: string },
): Message {
  const { tenant, runId, metadata } = run.created;
  const { traceparent } = metadata;
  return {
    ...to,
    id: messageId(tenant, to.endpoint, runId, news.type, news.seq),
    run: runId,
    type: news.type,
    position: positionOf(news),
    body: bodyOf(run, news),
    traceparent: typeof traceparent === "string" && TRACEPARENT.test(traceparent) ? traceparent : null,
  };
}

export function messageId(...parts: readonly (string | number)[]): string {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
  return `msg_${digest.slice(0, ID_CHARS)}`;
}

/** `{"type", "timestamp", "data"}` of Standard Webhooks, below 20 kB. */
export function textOf(type: string, at: number, data: JsonObject): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

function bodyOf({ created, createdAt, startedAt }: ToldRun, news: RunNews): string {
  const { runId: id, workflow, version } = created;
  const { type, at, status, error, waiting } = news;
  const name = encodeURIComponent(id);
  const isOver = status !== "running" && status !== "waiting";
  const data = {
    id,
    workflow,
    version,
    status,
    created_at: new Date(createdAt).toISOString(),
    started_at: type === "run.started" ? new Date(at).toISOString() : timeOf(startedAt),
    finished_at: isOver ? new Date(at).toISOString() : null,
    error: error && { ...error },
    waiting: waiting.map(({ until, ...step }) => ({ ...step, until: timeOf(until) })),
    links: { self: `/api/runs/${name}`, task: `/api/tasks/${name}` },
  };
  const body = textOf(type, at, data);
  // Scopes of steps may be long; they stand in the run as well.
  return Buffer.byteLength(body) <= BODY_BYTES_MAX ? body : textOf(type, at, { ...data, waiting: [] });
}

/**
 * The headers of one attempt: signed with each of the keys, as Standard Webhooks 1.0 has it for the time in which a
 * receiver changes from one to the other. `seconds`: since 1970.
 */
export function signedHeaders(
  { id, body, traceparent }: Pick<Message, "id" | "body" | "traceparent">,
  keys: readonly Buffer[],
  seconds: number,
): Readonly<Record<string, string>> {
  const sign = (key: Buffer): string =>
    `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`, "utf8").digest("base64")}`;
  return {
    "content-type": "application/json",
    "user-agent": "weftwork",
    "accept-encoding": "identity",
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": keys.map(sign).join(" "),
    ...(traceparent === null ? {} : { traceparent }),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
