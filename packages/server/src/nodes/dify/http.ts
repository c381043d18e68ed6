import { failure, isFileValue, storedFile, type FileValue, type Json, type JsonObject } from "@weftwork/core";
import { completed, failedAs, type ChosenOutcome } from "../define-node.ts";
import { readAnswer, type AnswerContext } from "../http-answer.ts";
import { requestError } from "../http-errors.ts";
import { follow } from "../http-follow.ts";
import type { NodeTask } from "../node.ts";
import { failedKind, hasDifyLimits, refusedKind } from "./dialect.ts";
import { storedFileOf } from "./files.ts";
import { difyRequest } from "./http-request.ts";

/** Bytes of an answer where Dify's limits hold. */
const TEXT_BYTES_MAX = 1024 ** 2;
const FILE_BYTES_MAX = 10 * 1024 ** 2;

/**
 * An http node: its request by the machinery of the http step, its answer as `{status_code, body, headers, files}`. A
 * status from 400 on is an answer like any other, unless the node has retries or says what to do about failures.
 */
export async function difyHttp(task: NodeTask, context: AnswerContext): Promise<ChosenOutcome> {
  const { config } = task;
  try {
    const request = await difyRequest(config, task.key, (file) => storedFileOf(file, task.key, context));
    const limited = hasDifyLimits(config) ? { responseBytesMax: TEXT_BYTES_MAX, fileBytesMax: FILE_BYTES_MAX } : {};
    const answered = await follow(request, { ...context, ...idleOf(config["timeout"]) });
    const answer = await readAnswer(answered, "plain", { ...context, ...limited }).catch((error: unknown) => {
      throw requestError(error, answered.url);
    });
    const outputs = outputsOf(answer);
    if (answer.status >= 400 && config["fail_on_status"] === true) return statusOutcome(answered.url, outputs);
    return completed(outputs);
  } catch (error) {
    if (task.signal.aborted) throw error;
    return failedKind(tooLarge(error), "HttpRequestNodeError");
  }
}

/** The longest silence of the one who is asked, in milliseconds. */
function idleOf(timeout: Json | undefined): Pick<AnswerContext, "idleMs"> {
  const read = timeout !== null && typeof timeout === "object" ? (timeout as JsonObject)["read"] : null;
  return typeof read === "number" && read > 0 ? { idleMs: Math.ceil(read * 1000) } : {};
}

function outputsOf({ status, headers, body }: Awaited<ReturnType<typeof readAnswer>>): JsonObject {
  const file = isFileValue(body as Json) ? (body as FileValue) : null;
  return {
    status_code: status,
    body: file === null ? String(body ?? "") : "",
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
    ),
    files: file === null ? [] : [storedFile(file)],
  };
}

function statusOutcome(url: URL, outputs: JsonObject): ChosenOutcome {
  const status = Number(outputs["status_code"]);
  const body = String(outputs["body"]).slice(0, 1000);
  const details = { target: url.origin, status, body, error_type: "HTTPResponseCodeError" };
  const message = `Request failed with status code ${status}`;
  return failedAs({ ...failure("REQUEST_STATUS", details), message, retryable: true });
}

function tooLarge(error: unknown): unknown {
  const code = error !== null && typeof error === "object" && "code" in error ? error.code : null;
  if (code !== "RESULT_TOO_LARGE") return error;
  return refusedKind(`the answer's size is too large: ${(error as Error).message}`, "ResponseSizeError");
}
