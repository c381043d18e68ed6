import { AppError } from "../base/errors.ts";
import { isJsonObject, parseJson, type Json, type JsonObject } from "../base/json.ts";
import { parseFloating } from "../expression/numbers.ts";
import type { WebhookField, WebhookSpec } from "../workflow/dify-steps.ts";
import { mapsAt, newMap, numberAt, textAt, flagAt } from "./read.ts";

/** A call of a webhook, taken apart. Names of headers are in lower case. */
export interface WebhookCall {
  readonly method: string;
  readonly contentType: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a name that is given several times: the first value. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: WebhookBody;
}

export type WebhookBody =
  /** `text/plain`, and what is read as JSON. */
  | { readonly type: "text"; readonly text: string }
  /** Fields and files of a form, by name. */
  | {
      readonly type: "form";
      readonly fields: Readonly<Record<string, string>>;
      readonly files: Readonly<Record<string, Json>>;
    }
  /** A body that is one file. */
  | { readonly type: "file"; readonly file: Json };

const METHODS_WITH_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);
/** What a run keeps of nobody, unless the trigger asks for it by name. */
const CONFIDENTIAL: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "webhook-signature",
]);

/** What a `trigger-webhook` node says of the calls that it takes. */
export function webhookSpec(data: JsonObject): WebhookSpec {
  const status = numberAt(data, "status_code") ?? 200;
  return {
    method: textAt(data, "method", "get").toUpperCase(),
    contentType: textAt(data, "content_type").toLowerCase(),
    headers: fieldsAt(data, "headers"),
    params: fieldsAt(data, "params"),
    body: fieldsAt(data, "body"),
    status: Number.isInteger(status) && status >= 200 && status <= 599 ? status : 200,
    responseBody: textAt(data, "response_body"),
  };
}

function fieldsAt(data: JsonObject, key: string): readonly WebhookField[] {
  return mapsAt(data, key).map(({ map }) => ({
    name: textAt(map, "name"),
    type: textAt(map, "type", "string"),
    required: flagAt(map, "required"),
  }));
}

/** The name under which a header is an output of its node. */
export function headerOutput(name: string): string {
  return name.replaceAll("-", "_");
}

/** Refuses a call by its method and its content type, before its body is read. Throws `WEBHOOK_REFUSED`. */
export function checkWebhookHead(spec: WebhookSpec, method: string, contentType: string | null): void {
  if (method !== spec.method)
    throw refused(`HTTP method mismatch. Expected ${spec.method.toLowerCase()}, got ${method.toLowerCase()}`);
  if (spec.contentType === "" || !METHODS_WITH_BODY.has(method)) return;
  const given = mediaType(contentType);
  if (given !== spec.contentType)
    throw refused(`Content-type mismatch. Expected ${spec.contentType}, got ${given === "" ? "none" : given}`);
}

/** A media type without its parameters, in lower case; empty when there is none. */
export function mediaType(contentType: string | null): string {
  return (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/**
 * The inputs of the run that a call begins: each declared variable with its type, and all of the call as `_webhook_raw`.
 * Throws `WEBHOOK_REFUSED`, in the words that Dify's callers know.
 */
export function webhookInputs(spec: WebhookSpec, call: WebhookCall): JsonObject {
  checkWebhookHead(spec, call.method, call.contentType);
  const values = newMap();
  const headers = new Map(Object.entries(call.headers).map(([name, value]) => [plain(name), value]));
  for (const { name, required } of spec.headers) {
    const value = headers.get(plain(name));
    if (value === undefined && required) throw refused(`Required header missing: ${name}`);
    values[headerOutput(name)] = value ?? null;
  }
  for (const field of spec.params) {
    const value = Object.hasOwn(call.params, field.name) ? call.params[field.name]! : undefined;
    if (value === undefined && field.required) throw refused(`Required parameter missing: ${field.name}`);
    values[field.name] = value === undefined ? null : fromText(field, value, "Parameter");
  }
  const isJson = mediaType(call.contentType) === "application/json";
  const { body } = call;
  const json = isJson && body.type === "text" ? jsonOf(body.text) : null;
  for (const field of spec.body) {
    const value = bodyValue(field, body, isJson ? (isJsonObject(json) ? json : {}) : null);
    if (value === null && field.required) throw refused(`Required body parameter missing: ${field.name}`);
    values[field.name] = value;
  }
  const asked = new Set(spec.headers.map(({ name }) => plain(name)));
  const kept = Object.entries(call.headers).filter(([name]) => !CONFIDENTIAL.has(name) || asked.has(plain(name)));
  values["_webhook_raw"] = {
    method: call.method,
    headers: Object.fromEntries(kept),
    query_params: { ...call.params },
    body: isJson ? json : rawBody(body),
    files: body.type === "form" ? { ...body.files } : {},
  };
  return { ...values };
}

/** The answer to a call that was taken: what the node declares, whatever becomes of the run. */
export function webhookResponse({ status, responseBody }: WebhookSpec): {
  readonly status: number;
  readonly body: Json;
} {
  const text = responseBody.trim();
  if (text === "") return { status, body: { status: "success", message: "Webhook processed successfully" } };
  if (text.startsWith("{") || text.startsWith("[")) {
    try {
      return { status, body: parseJson(text) };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }
  return { status, body: { message: responseBody } };
}

function bodyValue(field: WebhookField, body: WebhookBody, json: JsonObject | null): Json {
  if (json !== null) return Object.hasOwn(json, field.name) ? fromJson(field, json[field.name]!) : null;
  if (body.type === "file") return body.file;
  if (body.type === "text") return body.text === "" ? null : body.text;
  const { fields, files } = body;
  if (field.type === "file") return Object.hasOwn(files, field.name) ? files[field.name]! : null;
  return Object.hasOwn(fields, field.name) ? fromText(field, fields[field.name]!, "Body parameter") : null;
}

function rawBody(body: WebhookBody): Json {
  if (body.type === "form") return { ...body.fields };
  return { raw: body.type === "text" ? body.text : body.file };
}

function jsonOf(text: string): Json {
  if (text.trim() === "") return {};
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw refused(`Invalid JSON body: ${String(error.details["reason"])}`);
  }
}

/** A value of a query or a form, which is text, as the type that is declared. */
function fromText(field: WebhookField, text: string, what: string): Json {
  const wrong = (wanted: string): AppError => refused(`${what} '${field.name}' must be ${wanted}`);
  switch (field.type) {
    case "number": {
      const number = parseFloating(text);
      if (number === null || !Number.isFinite(number)) throw wrong("a number");
      return number;
    }
    case "boolean": {
      const word = text.trim().toLowerCase();
      if (["true", "1", "yes"].includes(word)) return true;
      if (["false", "0", "no"].includes(word)) return false;
      throw wrong("a boolean");
    }
    case "string":
    case "file":
      return text;
    default: {
      const value = jsonOf(text);
      return fromJson(field, value);
    }
  }
}

/** A value of a JSON body, of the type that is declared. Null counts as left out. */
function fromJson({ name, type }: WebhookField, value: Json): Json {
  if (value === null) return null;
  const isOf = CHECKS[type];
  if (isOf && !isOf(value)) throw refused(`Body parameter '${name}' must be ${type}`);
  return value;
}

const CHECKS: Readonly<Record<string, (value: Json) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  object: isJsonObject,
  array: (value) => Array.isArray(value),
  "array[string]": listOf((item) => typeof item === "string"),
  "array[number]": listOf((item) => typeof item === "number"),
  "array[boolean]": listOf((item) => typeof item === "boolean"),
  "array[object]": listOf(isJsonObject),
};

function listOf(isOf: (item: Json) => boolean): (value: Json) => boolean {
  return (value) => Array.isArray(value) && (value as readonly Json[]).every((item) => isOf(item));
}

/** `X-My_Header` and `x_my-header` are the same header. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

function refused(reason: string): AppError {
  return new AppError("WEBHOOK_REFUSED", { reason });
}
