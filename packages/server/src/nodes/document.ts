import { AppError, isErrorCode, isFileValue, isJsonObject, storedId, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Documents, TextOptions } from "../documents/documents.ts";
import type { Files } from "../files/files.ts";
import { defineNode } from "./define-node.ts";
import { withConfig } from "./dify/dialect.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";

/** Files of one step. More of them belong into a for_each, which keeps what it has done. */
const FILES_MAX = 100;

const config = z.object({
  file: z.unknown().optional(),
  files: z.unknown().optional(),
  html: z.enum(["source", "text"]).nullish(),
  encoding: z.string().nullish(),
});

export interface DocumentNodeOptions {
  readonly documents: Documents;
  /** Where the bytes of files lie; null: nowhere, and every step fails. */
  readonly files: Files | null;
  /** Fetches files of imported graphs that lie elsewhere: the executor of `http` steps, with its guard and limits. */
  readonly http: NodeExecutor | null;
}

/**
 * `document {file|files|input html encoding}` → the text of a file; of a list of files, the list of their texts in its
 * order. The first file that cannot be read fails the step.
 */
export function documentNode({ documents, files, http }: DocumentNodeOptions): NodeExecutor {
  async function textOf(value: Json, options: TextOptions, task: NodeTask): Promise<string> {
    const id = idOf(value) ?? (await fetchedId(value, task));
    if (id === null || files === null) throw noFile(value);
    const { value: file, bytes } = await files.open(task.tenant, id);
    return documents.read({ name: file.name, mimeType: file.mime_type, bytes }, { signal: task.signal, ...options });
  }

  /** A file of an imported graph that lies at an address is fetched now, and kept. */
  async function fetchedId(value: Json, task: NodeTask): Promise<string | null> {
    if (http === null || !isImported(value)) return null;
    const url = value["remote_url"] ?? value["url"];
    if (typeof url !== "string" || url === "") return null;
    const outcome = await http.execute(withConfig(task, { url, response: "file" }));
    if (outcome.type === "completed") return idOf((outcome.output as { readonly body: Json }).body);
    if (outcome.type === "parked") throw new AppError("STEP_FAILED", { reason: outcome.reason });
    const { code, details = {}, message } = outcome.failure;
    throw isErrorCode(code) ? new AppError(code, details) : new AppError("STEP_FAILED", { reason: message });
  }

  return defineNode({
    type: "document",
    effect: "pure",
    timeoutMs: 600_000,
    config,
    async execute({ file, files: list, html, encoding }, task) {
      const given = (list ?? file ?? task.input()) as Json;
      const options = { ...(html ? { html } : {}), ...(encoding ? { encoding } : {}) };
      if (!Array.isArray(given)) {
        const text = await textOf(given, options, task);
        return list === undefined || list === null ? text : [text];
      }
      const values = given as readonly Json[];
      if (values.length > FILES_MAX) {
        const reason = `it was given ${values.length} files; at most ${FILES_MAX} are read by one step, more by a for_each`;
        throw new AppError("STEP_FAILED", { reason });
      }
      const texts: string[] = [];
      for (const value of values) texts.push(await textOf(value, options, task));
      return texts;
    },
  });
}

/** The id under which the bytes of a file lie: of a file of the store, or of one in the members of a Dify file. */
function idOf(value: Json): string | null {
  if (isFileValue(value)) return value.id;
  return isImported(value) ? storedId(value) : null;
}

function isImported(value: Json): value is JsonObject {
  return isJsonObject(value) && value["dify_model_identity"] !== undefined;
}

function noFile(value: Json): AppError {
  const isRemote = isJsonObject(value) && typeof value["remote_url"] === "string";
  const reason = isRemote
    ? "its file lies elsewhere; fetch it with an http step whose response is file, and give that to this step"
    : "what it was given is no file; give it an uploaded file, or the body of an http step whose response is file";
  return new AppError("STEP_FAILED", { reason });
}
