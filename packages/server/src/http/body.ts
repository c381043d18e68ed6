import { isUtf8 } from "node:buffer";
import { AppError, isJsonObject, parseJson, type Json, type JsonObject } from "@weftwork/core";
import type { FastifyInstance } from "fastify";

export const JSON_TYPE = "application/json";
export const YAML_TYPES = ["application/yaml", "application/x-yaml", "text/yaml"] as const;

/** A body as text, with what its sender says it is. */
export interface BodyText {
  readonly type: "json" | "yaml";
  readonly text: string;
}

/**
 * Bodies reach their routes as text: each route knows what it reads, and JSON that is stored is parsed once, strictly.
 * Text that is not UTF-8 is refused, for a replaced character would be stored in silence.
 */
export function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(JSON_TYPE, { parseAs: "buffer" }, parser("json"));
  app.addContentTypeParser([...YAML_TYPES], { parseAs: "buffer" }, parser("yaml"));
}

function parser(type: BodyText["type"]) {
  return (request: { headers: Headers }, body: Buffer, done: Done): void => {
    try {
      done(null, { type, text: textOf(body, request.headers["content-type"]) });
    } catch (error) {
      done(error as Error);
    }
  };
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;
type Done = (error: Error | null, body?: BodyText) => void;

function textOf(body: Buffer, contentType: Headers[string]): string {
  const charset = typeof contentType === "string" && contentType.includes(";") ? charsetOf(contentType) : "utf-8";
  if (charset !== "utf-8" && charset !== "utf8") {
    throw new AppError("UNSUPPORTED_MEDIA_TYPE", { type: String(contentType), accepted: "text in UTF-8" });
  }
  if (!isUtf8(body)) throw new AppError("INVALID_REQUEST", { reason: "the body is not text in UTF-8" });
  const text = body.toString("utf8");
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function charsetOf(contentType: string): string {
  return /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType)?.[1]?.toLowerCase() ?? "utf-8";
}

/** The body as a JSON object. YAML is refused: only workflow files may be YAML. */
export function jsonObjectOf(body: unknown): JsonObject {
  const value = jsonOf(body);
  if (!isJsonObject(value)) throw new AppError("INVALID_REQUEST", { reason: "the body must be a JSON object" });
  return value;
}

/** The same, where no body stands for an object without members. */
export function optionalJsonObjectOf(body: unknown): JsonObject {
  const given = body as BodyText | null | undefined;
  return given == null || given.text === "" ? {} : jsonObjectOf(body);
}

function jsonOf(body: unknown): Json {
  const given = body as BodyText | null | undefined;
  if (given == null || given.text === "") {
    throw new AppError("INVALID_REQUEST", { reason: `there is no body; send a JSON object as ${JSON_TYPE}` });
  }
  if (given.type !== "json") throw new AppError("UNSUPPORTED_MEDIA_TYPE", { type: "YAML", accepted: JSON_TYPE });
  return parseJson(given.text);
}
