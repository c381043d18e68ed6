import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Dispatcher } from "undici";
import type { ModelPart } from "../model.ts";
import type { AnswerReader } from "./openai-answer.ts";
import { refusalError, refusalInStream, type ErrorSource } from "./openai-errors.ts";
import type { Patience } from "./patience.ts";
import { readText } from "./response-text.ts";
import { EventParser, type ServerSentEvent } from "./sse.ts";

const COMPLETION_BYTES_MAX = 64 * 1024 * 1024;
/** How long a server may take to end a response whose answer is complete, before its connection is given up. */
const DRAIN_MS = 1000;

/**
 * The parts of a successful response, those of one piece of the network together. Returns when the answer is complete
 * and throws when it is not: `MODEL_STREAM_CUT` where a stream ends early, `MODEL_ANSWER_INVALID` for what is no answer.
 */
export async function* answerOf(
  source: ErrorSource,
  response: Dispatcher.ResponseData,
  reader: AnswerReader,
  patience: Patience,
): AsyncGenerator<readonly ModelPart[]> {
  const type = String(response.headers["content-type"] ?? "").toLowerCase();
  if (type.includes("text/event-stream")) {
    yield* streamed(source, response.body, reader, patience);
    return;
  }
  const text = await readText(response.body, { limit: COMPLETION_BYTES_MAX });
  patience.hold();
  // Some servers stream under another type, or none.
  if (/^\s*(?:data:|event:|id:|:)/.test(text)) {
    const parser = new EventParser();
    const done = { value: false };
    yield lastParts(source, reader, pushed(source, parser, text).concat(ended(parser)), done);
    return;
  }
  yield completion(source, reader, type, text);
}

async function* streamed(
  source: ErrorSource,
  body: Dispatcher.ResponseData["body"],
  reader: AnswerReader,
  patience: Patience,
): AsyncGenerator<readonly ModelPart[]> {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const done = { value: false };
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const events = pushed(source, parser, decoder.decode(chunk, { stream: true }));
    if (events.length === 0) continue;
    const parts = read(source, reader, events, done);
    if (reader.begun || reader.isFinished || done.value) patience.hold();
    if (parts.length > 0) yield parts;
    if (done.value) break;
    if (reader.begun || reader.isFinished) patience.awaitNext();
  }
  if (done.value) {
    drain(body);
    // Most servers send both together; then the connection is free before the answer is told.
    await new Promise((resolve) => setImmediate(resolve));
    return;
  }
  yield lastParts(source, reader, pushed(source, parser, decoder.decode()).concat(ended(parser)), done);
}

/** What a stream that has ended leaves. An event that was cut in two is the sign of a stream that was. */
function lastParts(
  source: ErrorSource,
  reader: AnswerReader,
  events: readonly ServerSentEvent[],
  done: { value: boolean },
): ModelPart[] {
  const isWhole = events.every(({ data }) => data.trim() === "[DONE]" || parsed(data) !== null);
  const parts = isWhole ? read(source, reader, events, done) : [];
  if (isWhole && (done.value || reader.isFinished)) return parts;
  throw cut(source, "it ended before the model did.");
}

function pushed(source: ErrorSource, parser: EventParser, text: string): ServerSentEvent[] {
  try {
    return parser.push(text);
  } catch {
    throw new AppError("MODEL_ANSWER_INVALID", { model: source.model, reason: "an event of its stream does not end." });
  }
}

function ended(parser: EventParser): ServerSentEvent[] {
  const last = parser.end();
  return last ? [last] : [];
}

/** Takes in events up to `[DONE]`, and gives all their parts. */
function read(
  source: ErrorSource,
  reader: AnswerReader,
  events: readonly ServerSentEvent[],
  done: { value: boolean },
): ModelPart[] {
  const parts: ModelPart[] = [];
  for (const { data } of events) {
    const text = data.trim();
    if (text === "") continue;
    if (text === "[DONE]") {
      done.value = true;
      break;
    }
    const value = parsed(text);
    if (value === null) throw invalid(source, "its stream has an event that is not JSON.");
    const refusal = refusalInStream(value);
    if (refusal) throw refusalError(source, refusal);
    parts.push(...reader.push(value));
  }
  return parts;
}

/** A completion that came as a whole. */
function completion(source: ErrorSource, reader: AnswerReader, type: string, text: string): readonly ModelPart[] {
  const value = parsed(text);
  if (value === null) {
    if (text.trim() === "") throw invalid(source, "it is empty.");
    const isHtml = type.includes("html") || /^\s*<(?:!doctype|html)/i.test(text);
    throw invalid(source, isHtml ? "it is a web page. Check the endpoint." : "it is not JSON.");
  }
  const refusal = refusalInStream(value);
  if (refusal) throw refusalError(source, refusal);
  const parts = reader.push(value);
  return parts;
}

function parsed(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json;
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Reads the end of a complete answer, so that its connection can serve the next call. */
function drain(body: Dispatcher.ResponseData["body"]): void {
  const giveUp = setTimeout(() => body.destroy(), DRAIN_MS);
  body
    .on("error", () => {})
    .on("close", () => clearTimeout(giveUp))
    .resume();
}

function cut(source: ErrorSource, reason: string): AppError {
  return new AppError("MODEL_STREAM_CUT", { model: source.model, reason });
}

function invalid(source: ErrorSource, reason: string): AppError {
  return new AppError("MODEL_ANSWER_INVALID", { model: source.model, reason });
}
