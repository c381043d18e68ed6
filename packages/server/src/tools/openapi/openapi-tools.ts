import { AppError, encodeJson, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { NodeTask } from "../../nodes/node.ts";
import type { Requester, ToolRequest } from "../requests.ts";
import type { Tool, ToolSet } from "../tool.ts";
import type { Operation, Place } from "./operations.ts";

export interface OpenApiOptions {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** Where the service is, whatever its description says. */
  readonly url: string;
  readonly requester: Requester;
}

/** The operations of a described service as tools. */
export function openApiTools({ name, operations, url, requester }: OpenApiOptions): ToolSet {
  return {
    name,
    known: operations.map((operation) => operation.name),
    open: async (task) => ({
      tools: operations.map((operation) => operationTool(operation, url, requester, task)),
      close: async () => undefined,
    }),
  };
}

function operationTool(operation: Operation, url: string, requester: Requester, task: NodeTask): Tool {
  const { name, description, parameters } = operation;
  return {
    name,
    description,
    parameters,
    async call(args, context) {
      const { status, body } = await requester.send(name, requestOf(operation, url, args), task, context);
      return body === "" || body === null ? { status } : body;
    },
  };
}

/** The request that a call of an operation is. Arguments never change its host, nor leave their place in the path. */
export function requestOf(operation: Operation, base: string, args: JsonObject): ToolRequest {
  const { name, method, path, places, body } = operation;
  const headers: Record<string, Json> = { accept: "application/json, */*;q=0.5" };
  const query: Record<string, Json> = {};
  let filled = path;
  for (const place of places) {
    const value = args[place.argument];
    if (value === undefined || value === null) {
      if (place.in === "path") throw refused(name, `${place.argument} is missing`);
      continue;
    }
    if (place.in === "path") filled = filled.replaceAll(`{${place.name}}`, () => segment(name, place, value));
    else if (place.in === "header") headers[place.name] = joined(value);
    else addQuery(query, place, value);
  }
  const given = args["body"];
  const sent = body === null || given === undefined ? {} : bodyOf(name, body, given, headers);
  return { method, url: base.replace(/\/+$/, "") + filled, query, headers, response: "auto", ...sent };
}

function bodyOf(
  tool: string,
  { kind, mediaType }: NonNullable<Operation["body"]>,
  value: Json,
  headers: Record<string, Json>,
): Partial<ToolRequest> {
  switch (kind) {
    case "json":
      // Text would go as plain text; here it is JSON like every other value.
      headers["content-type"] = mediaType === "*/*" ? "application/json" : mediaType;
      return { body: typeof value === "string" ? encodeJson(value) : value };
    case "text":
      return { body: joined(value) };
    default:
      if (!isJsonObject(value)) throw refused(tool, "the body must be a map");
      return kind === "form" ? { form: value } : { multipart: value };
  }
}

/** One segment of the path. A dot or two would climb out of it. */
function segment(tool: string, { argument }: Place, value: Json): string {
  const text = joined(value);
  if (text === "" || text === "." || text === "..")
    throw refused(tool, `${argument} cannot be ${JSON.stringify(text)}`);
  return encodeURIComponent(text);
}

function addQuery(query: Record<string, Json>, { name, style }: Place, value: Json): void {
  if (isJsonObject(value)) {
    for (const [key, member] of Object.entries<Json>(value))
      query[style === "deep" ? `${name}[${key}]` : key] = plain(member);
  } else query[name] = style === "joined" ? joined(value) : plain(value);
}

/** Lists stay lists, for they repeat the name; what lies deeper goes as JSON. */
function plain(value: Json): Json {
  if (!Array.isArray(value)) return isJsonObject(value) ? encodeJson(value) : value;
  return (value as readonly Json[]).map((one) => (typeof one === "object" && one !== null ? encodeJson(one) : one));
}

function joined(value: Json): string {
  if (Array.isArray(value)) return (value as readonly Json[]).map(joined).join(",");
  return typeof value === "string" ? value : encodeJson(value);
}

function refused(tool: string, reason: string): AppError {
  return new AppError("TOOL_FAILED", { tool, reason });
}
