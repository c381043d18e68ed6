import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { RequestBody } from "../http-body.ts";
import { isCarrierHeader, setHeader, type RequestHeaders } from "../http-headers.ts";
import { firstRequest, type HttpRequest } from "../http-request.ts";
import type { HttpAuth } from "../http-fields.ts";
import { lenientJson } from "../model/lenient-json.ts";
import { refusedKind } from "./dialect.ts";
import { filesOf } from "./files.ts";

/** Makes a file of the graph one that a request can carry. */
export type TakeFile = (file: JsonObject) => Promise<Json>;

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** The request that the fields of an http node ask for, as the http step sends it. */
export async function difyRequest(config: JsonObject, key: string, takeFile: TakeFile): Promise<HttpRequest> {
  const method = textIn(config["method"]).toUpperCase();
  if (!METHODS.has(method)) throw refusedKind(`Invalid http method ${method}`, "InvalidHttpMethodError");
  const body = await bodyOf(mapIn(config["body"]), takeFile);
  const request = firstRequest({ method: method as "GET", url: urlOf(config) }, key);
  const headers: RequestHeaders = new Map([...request.headers, ...headersOf(textIn(config["headers"]))]);
  if (body?.type !== undefined && !headers.has("content-type")) headers.set("content-type", body.type);
  const query = pairsIn(config["params"]);
  return { ...request, headers, query, auth: authOf(mapIn(config["authorization"])), body: body?.content ?? null };
}

function urlOf(config: JsonObject): string {
  const url = textIn(config["url"]).trim();
  if (url === "") throw refusedKind("url is required", "InvalidURLError");
  if (!/^https?:\/\//i.test(url)) throw refusedKind("url should start with http:// or https://", "InvalidURLError");
  if (URL.parse(url) === null) throw refusedKind("url is not an address", "InvalidURLError");
  return url;
}

/** Lines of `name: value`, resolved before they are cut. What says how a message is carried is left to the sender. */
function headersOf(block: string): RequestHeaders {
  const headers: RequestHeaders = new Map();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const name = (colon < 0 ? line : line.slice(0, colon)).trim();
    if (name === "" || isCarrierHeader(name)) continue;
    setHeader(headers, name, colon < 0 ? "" : line.slice(colon + 1).trim());
  }
  return headers;
}

function pairsIn(value: Json | undefined): readonly (readonly [string, string])[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly Json[]).flatMap((pair) =>
    Array.isArray(pair) && pair[0] !== "" ? [[textIn(pair[0]), textIn(pair[1])] as const] : [],
  );
}

function authOf(authorization: JsonObject): HttpAuth | null {
  if (authorization["type"] !== "api-key") return null;
  const config = mapIn(authorization["config"]);
  const key = textIn(config["api_key"]);
  const header = textIn(config["header"]) || "Authorization";
  if (key === "") throw refusedKind("API key is required for authorization but was empty.", "AuthorizationConfigError");
  switch (config["type"]) {
    case "bearer":
      return { header, value: `Bearer ${key}` };
    case "basic": {
      const colon = key.indexOf(":");
      if (colon >= 0 && header.toLowerCase() === "authorization")
        return { basic: { username: key.slice(0, colon), password: key.slice(colon + 1) } };
      const code = colon < 0 ? key : Buffer.from(key).toString("base64");
      return { header, value: `Basic ${code}` };
    }
    case "custom":
      return { header, value: key };
    default:
      throw refusedKind("the authorization is of no known type", "AuthorizationConfigError");
  }
}

interface Carried {
  readonly content: RequestBody;
  /** Content type, unless the author names one; left out: as its kind has it. */
  readonly type?: string;
}

async function bodyOf({ type, data }: JsonObject, takeFile: TakeFile): Promise<Carried | null> {
  const items = Array.isArray(data) ? (data as readonly Json[]).filter(isJsonObject) : [];
  switch (type) {
    case "json":
      return {
        content: { kind: "value", value: jsonText(textIn(only(items, "json")["value"])) },
        type: "application/json",
      };
    case "raw-text":
      return { content: { kind: "value", value: textIn(only(items, "raw-text")["value"]) }, type: "text/plain" };
    case "binary": {
      const [file] = filesOf(only(items, "binary")["file"]);
      if (!file) throw refusedKind("the body is to be a file, and its variable holds none", "FileFetchError");
      return { content: { kind: "file", file: await takeFile(file) } };
    }
    case "x-www-form-urlencoded":
      return {
        content: {
          kind: "form",
          fields: Object.fromEntries(items.map((item) => [textIn(item["key"]), textIn(item["value"])])),
        },
      };
    case "form-data":
      return { content: { kind: "multipart", fields: await parts(items, takeFile) } };
    default:
      return null;
  }
}

async function parts(items: readonly JsonObject[], takeFile: TakeFile): Promise<JsonObject> {
  const fields = new Map<string, Json[]>();
  for (const item of items) {
    const key = textIn(item["key"]);
    const values = fields.get(key) ?? [];
    fields.set(key, values);
    if (item["type"] !== "file") values.push(textIn(item["value"]));
    else for (const file of filesOf(item["file"])) values.push(await takeFile(file));
  }
  return Object.fromEntries(fields);
}

function only(items: readonly JsonObject[], type: string): JsonObject {
  const [first] = items;
  if (first && items.length === 1) return first;
  throw refusedKind(`${type} body type should have exactly one item`, "RequestBodyError");
}

/** JSON text as it is, which keeps its numbers; what is almost JSON, as what it means. */
function jsonText(text: string): string {
  if (text.trim() === "") return "";
  try {
    JSON.parse(text);
    return text;
  } catch {
    const value = lenientJson(text);
    if (value === undefined) throw refusedKind(`Failed to parse JSON: ${text.slice(0, 200)}`, "RequestBodyError");
    return JSON.stringify(value);
  }
}

function mapIn(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textIn(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
