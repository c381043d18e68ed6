import type { JsonObject } from "@weftwork/core";
import { ref } from "./schema.ts";

/** One operation as our tables write it. */
export interface Operation {
  /** Unique; the name of the method that a generated client gets. */
  readonly id: string;
  readonly summary: string;
  readonly tag:
    | "runs"
    | "workflows"
    | "conversations"
    | "files"
    | "secrets"
    | "triggers"
    | "webhooks"
    | "schedules"
    | "operations"
    | "pools"
    | "workers";
  readonly parameters?: readonly JsonObject[];
  readonly body?: JsonObject;
  /** Answers by status. */
  readonly answers: Readonly<Record<string, JsonObject>>;
  /** Statuses of problems besides those that any request may meet. */
  readonly problems?: readonly number[];
}

/** Operations by `METHOD /path`, the path as OpenAPI writes it. */
export type Operations = Readonly<Record<string, Operation>>;

export function json(description: string, schema: string): JsonObject {
  return { description, content: { "application/json": { schema: ref(schema) } } };
}

export function jsonBody(schema: JsonObject, required = true): JsonObject {
  return { required, content: { "application/json": { schema } } };
}

export function query(name: string, schema: JsonObject, description: string): JsonObject {
  return { name, in: "query", required: false, schema, description };
}

export function header(name: string, schema: JsonObject, description: string): JsonObject {
  return { name, in: "header", required: false, schema, description };
}

const PROBLEM: JsonObject = {
  description: "A problem document (RFC 9457).",
  content: { "application/problem+json": { schema: ref("Problem") } },
};

/** The same as the document has it. Parameters of the path are read from it. */
export function operationObject(path: string, operation: Operation): JsonObject {
  const { id, summary, tag, parameters = [], body, answers, problems = [] } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    operationId: id,
    summary,
    tags: [tag],
    parameters: [...inPath, ...parameters],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...answers, ...Object.fromEntries(problems.map((status) => [status, PROBLEM])), default: PROBLEM },
  };
}
