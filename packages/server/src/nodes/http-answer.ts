import { buffer } from "node:stream/consumers";
import type { FileValue, Json } from "@weftwork/core";
import { decodeBody, excerptOf, unpacked } from "./http-decode.ts";
import { requestError, statusFailure, tooLarge } from "./http-errors.ts";
import { acceptsStatus, type HttpFields } from "./http-fields.ts";
import { discard, single, type Answered, type FollowContext } from "./http-follow.ts";
import { responseHeaders } from "./http-headers.ts";
import { dispositionName, isFile, pathName, typeOf } from "./http-media.ts";
import type { ChosenOutcome } from "./define-node.ts";

const EXCERPT_LENGTH = 1000;

export interface AnswerContext extends FollowContext {
  /** Bytes of an answer that is held in memory. */
  readonly responseBytesMax: number;
  /** Bytes of an answer that goes to the file store. */
  readonly fileBytesMax: number;
}

/** What a step makes of an answer. */
export interface Answer {
  readonly status: number;
  readonly headers: ReturnType<typeof responseHeaders>;
  readonly body: Json | FileValue;
}

/** The failure that an answer stands for, read from it; null when the step takes its status as a result. */
export async function failedAnswer(
  answered: Answered,
  fields: HttpFields,
  { secrets }: Pick<AnswerContext, "secrets">,
): Promise<ChosenOutcome | null> {
  const { response, url } = answered;
  const { statusCode: status, headers } = response;
  if (acceptsStatus(fields, status)) return null;
  const encoding = single(headers["content-encoding"]);
  // Before it is cut: half a secret would not be known as one.
  const bytes = secrets.hide(unpacked(response.body, { encoding, limit: Infinity }));
  const excerpt = await excerptOf(bytes, EXCERPT_LENGTH);
  return statusFailure(url, status, single(headers["retry-after"]), excerpt);
}

/** `plain`: a file where the answer is one, else its text whatever that holds. */
type ReadAs = NonNullable<HttpFields["response"]> | "plain";

/** Reads an answer to its end: a value in memory, or a file in the store. */
export async function readAnswer(
  answered: Answered,
  as: ReadAs,
  context: AnswerContext,
): Promise<Answer & { readonly size: number }> {
  const { response, url } = answered;
  try {
    const { statusCode: status, headers } = response;
    const { body, size } = await readBody(answered, as, context);
    return { status, headers: responseHeaders(headers), body, size };
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw requestError(error, url);
  } finally {
    if (!response.body.readableEnded) discard(response);
  }
}

async function readBody(
  answered: Answered,
  as: ReadAs,
  context: AnswerContext,
): Promise<{ readonly body: Json | FileValue; readonly size: number }> {
  const { response, request } = answered;
  const { files, responseBytesMax, fileBytesMax } = context;
  const { headers } = response;
  const contentType = single(headers["content-type"]);
  const isEmpty = request.method === "HEAD" || response.statusCode === 204 || response.statusCode === 304;
  const mayBeFile = files !== null && (as === "file" || as === "auto" || as === "plain");
  const limit = mayBeFile ? fileBytesMax : responseBytesMax;
  const announced = Number(headers["content-length"] ?? 0);
  if (announced > limit && request.method !== "HEAD") throw tooLarge(announced, limit);
  if (isEmpty) {
    await response.body.dump();
    return { body: as === "file" ? null : decodeBody(Buffer.alloc(0), contentType, decodedAs(as)), size: 0 };
  }

  const chunks = unpacked(response.body, { encoding: single(headers["content-encoding"]), limit });
  const held: Buffer[] = [];
  let size = 0;
  try {
    for (;;) {
      // A file is known as one by its first bytes, and a text by not being too long to be held.
      const isOne = as === "file" || (mayBeFile && isFileSoFar(held, size, answered, responseBytesMax));
      if (isOne) return await store(resumed(held, chunks), answered, context);
      const { done, value } = await chunks.next();
      if (done) break;
      held.push(value);
      size += value.length;
    }
  } finally {
    await chunks.return(undefined);
  }
  return { body: decodeBody(Buffer.concat(held), contentType, decodedAs(as)), size };
}

/** What is no file by now is a text where a file was hoped for. */
function decodedAs(as: ReadAs): "auto" | "json" | "text" | "bytes" {
  return as === "plain" ? "text" : as === "file" ? "auto" : as;
}

function isFileSoFar(held: readonly Buffer[], size: number, { response }: Answered, memoryMax: number): boolean {
  if (size > memoryMax) return true;
  const { "content-type": type, "content-disposition": disposition } = response.headers;
  return held.length === 1 && isFile(single(type), single(disposition), held[0]!);
}

/** What was held already, and then the rest. */
async function* resumed(held: readonly Buffer[], rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield* held;
  yield* rest;
}

async function store(
  bytes: AsyncIterable<Buffer>,
  { response, url, isSecret }: Answered,
  { files, secrets, tenant, fileBytesMax, signal }: AnswerContext,
): Promise<{ readonly body: FileValue; readonly size: number }> {
  if (!files) throw new Error("an answer without a store to go to");
  const { headers } = response;
  // What was in a URL with a secret may be the secret.
  const named = dispositionName(single(headers["content-disposition"])) ?? (isSecret ? null : pathName(url));
  // A service may send back what it was sent, and a file is kept where no outcome is looked through.
  const name = await buffer(secrets.hide(one(Buffer.from(named ?? "response"))));
  const { value } = await files.put(
    tenant,
    { name: name.toString(), mimeType: typeOf(single(headers["content-type"])), bytesMax: fileBytesMax },
    untilAborted(secrets.hide(bytes), signal),
  );
  return { body: value, size: value.size };
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** A source that ends with an error once the task is not wanted any more, so that nothing of it is kept. */
async function* untilAborted(bytes: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    yield chunk;
  }
  signal.throwIfAborted();
}
