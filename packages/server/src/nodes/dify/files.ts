import { isFileValue, isJsonObject, storedId, type Json, type JsonObject } from "@weftwork/core";
import { readAnswer, type AnswerContext } from "../http-answer.ts";
import { follow } from "../http-follow.ts";
import { firstRequest } from "../http-request.ts";
import { refusedKind } from "./dialect.ts";

/**
 * A file of an imported graph as one of the store. One that lies elsewhere is fetched now, under the same guard as any
 * request, and kept like any file. Throws where it cannot be had.
 */
export async function storedFileOf(file: JsonObject, key: string, context: AnswerContext): Promise<Json> {
  const id = storedId(file);
  if (id !== null) return { type: "file", id };
  const url = file["remote_url"] ?? file["url"];
  if (typeof url !== "string" || context.files === null)
    throw refusedKind("a file variable holds neither a stored file nor an address", "FileFetchError");
  const answered = await follow(firstRequest({ url }, key), context);
  const { statusCode } = answered.response;
  if (statusCode >= 400) {
    await answered.response.body.dump();
    throw refusedKind(`the file at ${answered.url.origin} answers ${statusCode}`, "FileFetchError");
  }
  const { body } = await readAnswer(answered, "file", context);
  if (!isFileValue(body as Json)) throw refusedKind(`there is no file at ${answered.url.origin}`, "FileFetchError");
  return body as Json;
}

/** The files of a value, in order: one, or those of a list. */
export function filesOf(value: Json | undefined): readonly JsonObject[] {
  if (Array.isArray(value)) return (value as readonly Json[]).filter(isJsonObject);
  return isJsonObject(value) ? [value] : [];
}
