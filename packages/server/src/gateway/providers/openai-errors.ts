import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { masked } from "../../secrets/mask.ts";
import type { Secret } from "../../secrets/secret.ts";

/** Whose errors these are, and what must not stand in them. */
export interface ErrorSource {
  readonly model: string;
  readonly secrets: readonly Secret[];
}

/** What a provider said of a failed call, as a response of its own or within a stream. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** `code` and `type` of the error object, in one text. */
  readonly kind: string;
  readonly retryAfterMs: number | null;
}

const REASON_LENGTH_MAX = 500;
/** Longer ones are taken for a mistake of the provider. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/** The refusal in the body of a response, whichever of the usual shapes it has. */
export function refusalOf(status: number, body: string, retryAfter: string | null, now: number): Refusal {
  const error = parsed(body);
  const retryAfterMs = retryAfter === null ? null : parseRetryAfter(retryAfter, now);
  if (error === null) {
    const isHtml = /^\s*</.test(body);
    return { status, message: isHtml || body.trim() === "" ? "" : body, kind: "", retryAfterMs };
  }
  return { ...refusalIn(error), status, retryAfterMs };
}

/** The refusal in a piece of a stream, or null when it is none. */
export function refusalInStream(data: JsonObject): Refusal | null {
  const { error } = data;
  const found = error !== undefined && error !== null ? data : data["object"] === "error" ? data : null;
  if (!found) return null;
  const refusal = refusalIn(found);
  if (refusal.status !== 0) return refusal;
  // Without a number the words must do.
  const status = /overloaded/.test(refusal.kind) ? 529 : /rate_limit|quota/.test(refusal.kind) ? 429 : 500;
  return { ...refusal, status };
}

/** The error that a refusal is to those who called. */
export function refusalError(source: ErrorSource, refusal: Refusal): AppError {
  const { model } = source;
  const { status, kind, retryAfterMs } = refusal;
  const details = { model, status, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
  const reason = tidy(source, refusal.message, `it answered with status ${status}.`);
  if (status === 402 || /insufficient_quota|billing/.test(kind)) {
    return new AppError("MODEL_QUOTA_EXHAUSTED", { model, status });
  }
  // No words of the provider: some repeat the key, or its better half.
  if (status === 401 || status === 403) return new AppError("MODEL_AUTHENTICATION", { model, status });
  if (/content_filter|content_policy|data_inspection/.test(kind)) {
    return new AppError("MODEL_CONTENT_FILTERED", { ...details, reason });
  }
  if (isTooLong(refusal)) return new AppError("MODEL_INPUT_TOO_LONG", { ...details, reason });
  if (status === 429 || status === 503 || status === 529) {
    return new AppError("MODEL_OVERLOADED", { ...details, ...(refusal.message === "" ? {} : { reason }) });
  }
  if (status >= 300 && status < 400) {
    const moved = "the endpoint redirects elsewhere; configure the address it redirects to.";
    return new AppError("MODEL_REQUEST_INVALID", { ...details, reason: moved });
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 425) {
    return new AppError("MODEL_REQUEST_INVALID", { ...details, reason });
  }
  return new AppError("MODEL_UNAVAILABLE", { ...details, reason });
}

/** The error that a broken connection is. `begun`: whether part of an answer had come. */
export function connectionError(source: ErrorSource, error: unknown, begun: boolean, connectMs: number): AppError {
  if (error instanceof AppError) return error;
  const { model } = source;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "UND_ERR_CONNECT_TIMEOUT") {
    return new AppError("MODEL_TIMEOUT", { model, what: "connection", timeoutMs: connectMs });
  }
  const reason = tidy(source, wordsOf(error), "the connection broke.");
  return new AppError(begun ? "MODEL_STREAM_CUT" : "MODEL_UNAVAILABLE", { model, reason });
}

/** Words for an error of the network. Node leaves the message empty when several addresses failed. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return wordsOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || error.name;
}

/** `Retry-After` in milliseconds: seconds, or a date; null when it is neither. */
export function parseRetryAfter(value: string, now: number): number | null {
  const text = value.trim();
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? null : Math.round(Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX));
}

function isTooLong({ status, kind, message }: Refusal): boolean {
  if (status === 413 || kind.includes("context_length")) return true;
  return status === 400 && /maximum context length|context (?:length|window|size)|prompt is too long/i.test(message);
}

function parsed(body: string): JsonObject | null {
  try {
    const value = JSON.parse(body) as Json;
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** OpenAI: `{error: {message, type, code}}`; others `{error: "…"}`, `{message}`, `{detail: "…" | [{msg}]}`. */
function refusalIn(data: JsonObject): Refusal {
  const error = isJsonObject(data["error"]) ? data["error"] : data;
  const said = [error["message"], data["error"], error["detail"], error["msg"]].find(
    (one) => typeof one === "string" || Array.isArray(one),
  );
  const message = said === undefined ? "" : typeof said === "string" ? said : JSON.stringify(said);
  const code = error["code"];
  const numbers = [error["status"], code, error["status_code"]].map(Number);
  const status = numbers.find((number) => Number.isInteger(number) && number >= 400 && number < 600) ?? 0;
  return { status, message, kind: `${lower(code)} ${lower(error["type"])}`, retryAfterMs: null };
}

function lower(value: Json | undefined): string {
  return typeof value === "string" ? value.toLowerCase() : "";
}

/** The provider's words as one short sentence without secrets. */
function tidy({ secrets }: ErrorSource, message: string, otherwise: string): string {
  const line = masked(message, secrets)
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim();
  if (line === "") return otherwise;
  const short = line.length > REASON_LENGTH_MAX ? `${line.slice(0, REASON_LENGTH_MAX)}…` : line;
  return /[.!?。！？…]$/u.test(short) ? short : `${short}.`;
}
